"""Runs an aiohttp application on loopback in a thread of its own, and keeps the log of what was asked of it."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web


@dataclass
class Exchange:
    """One request and how it went. ``end``: ``running``, ``done``, ``client-left``, ``cut``, ``hang``, a status…

    Times are of ``time.monotonic``.
    """

    kind: str
    model: str
    body: dict[str, Any]
    started: float = field(default_factory=time.monotonic)
    first: float | None = None
    ended: float | None = None
    sent: int = 0
    end: str = "running"

    def close(self, end: str) -> None:
        self.end, self.ended = end, time.monotonic()


class LoopbackServer:
    """Base of the wire servers: subclasses add routes. ``with Server() as server: server.url``."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.requests: list[Exchange] = []
        self._failures: dict[str, int] = {}
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def routes(self) -> list[web.RouteDef]:
        raise NotImplementedError

    def start(self) -> Self:
        self._thread.start()
        if not self._ready.wait(30):
            raise RuntimeError("the loopback server did not start")
        return self

    def stop(self) -> None:
        if self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait_until(self, condition: Callable[[list[Exchange]], bool], timeout: float = 10) -> float:
        """Poll the log until ``condition`` holds; return the seconds waited. Raises ``AssertionError``."""
        begin = time.monotonic()
        while time.monotonic() - begin < timeout:
            if condition(self.requests):
                return time.monotonic() - begin
            time.sleep(0.01)
        raise AssertionError(f"not within {timeout} s; ends are {[item.end for item in self.requests]}")

    def wait_for_end(self, end: str, index: int = -1, timeout: float = 10) -> float:
        """Wait until request ``index`` has ended as ``end``."""
        return self.wait_until(lambda log: bool(log) and log[index].end == end, timeout)

    def still_failing(self, key: str, times: int) -> bool:
        """Whether one of the first ``times`` calls of ``key`` is being answered (0: every call)."""
        self._failures[key] = self._failures.get(key, 0) + 1
        return times == 0 or self._failures[key] <= times

    def clear(self) -> None:
        self.requests.clear()
        self._failures.clear()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._stop = asyncio.Event()
        app = web.Application(client_max_size=64 << 20)
        app.add_routes(self.routes())
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()
