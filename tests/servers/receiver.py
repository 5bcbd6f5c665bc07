"""A receiver of webhooks on loopback: keeps what arrives, and answers as it is told.

``with Receiver(answers=[503, 200]) as receiver`` answers the first request with 503 and all later ones with 200; an
answer of 0 keeps the sender waiting until the receiver is stopped.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from aiohttp import web

from tests.servers.host import LoopbackServer


@dataclass(frozen=True)
class Arrived:
    headers: dict[str, str]
    body: bytes


class Receiver(LoopbackServer):
    def __init__(self, answers: Sequence[int] = (200,)) -> None:
        super().__init__()
        self._answers = list(answers)
        self.arrived: list[Arrived] = []

    @property
    def url(self) -> str:
        return f"{self.origin}/hook"

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/hook", self._take), web.post("/elsewhere", self._take)]

    async def _take(self, request: web.Request) -> web.Response:
        self.arrived.append(Arrived(dict(request.headers), await request.read()))
        status = self._answers[min(len(self.arrived), len(self._answers)) - 1]
        if status == 0:
            await asyncio.sleep(3600)
        headers = {"Location": f"{self.origin}/elsewhere"} if 300 <= status < 400 else {}
        return web.Response(status=status, headers=headers)
