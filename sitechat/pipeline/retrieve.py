"""Finds passages: dense and full text side by side, scores fused, resolved against the database."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import replace

from sitechat.errors import InvalidInput, Unavailable
from sitechat.events import Event, Notice, Status
from sitechat.pipeline.rewrite import new_words
from sitechat.pipeline.state import Found, ScoredChunk, Tools, TurnState, stopwatch
from sitechat.storage.values import Chunk
from vectorstore.base import Filter, Hit

CANDIDATES = 100
"""Hits asked of each index before fusion."""

RESCORED = 50
"""Best of the fusion whose words are scored again, more finely."""

WORDS_WEIGHT = 0.03
PAIRS_WEIGHT = 0.005
"""Weights of BM25 beside a cosine; fixed, as weights learned on some questions drift on others."""

BESIDE_WEIGHT = 0.2
"""Weight of the words that only earlier questions had, beside the question's own."""

_TANTIVY_FACTOR = 2.2
"""tantivy's scores carry the factor (k1 + 1) that Lucene's form leaves out."""


async def retrieve(state: TurnState, tools: Tools) -> AsyncGenerator[Event, None]:
    """Fill ``state.hits``, best first. Raises ``InvalidInput`` where there is nothing to search in."""
    base = state.knowledge_base
    if base is None:
        raise InvalidInput("Choose a knowledge base, then ask again.")
    searching, found = "Searching knowledge base", "Retrieving documents"
    done = stopwatch("retrieving", found)
    yield Status(step="retrieving", message=searching)
    if tools.indexes.state.name == "loading":
        yield Notice(kind="preparing", message="The search model is still loading; your question is next.")
    where = Filter(knowledge_base_ids=frozenset({base.id}), principals=state.caller.principals)
    state.where = where
    beside = new_words(state.asked, state.leans_on)
    dense, text, text_beside = await asyncio.gather(
        _dense(tools, state, where),
        _full_text(tools, state, state.asked, where),
        _full_text(tools, state, beside, where),
    )
    state.searched = tools.indexes.version
    if isinstance(dense, Unavailable):
        yield Notice(kind="degraded", message=f"Searching by words only. {dense.message}")
        dense = []
    cosines = _cosines(dense)
    ranked = _fused(cosines, text, text_beside)[:RESCORED]
    chunks = await tools.knowledge.chunks(state.caller, ranked)
    places = _places(cosines, dense, text, ranked)
    hits = await _scored(tools, state.asked, beside, [chunks[i] for i in ranked if i in chunks], places)
    state.candidates = tuple(_distinct(hits))
    state.hits = state.candidates[: tools.passages]
    pages = len({hit.chunk.document_id for hit in state.hits})
    yield done(passages=len(state.hits), pages=pages)


def _cosines(dense: Sequence[Hit]) -> defaultdict[int, float]:
    """Chunk id to cosine; a chunk that dense search missed counts as its weakest hit, or nothing."""
    found = {hit.chunk_id: max(hit.score, 0.0) for hit in dense}
    floor = min(found.values()) if len(found) >= CANDIDATES else 0.0
    return defaultdict(lambda: floor, found)


def _fused(cosines: defaultdict[int, float], text: Sequence[Hit], beside: Sequence[Hit]) -> list[int]:
    """Chunk ids by ``cosine + 0.03 × BM25``, best first; ``beside`` are hits of the words of earlier questions."""
    words: defaultdict[int, float] = defaultdict(float)
    for hits, weight in ((text, 1.0), (beside, BESIDE_WEIGHT)):
        for hit in hits:
            words[hit.chunk_id] += weight * hit.score / _TANTIVY_FACTOR
    scores = {i: cosines[i] + WORDS_WEIGHT * words.get(i, 0.0) for i in [*cosines, *words]}
    return sorted(scores, key=scores.__getitem__, reverse=True)


def _places(
    cosines: defaultdict[int, float], dense: Sequence[Hit], text: Sequence[Hit], fused: Sequence[int]
) -> dict[int, Found]:
    """How each of the fused chunks was found, their words not yet counted."""
    by_vector = {hit.chunk_id: rank for rank, hit in enumerate(dense, start=1)}
    by_words = {hit.chunk_id: rank for rank, hit in enumerate(text, start=1)}
    return {
        i: Found(cosine=cosines[i], dense_rank=by_vector.get(i), text_rank=by_words.get(i), fused_rank=rank)
        for rank, i in enumerate(fused, start=1)
    }


async def _scored(
    tools: Tools, question: str, beside: str, chunks: Sequence[Chunk], found: Mapping[int, Found]
) -> list[ScoredChunk]:
    """Chunks by ``cosine + 0.03 × BM25 + 0.005 × BM25 of word pairs``, best first."""
    candidates = [(chunk.title, chunk.heading_path, chunk.text, chunk.language) for chunk in chunks]
    words = await tools.indexes.rescore(question, candidates)
    others = await tools.indexes.rescore(beside, candidates)
    scored = [
        _weighed(chunk, replace(found[chunk.id], words=word.terms + BESIDE_WEIGHT * other.terms, pairs=word.pairs))
        for chunk, word, other in zip(chunks, words, others, strict=True)
    ]
    return sorted(scored, key=lambda hit: hit.score, reverse=True)


def _weighed(chunk: Chunk, found: Found) -> ScoredChunk:
    return ScoredChunk(chunk, found.cosine + WORDS_WEIGHT * found.words + PAIRS_WEIGHT * found.pairs, found)


async def _dense(tools: Tools, state: TurnState, where: Filter) -> list[Hit] | Unavailable:
    try:
        wanted = CANDIDATES + len(state.left_out)
        vector = await tools.indexes.query_vector(state.asked, leans_on=state.leans_on)
        return _kept(await tools.indexes.dense(vector, wanted, where), state)
    except Unavailable as error:
        return error


async def _full_text(tools: Tools, state: TurnState, query: str, where: Filter) -> list[Hit]:
    return _kept(await tools.indexes.full_text(query, CANDIDATES + len(state.left_out), where), state)


def _kept(hits: Sequence[Hit], state: TurnState) -> list[Hit]:
    return [hit for hit in hits if hit.chunk_id not in state.left_out][:CANDIDATES]


def _distinct(hits: Sequence[ScoredChunk]) -> list[ScoredChunk]:
    """Passages of the same words, as the footers of many pages are, once."""
    seen: set[str] = set()
    return [hit for hit in hits if not (_same(hit.chunk) in seen or seen.add(_same(hit.chunk)))]  # type: ignore[func-returns-value]


def _same(chunk: Chunk) -> str:
    return " ".join(chunk.text.split()).lower()
