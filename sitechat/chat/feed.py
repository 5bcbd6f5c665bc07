"""A turn for readers on other threads, such as a Streamlit script."""

import asyncio
from collections.abc import Callable
from queue import Empty, SimpleQueue

from sitechat.chat.service import ChatService
from sitechat.errors import SiteChatError
from sitechat.events import Event, Failed, Terminal
from sitechat.identity import Caller

INTERVAL = 0.04
"""Seconds between batches: 25 updates a second at most."""


class TurnFeed:
    """One task on the engine loop drains the turn into a queue, a batch only when the last one was taken."""

    def __init__(self, chat: ChatService, caller: Caller, turn_id: str, after: int, loop: asyncio.AbstractEventLoop):
        self.done = False
        self._queue: SimpleQueue[list[Event]] = SimpleQueue()
        self._loop = loop
        self._taken = asyncio.Event()
        self._task = asyncio.run_coroutine_threadsafe(self._drain(chat, caller, turn_id, after), loop)

    def get(self, timeout: float) -> list[Event]:
        """The next events; empty when none came within ``timeout`` seconds. ``done`` is true after the last."""
        try:
            batch = self._queue.get(timeout=timeout)
        except Empty:
            return []
        self.done = isinstance(batch[-1], Terminal)
        self._signal(self._taken.set)
        return batch

    def close(self) -> None:
        """Stop watching; the turn goes on."""
        self._signal(self._task.cancel)

    def _signal(self, function: Callable[[], object]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function)

    async def _drain(self, chat: ChatService, caller: Caller, turn_id: str, after: int) -> None:
        try:
            async for batch in chat.batches(caller, turn_id, after, INTERVAL):
                self._taken.clear()
                self._queue.put(batch)
                if not isinstance(batch[-1], Terminal):
                    await self._taken.wait()
        except SiteChatError as error:
            self._queue.put(
                [Failed(turn_id=turn_id, code=error.code, message=error.message, retryable=error.retryable)]
            )
