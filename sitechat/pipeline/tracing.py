"""Makes the trace of a turn from what the turn knows at its end."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b

import sitechat
from providers.base import Message
from sitechat.events import Failed, Notice, Status
from sitechat.indexes.follower import IndexVersion
from sitechat.pipeline import search
from sitechat.pipeline.state import ScoredChunk, Tools, TurnState
from sitechat.pipeline.trace import (
    Answer,
    Cited,
    Failure,
    Model,
    NoticeTrace,
    Outcome,
    Place,
    Queries,
    Reuse,
    Searched,
    StepTrace,
    Trace,
    TracedPassage,
)

_WEIGHTS = {
    "sentence": search.SENTENCE_WEIGHT,
    "window": search.WINDOW_WEIGHT,
    "words": search.WORDS_WEIGHT,
    "pairs": search.PAIRS_WEIGHT,
    "beside": search.BESIDE_WEIGHT,
}


@dataclass(frozen=True, slots=True)
class Course:
    """What is known of a turn beside its state. ``model`` is the language model's name in the settings."""

    turn_id: str
    model: str
    at: datetime
    outcome: Outcome
    steps: Sequence[Status]
    notices: Sequence[Notice]
    message_id: str | None = None
    failure: Failed | None = None


def trace_of(state: TurnState, tools: Tools, course: Course) -> Trace:
    failure = course.failure
    return Trace(
        sitechat=sitechat.__version__,
        turn_id=course.turn_id,
        message_id=course.message_id,
        at=course.at,
        outcome="refused" if course.outcome == "answered" and state.refused else course.outcome,
        failure=Failure(code=failure.code, message=failure.message) if failure else None,
        reused=Reuse(message_id=state.reused.message.id, exact=state.reused.exact) if state.reused else None,
        intent=state.intent,
        template=state.template.name if state.template is not None else None,
        queries=_queries(state),
        history=tuple(message.id for message in state.history),
        narrowing=state.narrowing,
        searched=_searched(state, tools),
        passages=_passages(state),
        passages_wanted=tools.passages,
        grade=state.grade,
        consultations=tuple(state.consultations),
        model=_model(tools, course.model),
        prompt_version=state.prompt_version,
        request=replace(state.request, passages=()) if state.request is not None else None,
        answer=_answer(state),
        usage=state.usage,
        steps=tuple(_step(status) for status in course.steps),
        notices=tuple(NoticeTrace(kind=notice.kind, message=notice.message) for notice in course.notices),
        ttft_ms=state.ttft_ms,
        duration_ms=state.duration_ms,
    )


def digest(text: str) -> str:
    """The same for the same words, however they are spaced."""
    return blake2b(" ".join(text.split()).encode(), digest_size=8).hexdigest()


def _queries(state: TurnState) -> Queries:
    return Queries(question=state.question, searches=state.queries, leans_on=state.leans_on, further=state.further)


def _searched(state: TurnState, tools: Tools) -> Searched | None:
    if state.where is None or state.knowledge_base is None:
        return None
    return Searched(
        knowledge_base_id=state.knowledge_base.id,
        knowledge_base=state.knowledge_base.name,
        principals=tuple(sorted(state.where.principals or ())),
        index=state.searched or IndexVersion(),
        weights=_WEIGHTS,
        reranking=tools.reranking.spec if tools.reranking is not None else "",
    )


def _passages(state: TurnState) -> tuple[TracedPassage, ...]:
    """Candidates in their order, each as it was given to the model if it was."""
    request = state.request
    prompt = request.messages if request is not None else ()
    texts = {passage.number: passage.text for passage in request.passages} if request is not None else {}
    numbers = {hit.chunk.id: number for number, hit in enumerate(state.hits, start=1) if number in texts}
    dropped = {hit.chunk.id for hit in state.over_budget}
    chosen = {hit.chunk.id: hit for hit in (*state.hits, *state.over_budget)}
    looked_at = {hit.chunk.id: chosen.get(hit.chunk.id, hit) for hit in state.candidates} | chosen
    cited: defaultdict[int, list[int]] = defaultdict(list)
    for citation in state.citations:
        cited[citation.chunk_id].append(citation.number)
    made = []
    for rank, hit in enumerate(looked_at.values(), start=1):
        chunk_id = hit.chunk.id
        number = numbers.get(chunk_id)
        text = texts.get(number or 0)
        place = _place(text, prompt) if text is not None else None
        fate = {
            "number": number,
            "over_budget": chunk_id in dropped,
            "cited": tuple(cited[chunk_id]),
            "place": place,
            "text": text if place is None else None,
        }
        made.append(_passage(hit, rank).model_copy(update=fate))
    return tuple(made)


def _passage(hit: ScoredChunk, rank: int) -> TracedPassage:
    chunk = hit.chunk
    return TracedPassage(
        rank=rank,
        chunk_id=chunk.id,
        document_id=chunk.document_id,
        title=chunk.title,
        heading_path=chunk.heading_path,
        page=chunk.page,
        uri=chunk.uri,
        media_type=chunk.media_type,
        start=chunk.start,
        end=chunk.end,
        read_at=chunk.read_at,
        digest=digest(chunk.text),
        score=hit.score,
        found=hit.found,
    )


def _place(text: str, prompt: Iterable[Message]) -> Place | None:
    """Where the prompt holds the text; nowhere if it does not hold it word for word."""
    for number, message in enumerate(prompt):
        start = message.content.find(text)
        if start >= 0:
            return Place(message=number, start=start, end=start + len(text))
    return None


def _model(tools: Tools, spec: str) -> Model:
    provider = tools.provider
    facts = provider.capabilities
    return Model(
        spec=spec,
        provider=provider.name,
        name=provider.model,
        writes=facts.writes,
        max_output_tokens=min(tools.max_output_tokens, facts.max_output_tokens),
        advisor=tools.advisor.model if tools.advisor is not None else None,
    )


def _answer(state: TurnState) -> Answer:
    return Answer(
        content=state.content,
        citations=tuple(
            Cited(
                number=each.number,
                chunk_id=each.chunk_id,
                document_id=each.document_id,
                title=each.title,
                quote=each.quote,
                start=each.start,
                end=each.end,
            )
            for each in state.citations
        ),
        closest=state.closest,
        truncated=state.truncated,
        support=state.support,
    )


def _step(status: Status) -> StepTrace:
    numbers = dict(status.detail or {})
    spent = numbers.pop("ms", 0.0)
    return StepTrace(
        step=status.step,
        message=status.message,
        ms=float(spent) if isinstance(spent, int | float) else 0.0,
        attempt=status.attempt,
        numbers=numbers,
    )
