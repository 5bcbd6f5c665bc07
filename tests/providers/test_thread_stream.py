"""A blocking stream, read in a thread."""

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from providers.thread_stream import Interrupt, Interrupted, ThreadStream, current_interrupt


async def test_items_arrive_in_order_and_the_stream_is_closed() -> None:
    """As if it were read on the loop."""
    closed = threading.Event()

    class Numbers:
        def __iter__(self) -> Iterator[int]:
            return iter(range(500))

        def close(self) -> None:
            closed.set()

    assert [item async for item in ThreadStream(Numbers, name="t", ahead=8).items()] == list(range(500))
    assert closed.is_set()


async def test_an_error_in_the_thread_is_raised_after_what_came_before_it() -> None:
    """Nothing that had arrived is lost."""

    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("oops")

    items = ThreadStream(broken, name="t").items()
    assert await anext(items) == 1
    with pytest.raises(ValueError, match="oops"):
        await anext(items)


async def test_the_thread_stays_a_bounded_way_ahead() -> None:
    """A slow reader does not fill the memory."""
    made = 0

    def endless() -> Iterator[int]:
        nonlocal made
        while True:
            made += 1
            yield made

    items = ThreadStream(endless, name="endless", ahead=10).items()
    await anext(items)
    await asyncio.sleep(0.2)
    assert made < 20
    await items.aclose()


async def test_a_thread_that_waits_on_a_socket_is_woken() -> None:
    """Shutting the socket ends a read that would have lasted for ever."""
    ours, theirs = socket.socketpair()
    ended = threading.Event()

    def blocked() -> Iterator[bytes]:
        interrupt = current_interrupt()
        assert interrupt is not None
        interrupt.attach(ours)
        yield b"first"
        yield ours.recv(10)
        ended.set()

    items = ThreadStream(blocked, name="blocked").items()
    assert await anext(items) == b"first"
    await items.aclose()
    assert theirs.recv(10) == b""
    ours.close()
    theirs.close()


def test_a_connection_made_after_the_reader_left_is_shut_at_once() -> None:
    """The request is never sent."""
    ours, theirs = socket.socketpair()
    interrupt = Interrupt()
    interrupt.fire()
    with pytest.raises(Interrupted):
        interrupt.attach(ours)
    assert theirs.recv(10) == b""
    ours.close()
    theirs.close()


def test_a_pooled_connection_belongs_to_its_latest_user() -> None:
    """A reader that leaves late does not shut the connection of the next."""
    ours, theirs = socket.socketpair()
    first, second = Interrupt(), Interrupt()
    first.attach(ours)
    second.attach(ours)
    first.fire()
    ours.send(b"still open")
    assert theirs.recv(20) == b"still open"
    second.fire()
    assert theirs.recv(20) == b""
    ours.close()
    theirs.close()
