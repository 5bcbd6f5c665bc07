"""Judges the passages by their sentences, without a language model: which answer best, and whether they do at all."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from providers.base import Passage
from providers.evidence import COMPARED, PASSAGES, Candidate, by_likeness, by_stand_in, by_words, choose, quotes
from providers.sufficiency import THRESHOLD, sufficiency
from sitechat.pipeline.search import WORDS_WEIGHT
from sitechat.pipeline.state import Grade, ScoredChunk, Tools, TurnState, Verdict

CLEAR = 0.2
"""Evidence that is above the threshold by less than this is no more than the best there is."""

_UNKNOWN_COSINE = 0.3
"""In place of a passage's cosine where the search model is away."""

_POOLED = 0.05
"""A sentence's vector pooled from its passage is so much less like a question than that of the sentence by itself."""

_log = logging.getLogger(__name__)


async def graded_by_sentences(
    state: TurnState, tools: Tools, hits: Sequence[ScoredChunk], *, depth: int = PASSAGES
) -> Grade:
    """The grade of ``hits``; the sentences of the best ``depth`` of them are looked at."""
    looked_at = _looked_at(hits, depth)
    passages = [_passage(number, hit) for number, hit in enumerate(hits, start=1) if hit in looked_at]
    found = by_words(state.asked, passages, beside=" ".join(state.leans_on), depth=depth)
    try:
        compared = await _compared(state, tools, found, [hit.chunk.id for hit in hits])
        ranked = by_likeness(list(compared), list(compared.values()))
    except Exception:  # noqa: BLE001  the search model only sharpens the choice: a grade without it beats none
        _log.warning("sentences could not be compared; judging by words alone", exc_info=True)
        ranked = by_stand_in(found)
    score = round(sufficiency(state.asked, ranked), 4)
    return Grade(_verdict(score), "sentences", score, THRESHOLD, quotes=quotes(choose(ranked)))


def _looked_at(hits: Sequence[ScoredChunk], depth: int) -> Sequence[ScoredChunk]:
    """All, of which the likeliest will be taken; where the passages were ranked anew, the first of that ranking."""
    if all(hit.found.rerank is None for hit in hits):
        return hits
    return sorted(hits, key=lambda hit: hit.rank, reverse=True)[:depth]


def _passage(number: int, hit: ScoredChunk) -> Passage:
    """With the measure that the threshold was found with, however the passages were ranked."""
    likeness = (hit.found.cosine or _UNKNOWN_COSINE) + WORDS_WEIGHT * hit.found.words
    return replace(hit.passage(number), score=likeness)


async def _compared(
    state: TurnState, tools: Tools, found: Sequence[Candidate], chunk_ids: Sequence[int]
) -> dict[Candidate, float]:
    """Sentences with their cosine to the question: from vectors of ingestion; else embedded, of the best few."""
    query = await tools.indexes.query_vector(state.asked, leans_on=state.leans_on)
    stored = await tools.indexes.sentences(query, {chunk_ids[item.number - 1] for item in found})
    at = {(i, span): row for i, each in stored.items() for span, row in zip(each.spans, each.vectors, strict=True)}
    rows = {item: at.get((chunk_ids[item.number - 1], item.span)) for item in found if item.heard == item.text}
    near = {item: float(row @ query.values) + _POOLED for item, row in rows.items() if row is not None}
    others = [item for item in found[:COMPARED] if item not in near]
    if others:
        vectors = await tools.indexes.embedder.embed([item.heard for item in others], "query")
        near |= {item: float(cosine) for item, cosine in zip(others, vectors @ query.values, strict=True)}
    return near


def _verdict(score: float) -> Verdict:
    if score < THRESHOLD:
        return "not enough"
    return "enough" if score >= THRESHOLD + CLEAR else "partly"
