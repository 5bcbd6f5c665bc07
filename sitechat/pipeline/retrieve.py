"""Finds passages: dense and full text side by side, scores fused, resolved against the database."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from sitechat.errors import InvalidInput, Unavailable
from sitechat.events import Event, Notice, Status
from sitechat.pipeline.state import ScoredChunk, Tools, TurnState, stopwatch
from sitechat.storage.values import Chunk
from vectorstore.base import Filter, Hit

CANDIDATES = 100
"""Hits asked of each index before fusion."""

BM25_WEIGHT = 0.03
"""Weight of a BM25 score beside a cosine; fixed, as weights learned on some questions drift on others."""

_TANTIVY_FACTOR = 2.2
"""tantivy's scores carry the factor (k1 + 1) that Lucene's form leaves out."""


async def retrieve(state: TurnState, tools: Tools) -> AsyncIterator[Event]:
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
    dense, text = await asyncio.gather(
        _dense(tools, state.question, where), tools.indexes.full_text(state.question, CANDIDATES, where)
    )
    if isinstance(dense, Unavailable):
        yield Notice(kind="degraded", message=f"Searching by words only. {dense.message}")
        dense = []
    scores = fuse(dense, text)
    ranked = sorted(scores, key=scores.__getitem__, reverse=True)[: CANDIDATES // 2]
    chunks = await tools.knowledge.chunks(state.caller, ranked)
    hits = [ScoredChunk(chunks[i], scores[i]) for i in ranked if i in chunks]
    state.hits = tuple(_distinct(hits)[: tools.passages])
    pages = len({hit.chunk.document_id for hit in state.hits})
    yield done(passages=len(state.hits), pages=pages)


def fuse(dense: Sequence[Hit], text: Sequence[Hit]) -> dict[int, float]:
    """Chunk id to ``cosine + 0.03 × BM25``; a leg that missed a chunk counts as its weakest hit, or nothing."""
    cosines = {hit.chunk_id: max(hit.score, 0.0) for hit in dense}
    words = {hit.chunk_id: hit.score / _TANTIVY_FACTOR for hit in text}
    floor = min(cosines.values()) if len(cosines) >= CANDIDATES else 0.0
    return {
        chunk_id: cosines.get(chunk_id, floor) + BM25_WEIGHT * words.get(chunk_id, 0.0)
        for chunk_id in cosines.keys() | words.keys()
    }


async def _dense(tools: Tools, question: str, where: Filter) -> list[Hit] | Unavailable:
    try:
        return await tools.indexes.dense(question, CANDIDATES, where)
    except Unavailable as error:
        return error


def _distinct(hits: Sequence[ScoredChunk]) -> list[ScoredChunk]:
    """Passages of the same words, as the footers of many pages are, once."""
    seen: set[str] = set()
    return [hit for hit in hits if not (_same(hit.chunk) in seen or seen.add(_same(hit.chunk)))]  # type: ignore[func-returns-value]


def _same(chunk: Chunk) -> str:
    return " ".join(chunk.text.split()).lower()
