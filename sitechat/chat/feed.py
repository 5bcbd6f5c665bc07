"""A turn for readers on other threads, such as a Streamlit script."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from queue import Empty, SimpleQueue

from sitechat.chat.service import ChatService
from sitechat.errors import SiteChatError
from sitechat.events import Event, Failed, Terminal
from sitechat.identity import Caller


class TurnFeed:
    """One task on the engine loop reads the turn, a batch whenever the reader asks for one.

    So a reader that looks seldom gets much at a time, and nothing wakes its thread in between.
    """

    def __init__(self, chat: ChatService, caller: Caller, turn_id: str, after: int, loop: asyncio.AbstractEventLoop):
        self.done = False
        self._queue: SimpleQueue[list[Event]] = SimpleQueue()
        self._loop = loop
        self._wanted = asyncio.Event()
        self._asked = False
        self._task = asyncio.run_coroutine_threadsafe(self._drain(chat, caller, turn_id, after), loop)

    def get(self, timeout: float) -> list[Event]:
        """All events since the last time; empty when none came within ``timeout`` seconds.

        ``done`` is true after the terminal event.
        """
        if not self._asked:
            self._asked = True
            self._signal(self._wanted.set)
        try:
            batch = self._queue.get(timeout=timeout)
        except Empty:
            return []
        self._asked = False
        self.done = isinstance(batch[-1], Terminal)
        return batch

    def close(self) -> None:
        """Stop watching; the turn goes on."""
        self._signal(self._task.cancel)

    def _signal(self, function: Callable[[], object]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function)

    async def _drain(self, chat: ChatService, caller: Caller, turn_id: str, after: int) -> None:
        try:
            async with aclosing(chat.batches(caller, turn_id, after)) as batches:
                await self._wanted.wait()
                async for batch in batches:
                    self._wanted.clear()
                    self._queue.put(batch)
                    await self._wanted.wait()
        except SiteChatError as error:
            self._queue.put(
                [Failed(turn_id=turn_id, code=error.code, message=error.message, retryable=error.retryable)]
            )
