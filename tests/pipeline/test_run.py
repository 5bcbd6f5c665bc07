"""A step that an answer is possible without cannot lose it: not by failing, and not by taking for ever."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from sitechat.errors import Unavailable
from sitechat.events import Event, Notice, Status
from sitechat.identity import LOCAL
from sitechat.pipeline.run import OptionalStep, tried
from sitechat.pipeline.state import StepFunction, Tools, TurnState

BEGUN = Status(step="grading", message="Analyzing content relevance")


async def fails(state: TurnState, _: Tools) -> AsyncGenerator[Event, None]:
    yield BEGUN
    raise Unavailable("Down.")


async def breaks(state: TurnState, _: Tools) -> AsyncGenerator[Event, None]:
    yield BEGUN
    raise ZeroDivisionError


async def hangs(state: TurnState, _: Tools) -> AsyncGenerator[Event, None]:
    yield BEGUN
    await asyncio.Event().wait()


@pytest.mark.parametrize("step", [fails, breaks, hangs])
async def test_a_step_that_fails_is_told_of_and_left_out(step: StepFunction) -> None:
    optional = OptionalStep("grading", step, 0.05, "The passages could not be judged.")
    state = TurnState(LOCAL, "Why?")
    events = [event async for event in tried(optional, state, None)]  # type: ignore[arg-type]
    begun, notice, ended = events
    assert begun is BEGUN
    assert isinstance(notice, Notice)
    assert (notice.kind, notice.message) == ("degraded", "The passages could not be judged.")
    assert isinstance(ended, Status)
    assert (ended.step, "ms" in (ended.detail or {})) == ("grading", True)


async def test_the_person_s_stop_goes_through_a_step() -> None:
    optional = OptionalStep("grading", hangs, 60, "The passages could not be judged.")

    async def follow() -> None:
        async for _ in tried(optional, TurnState(LOCAL, "Why?"), None):  # type: ignore[arg-type]
            pass

    task = asyncio.create_task(follow())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
