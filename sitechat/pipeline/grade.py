"""Decides whether the passages that were found answer the question.

A language model decides where one may be asked. Where its judgement does not come, one that writes is left to say so
itself; one that only quotes would quote something, so there the passages' sentences decide.
"""

from collections.abc import AsyncGenerator, Sequence

from providers.evidence import PASSAGES
from sitechat.events import Event, Status
from sitechat.pipeline.judge import judged
from sitechat.pipeline.sentences import graded_by_sentences
from sitechat.pipeline.state import Grade, ScoredChunk, Tools, TurnState, stopwatch


async def grade(state: TurnState, tools: Tools) -> AsyncGenerator[Event, None]:
    """Fill ``state.grade`` and keep of ``state.hits`` those that a model says are about the question.

    Says nothing where a model answers and none may be asked before it does.
    """
    if tools.advisor is None and tools.provider.capabilities.writes:
        return
    validating = "Validating information"
    done = stopwatch("grading", validating)
    yield Status(step="grading", message="Analyzing content relevance")
    if tools.advisor is not None:
        yield Status(step="grading", message=validating)
    found = await graded(state, tools, state.hits)
    if found is not None:
        state.grade, state.hits = found, about(found, state.hits)
    scored = {} if found is None or found.score is None else {"score": found.score}
    yield done(passages=len(state.hits), **scored)


async def graded(state: TurnState, tools: Tools, hits: Sequence[ScoredChunk], *, depth: int = PASSAGES) -> Grade | None:
    """Whether ``hits`` answer; ``depth`` is how many of them are looked at where no model judges."""
    found = await judged(tools.advisor, state, hits) if tools.advisor is not None else None
    if found is not None or tools.provider.capabilities.writes:
        return found
    return await graded_by_sentences(state, tools, hits, depth=depth)


def about(found: Grade, hits: Sequence[ScoredChunk]) -> tuple[ScoredChunk, ...]:
    """Those of ``hits`` that a model did not find to be about something else; all where nothing is left."""
    return tuple(hit for hit in hits if found.relevance.get(hit.chunk.id, 1)) or tuple(hits)
