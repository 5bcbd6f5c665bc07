"""Reads a blocking stream in a thread of its own and hands it to the event loop, a bounded number of items ahead.

A thread that waits in ``recv`` cannot be interrupted, but its socket can be shut down, which ends the wait at once.
So whoever opens the connection registers the socket with the :class:`Interrupt` of its thread.
"""

import asyncio
import socket
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")

_current = threading.local()


class Interrupted(Exception):
    """The reader has left; raised in the reading thread."""


class Interrupt:
    """Ends the reading thread from outside: shuts its socket, now or as soon as it has one.

    A pooled connection passes from thread to thread, so a socket belongs to the interrupt that attached it last.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._fired = False

    @property
    def fired(self) -> bool:
        return self._fired

    def attach(self, connected: socket.socket | None) -> None:
        """Called in the reading thread whenever its connection is made or used again. Raises :class:`Interrupted`."""
        with _owning:
            self._socket = connected
            if connected is not None:
                _owners[connected] = self
        if self._fired:
            self.fire()
            raise Interrupted

    def detach(self) -> None:
        """The thread has read to the end; its connection is free for others."""
        with _owning:
            self._socket = None

    def fire(self) -> None:
        with _owning:
            self._fired = True
            connected, self._socket = self._socket, None
            if connected is not None and _owners.get(connected) is self:
                _shut(connected)


_owning = threading.Lock()
_owners: WeakKeyDictionary[socket.socket, Interrupt] = WeakKeyDictionary()


def current_interrupt() -> Interrupt | None:
    """The interrupt of the calling thread, if it is one that reads a stream here."""
    return getattr(_current, "interrupt", None)


def _shut(connected: socket.socket) -> None:
    try:
        socket.socket.shutdown(connected, socket.SHUT_RDWR)
    except OSError:
        return  # it is closed already


class ThreadStream(Generic[T]):
    """``open_stream`` is called in the thread and returns what is iterated there."""

    def __init__(self, open_stream: Callable[[], Iterable[T]], *, name: str, ahead: int = 64) -> None:
        self._open = open_stream
        self._interrupt = Interrupt()
        self._items: deque[T] = deque()
        self._room = threading.Semaphore(ahead)
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._ended = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    async def items(self) -> AsyncGenerator[T, None]:
        """Start the thread and give its items. Closing this generator ends the thread and its connection."""
        self._thread.start()
        try:
            while True:
                while self._items:
                    self._room.release()
                    yield self._items.popleft()
                if self._ended and not self._items:
                    break
                self._news.clear()
                if not self._items and not self._ended:
                    await self._news.wait()
        finally:
            self._interrupt.fire()
            self._room.release()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        _current.interrupt = self._interrupt
        try:
            self._read()
        except BaseException as error:  # noqa: BLE001  handed over, and raised where the items are read
            self._error = error
        self._interrupt.detach()
        self._ended = True
        self._tell()

    def _read(self) -> None:
        stream = self._open()
        try:
            for item in stream:
                self._room.acquire()
                if self._interrupt.fired:
                    return
                self._items.append(item)
                self._tell()
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()

    def _tell(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:
            self._interrupt.fire()  # the loop is gone, and with it the reader
