"""The bell of an open page: a socket that says "something has changed" about a person's jobs, and nothing else.

What has changed a page asks its session for, so nothing worth reading goes over this socket. Who may listen is who
knows the token of a session; it comes first, as a message, since addresses end up in logs. The next ring waits until
the page has looked at the last one, so a slow browser is never buried, and a page whose tab is hidden costs nothing.
"""

import asyncio
import secrets
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from starlette.websockets import WebSocket, WebSocketDisconnect

from sitechat.identity import Caller
from sitechat.runtime import Runtime

UNKNOWN = 4404
"""Close code: no session has this token, or not any more."""
HELLO_SECONDS = 10.0
UNANSWERED_SECONDS = 20.0
"""After so long without an answer the bell may ring again."""
RING = "changed"


@dataclass(eq=False, slots=True, weakref_slot=True)
class Doorbell:
    """One session's. ``every_change``: what is open shows how far jobs are; else only their beginning and end matter.

    ``version`` and ``endings``: of the activity that the page last drew.
    """

    caller: Caller
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    every_change: bool = False
    version: int = 0
    endings: int = 0
    missed: bool = False
    """The last ring led to no drawing, and another one is wanted."""
    _answered: asyncio.Event | None = None
    _loop: asyncio.AbstractEventLoop | None = None

    def drawn(self, version: int, endings: int) -> None:
        """The page shows this; from any thread."""
        self.version, self.endings = version, endings
        self._answer()

    def again(self) -> None:
        """The page could not draw for this ring, but could now; from any thread."""
        self.missed = True
        self._answer()

    def _answer(self) -> None:
        if self._loop is not None and self._answered is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._answered.set)

    def connected(self) -> asyncio.Event:
        """What is set when the page has drawn something; on the loop that calls this."""
        self._answered, self._loop = asyncio.Event(), asyncio.get_running_loop()
        return self._answered


class Doorbells:
    """Those of all open sessions; a session that is gone takes its own with it."""

    def __init__(self) -> None:
        self._bells: WeakValueDictionary[str, Doorbell] = WeakValueDictionary()
        self._lock = threading.Lock()

    def make(self, caller: Caller) -> Doorbell:
        bell = Doorbell(caller)
        with self._lock:
            self._bells[bell.token] = bell
        return bell

    def find(self, token: str) -> Doorbell | None:
        with self._lock:
            return self._bells.get(token)


doorbells = Doorbells()


def listen(runtime: Callable[[], Runtime]) -> Callable[[WebSocket], Awaitable[None]]:
    """The endpoint."""

    async def respond(socket: WebSocket) -> None:
        await socket.accept()
        try:
            bell = doorbells.find(await asyncio.wait_for(socket.receive_text(), HELLO_SECONDS))
            if bell is None:
                await socket.close(UNKNOWN)
                return
            await _until_left(socket, _ring(socket, bell, runtime()))
        except WebSocketDisconnect:
            return
        except (TimeoutError, KeyError):  # it said nothing, or not in words
            with suppress(RuntimeError, WebSocketDisconnect):
                await socket.close()

    return respond


async def _until_left(socket: WebSocket, ringing: Awaitable[None]) -> None:
    """Ring until the other side goes; whichever ends first ends both."""
    tasks = {asyncio.ensure_future(ringing), asyncio.ensure_future(_left(socket))}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        ended, _ = await asyncio.wait(tasks)
        for task in ended:
            _ = task.cancelled() or task.exception()  # looked at, so that nobody warns of it


async def _left(socket: WebSocket) -> None:
    while True:
        await socket.receive_text()


async def _ring(socket: WebSocket, bell: Doorbell, engine: Runtime) -> None:
    answered = bell.connected()
    seen = bell.version
    while True:
        activity = await engine.acall(engine.ingestion.activity.changed(bell.caller, seen))
        seen = activity.version
        if activity.version == bell.version or not (bell.every_change or activity.endings != bell.endings):
            continue
        answered.clear()
        await socket.send_text(RING)
        with suppress(TimeoutError):
            await asyncio.wait_for(answered.wait(), UNANSWERED_SECONDS)
        if bell.missed:
            bell.missed, seen = False, bell.version
