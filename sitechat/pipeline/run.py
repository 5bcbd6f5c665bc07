"""The order of the steps, and how long each may take."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace

from sitechat.events import Event, Notice, Step
from sitechat.pipeline.answer import answer
from sitechat.pipeline.cached import cached, repeat
from sitechat.pipeline.expand import expand
from sitechat.pipeline.grade import grade
from sitechat.pipeline.rerank import rerank
from sitechat.pipeline.retrieve import retrieve
from sitechat.pipeline.rewrite import rewrite
from sitechat.pipeline.route import route
from sitechat.pipeline.state import StepFunction, Tools, TurnState, stopwatch
from sitechat.pipeline.verify import verify

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OptionalStep:
    """A step that an answer is possible without. ``seconds`` is its limit; ``without`` is what a person is told.

    Such a step changes the state only once it knows what it has to say.
    """

    name: Step
    step: StepFunction
    seconds: float
    without: str


CACHED = OptionalStep("cached", cached, 5, "Earlier answers could not be looked through.")
ROUTE = OptionalStep("routing", route, 15, "The question could not be classified; searching the documents for it.")
GRADE = OptionalStep("grading", grade, 15, "Whether the passages answer the question could not be judged.")
EXPAND = OptionalStep("expanding", expand, 40, "Searching further took too long; answering from what was found.")
REWRITE = OptionalStep("rewriting", rewrite, 15, "The conversation could not be taken into account.")
RERANK = OptionalStep(
    "grading", rerank, 8, "The passages could not be ranked anew; they stand as the search found them."
)
VERIFY = OptionalStep("verifying", verify, 20, "The sentences could not be checked against their sources.")


async def run(state: TurnState, tools: Tools) -> AsyncGenerator[Event, None]:
    """Answer ``state.question``; what came of it is in ``state``. Raises ``SiteChatError``."""
    async for event in tried(CACHED, state, tools):
        yield event
    if state.reused is not None:
        for event in repeat(state, state.reused):
            yield event
        return
    async for event in search(state, tools):
        yield event
    if state.intent == "qa" and state.hits:
        for optional in (GRADE, EXPAND):
            async for event in tried(optional, state, tools):
                yield event
    async with aclosing(checked(answer(state, tools), state, tools)) as events:
        async for event in events:
            yield event


async def checked(
    answering: AsyncGenerator[Event, None], state: TurnState, tools: Tools
) -> AsyncGenerator[Event, None]:
    """The events of an answer, and then those of holding its sentences against their sources."""
    async with aclosing(answering) as events:
        async for event in events:
            yield event
    async for event in tried(VERIFY, state, tools):
        yield event


async def search(state: TurnState, tools: Tools) -> AsyncGenerator[Event, None]:
    """The steps before the answer is made; passages are in ``state`` then. Raises ``SiteChatError``."""
    async for event in tried(ROUTE, state, tools):
        yield event
    if state.intent != "chitchat":
        async for event in tried(REWRITE, state, tools):
            yield event
        tools = _for_text(state, tools)
        async for event in find(state, tools):
            yield event


async def find(state: TurnState, tools: Tools) -> AsyncGenerator[Event, None]:
    """Passages for ``state.queries``, in the order in which they are to be used."""
    async for event in retrieve(state, tools):
        yield event
    state.first_hits = state.hits
    async for event in tried(RERANK, state, tools):
        yield event


def _for_text(state: TurnState, tools: Tools) -> Tools:
    """A text may be made from more passages than an answer."""
    wanted = state.template.passages if state.template is not None else 0
    return replace(tools, passages=max(tools.passages, wanted))


async def tried(optional: OptionalStep, state: TurnState, tools: Tools) -> AsyncGenerator[Event, None]:
    """The step's events; where it fails or takes too long, a notice in place of the rest of them."""
    done = stopwatch(optional.name, optional.without)
    deadline = asyncio.get_running_loop().time() + optional.seconds
    async with aclosing(optional.step(state, tools)) as events:
        while True:
            try:
                async with asyncio.timeout_at(deadline):
                    event = await anext(events)
            except StopAsyncIteration:
                return
            except Exception as error:
                took_long = isinstance(error, TimeoutError)
                log.warning("the step %s was left out", optional.name, exc_info=None if took_long else error)
                break
            yield event
    yield Notice(kind="degraded", message=optional.without)
    yield done()
