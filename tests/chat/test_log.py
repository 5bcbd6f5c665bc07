"""The log of a turn: any number of watchers, each seeing every event once and in order, or told what it missed."""

import asyncio

import pytest

from sitechat.chat.log import TurnLog
from sitechat.events import Event, Failed, Gap, Snapshot, Status, Stopped, Token


async def collect(log: TurnLog, after: int = 0, pause: float = 0.0) -> list[Event]:
    seen: list[Event] = []
    async for batch in log.batches(after):
        seen += batch
        await asyncio.sleep(pause)
    return seen


def filled(count: int, held: int = 100) -> TurnLog:
    log = TurnLog("t", held)
    for number in range(count):
        log.append(Token(text=f"{number} "))
    return log


async def test_a_late_watcher_replays_and_then_follows_live() -> None:
    log = filled(3)
    watcher = asyncio.create_task(collect(log))
    await asyncio.sleep(0)
    log.append(Token(text="live"))
    await asyncio.sleep(0)
    log.append(Stopped(message_id="m", content="0 1 2 live"))
    events = await watcher
    assert [event.seq for event in events] == [1, 2, 3, 4, 5]
    assert {event.turn_id for event in events} == {"t"}


async def test_two_watchers_of_different_pace_see_the_same() -> None:
    log = TurnLog("t")
    slow, fast = (asyncio.create_task(collect(log, pause=pace)) for pace in (0.02, 0.0))
    for number in range(50):
        log.append(Token(text=str(number)))
        await asyncio.sleep(0.001)
    log.append(Failed(code="INTERNAL", message="", retryable=False))
    assert await slow == await fast


async def test_watching_from_a_number_gives_only_what_came_after() -> None:
    log = filled(4)
    log.append(Stopped(message_id=None, content=""))
    assert [event.seq for event in await collect(log, after=3)] == [4, 5]


async def test_what_is_no_longer_held_is_a_gap_with_a_snapshot_of_all_so_far() -> None:
    log = TurnLog("t", held=5)
    log.append(Status(step="routing", message="Classifying your question"))
    for number in range(20):
        log.append(Token(text=f"{number} "))
    gap, snapshot = log.read(after=2)
    assert isinstance(gap, Gap)
    assert isinstance(snapshot, Snapshot)
    assert (gap.from_, gap.to) == (3, 21)
    assert snapshot.content == "".join(f"{number} " for number in range(20))
    assert [status.step for status in snapshot.steps] == ["routing"]
    log.append(Stopped(message_id=None, content=""))
    assert isinstance((await collect(log, after=gap.to))[-1], Stopped)


def test_what_has_ended_stays_in_the_list_and_what_had_begun_gives_way_to_what_came_of_it() -> None:
    """Passages are ranked, then judged: two ends of one step. A step that is tried again ends once for each attempt."""
    log = TurnLog("t")
    for begun in (
        Status(step="grading", message="Ranking results"),
        Status(step="grading", message="Validating information"),
        Status(step="expanding", message="Answer not found", attempt=1),
        Status(step="expanding", message="Answer not found", attempt=2),
    ):
        log.append(begun)
        log.append(begun.model_copy(update={"detail": {"ms": 1.0}}))
    log.append(Status(step="generating", message="Generating answer"))
    assert [(step.message, step.attempt) for step in log.steps] == [
        ("Ranking results", None),
        ("Validating information", None),
        ("Answer not found", 1),
        ("Answer not found", 2),
        ("Generating answer", None),
    ]
    assert log.finished == log.steps[:-1]


async def test_a_gap_never_swallows_the_end() -> None:
    log = filled(20, held=5)
    log.append(Stopped(message_id=None, content=""))
    assert [event.type for event in await collect(log, after=1)] == ["gap", "snapshot", "stopped"]


def test_nothing_follows_the_end() -> None:
    log = filled(1)
    log.append(Stopped(message_id=None, content=""))
    with pytest.raises(RuntimeError, match="has ended"):
        log.append(Token(text="late"))
