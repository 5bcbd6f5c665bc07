"""A bounded hand-over of values from one task to another."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class ChannelEnded(Exception):
    """Nothing more will come."""


class Channel(Generic[T]):
    """One task puts, another gets; ``put`` waits while ``limit`` values lie unread.

    Unlike a queue it has an end: after :meth:`end`, what lies unread is still handed over, then :meth:`get` raises
    the error given to ``end``, or :class:`ChannelEnded`.
    """

    def __init__(self, limit: int = 64) -> None:
        self._items: deque[T] = deque()
        self._limit = limit
        self._ended = False
        self._error: BaseException | None = None
        self._filled = asyncio.Event()
        self._room = asyncio.Event()

    @property
    def full(self) -> bool:
        return len(self._items) >= self._limit

    async def put(self, item: T) -> None:
        while self.full:
            self._room.clear()
            await self._room.wait()
        self._items.append(item)
        self._filled.set()

    def end(self, error: BaseException | None = None) -> None:
        self._ended, self._error = True, error
        self._filled.set()

    async def get(self) -> list[T]:
        """All that lies unread, at least one value."""
        while not self._items:
            if self._ended:
                raise self._error or ChannelEnded
            self._filled.clear()
            await self._filled.wait()
        self._room.set()
        items = list(self._items)
        self._items.clear()
        return items
