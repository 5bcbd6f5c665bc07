"""A question answered again from exactly what it was answered from, as its trace recorded it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from providers.base import Passage
from sitechat.events import Event, Status
from sitechat.identity import Caller
from sitechat.pipeline.answer import answer, write
from sitechat.pipeline.state import ScoredChunk, Tools, TurnState, stopwatch
from sitechat.pipeline.templates import templates
from sitechat.pipeline.trace import Trace, TracedPassage
from sitechat.storage.values import Chunk


def recorded(trace: Trace, caller: Caller) -> TurnState:
    """The turn as it was when its answer began."""
    hits = tuple(_hit(trace, passage) for passage in trace.given)
    return TurnState(
        caller,
        trace.queries.question,
        intent=trace.intent,
        template=templates().get(trace.template or ""),
        queries=trace.queries.searches,
        leans_on=trace.queries.leans_on,
        candidates=hits,
        hits=hits,
        grade=trace.grade,
        prompt_version=trace.prompt_version,
    )


async def answer_again(state: TurnState, tools: Tools, trace: Trace) -> AsyncGenerator[Event, None]:
    """As :func:`sitechat.pipeline.answer.answer`, but the model is asked word for word what it was asked then."""
    if trace.request is None:
        async with aclosing(answer(state, tools)) as events:
            async for event in events:
                yield event
        return
    message = "Generating answer"
    done = stopwatch("generating", message)
    yield Status(step="generating", message=message)
    passages = tuple(
        Passage(passage.number or 0, passage.title, passage.section, trace.text_of(passage) or "", passage.score)
        for passage in trace.given
    )
    limit = min(trace.request.max_output_tokens, tools.provider.capabilities.max_output_tokens)
    request = replace(trace.request, passages=passages, max_output_tokens=limit)
    async with aclosing(write(state, tools, request)) as events:
        async for event in events:
            yield event
    yield done()


def _hit(trace: Trace, passage: TracedPassage) -> ScoredChunk:
    chunk = Chunk(
        id=passage.chunk_id,
        document_id=passage.document_id,
        knowledge_base_id=trace.searched.knowledge_base_id or "" if trace.searched is not None else "",
        ordinal=0,
        start=passage.start,
        end=passage.end,
        text=trace.text_of(passage) or "",
        heading_path=passage.heading_path,
        page=passage.page,
        title=passage.title,
        uri=passage.uri,
        media_type=passage.media_type,
        read_at=passage.read_at,
    )
    return ScoredChunk(chunk, passage.score, passage.found)
