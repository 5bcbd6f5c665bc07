"""Looks further where the passages do not answer: wider and in other words, twice at most.

Only evidence that is clearly enough overturns what the first passages came to, as the more is looked at, the more there
is that looks like an answer. What remains is a cautious answer from the best there is, or a refusal.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from itertools import chain

from providers.evidence import PASSAGES
from providers.question import analyse
from providers.words import stem, words
from sitechat.events import Event, Status
from sitechat.pipeline.grade import about, graded
from sitechat.pipeline.judge import PARTLY
from sitechat.pipeline.retrieve import retrieve
from sitechat.pipeline.rewrite import new_words
from sitechat.pipeline.state import Grade, ScoredChunk, Tools, TurnState, stopwatch

ATTEMPTS = 2
_BEST = 3
"""Passages whose neighbours are looked at."""


async def expand(state: TurnState, tools: Tools) -> AsyncGenerator[Event, None]:
    """Search further until ``state.grade`` is *enough*; leave it as it was where that does not help."""
    for attempt in range(1, ATTEMPTS + 1):
        if state.grade is None or state.grade.verdict == "enough":
            return
        message = f"Answer not found, expanding context (attempt {attempt})"
        done = stopwatch("expanding", message)
        yield Status(step="expanding", message=message, attempt=attempt)
        further = await _further(state, tools, attempt)
        known = {hit.chunk.id for hit in state.candidates}
        state.candidates = (*state.candidates, *(hit for hit in further if hit.chunk.id not in known))
        hits = _to_judge(state, state.grade, further, tools.passages, attempt)
        found = await graded(state, tools, hits, depth=PASSAGES * (attempt + 1)) if hits else None
        if found is not None:
            _take(state, found, hits)
        yield done(passages=len(hits)).model_copy(update={"attempt": attempt})
    if state.grade is not None and state.grade.verdict == "partly":
        message = "Using best available matches"
        yield stopwatch("expanding", message)(passages=len(state.hits))


async def _further(state: TurnState, tools: Tools, attempt: int) -> tuple[ScoredChunk, ...]:
    """What other searches find, the likeliest first; a passage that was a candidate already is as like as it was."""
    queries = _queries(state, attempt)
    state.further += queries
    lists = [await _found(state, tools, query) for query in queries]
    if attempt == ATTEMPTS:
        lists.append(await _beside(state, tools))
    known = {hit.chunk.id: hit for hit in state.candidates}
    found: dict[int, ScoredChunk] = {}
    for hit in chain.from_iterable(lists):
        found.setdefault(hit.chunk.id, known.get(hit.chunk.id, hit))
    return tuple(found.values())


def _queries(state: TurnState, attempt: int) -> tuple[str, ...]:
    """What a model would look for; else the question's telling words, then it with the likeliest title."""
    if state.grade is not None and state.grade.searches:
        return state.grade.searches
    if attempt == 1:
        telling = analyse(state.asked).telling
        kept = " ".join(word for word in words(state.asked) if stem(word) in telling)
        return (f"{kept} {new_words(state.asked, state.leans_on)}".strip(),)
    return tuple(f"{hit.chunk.title} {state.asked}" for hit in state.candidates[:1])


async def _found(state: TurnState, tools: Tools, query: str) -> tuple[ScoredChunk, ...]:
    """What another query finds. How like it a passage is, tells little about the question: it was not found by that."""
    search = replace(state, queries=(query,), leans_on=())
    async for _ in retrieve(search, tools):
        pass
    least = min((hit.found.cosine for hit in state.candidates), default=0.0)
    return tuple(
        replace(hit, found=replace(hit.found, cosine=min(hit.found.cosine, least), words=0.0))
        for hit in search.candidates
    )


async def _beside(state: TurnState, tools: Tools) -> tuple[ScoredChunk, ...]:
    """The neighbours of the best passages, each as like the question as the less like of the two it is beside."""
    best = state.candidates[:_BEST]
    found = await tools.knowledge.neighbours(state.caller, [hit.chunk for hit in best])
    kin = {chunk.id: [hit for hit in best if hit.chunk.document_id == chunk.document_id] for chunk in found}
    return tuple(
        replace(min(kin[chunk.id], key=lambda hit: hit.score), chunk=chunk)
        for chunk in found
        if chunk.id not in state.left_out
    )


def _to_judge(
    state: TurnState, former: Grade, further: Sequence[ScoredChunk], passages: int, attempt: int
) -> tuple[ScoredChunk, ...]:
    """By a model: what answered a part, and what it has not seen. By their sentences: more of all there is."""
    if former.by == "sentences":
        return state.candidates[: passages * (attempt + 1)]
    useful = [hit for hit in state.hits if former.relevance.get(hit.chunk.id, 0) >= PARTLY][: passages // 2]
    unseen = [hit for hit in (*further, *state.candidates) if hit.chunk.id not in former.relevance]
    unseen = list({hit.chunk.id: hit for hit in unseen}.values())
    return (*useful, *unseen[: passages - len(useful)]) if unseen else ()


def _take(state: TurnState, found: Grade, hits: tuple[ScoredChunk, ...]) -> None:
    """Have the new grade in place of the former, if it is worth it."""
    former = state.grade
    if former is None:
        return
    seen = {**former.relevance, **found.relevance}
    better = _RANKS[found.verdict] > _RANKS[former.verdict] and (found.by == "model" or found.verdict == "enough")
    if better:
        state.grade, state.hits = replace(found, relevance=seen), about(found, hits)
    else:
        state.grade = replace(former, relevance=seen, searches=found.searches)


_RANKS = {"not enough": 0, "partly": 1, "enough": 2}
