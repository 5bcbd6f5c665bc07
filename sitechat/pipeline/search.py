"""One search: dense and full text side by side, their scores fused, and the best of them looked at more closely.

A leg that fails or takes too long is left out; only without either there is no result. Scores are added as they are, a
cosine and a few hundredths of BM25, with weights that are the same for all documents: weights that were learned on some
questions drift on others.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from sitechat.errors import SiteChatError, Unavailable
from sitechat.identity import Caller
from sitechat.indexes.late import QueryVector
from sitechat.pipeline.rewrite import new_words
from sitechat.pipeline.state import Found, ScoredChunk, Tools
from sitechat.storage.values import Chunk
from vectorstore.base import Filter, Hit, SnapshotError, WordScore
from vectorstore.late import LateScore

log = logging.getLogger(__name__)
T = TypeVar("T")

LEG_SECONDS = 20.0
"""How long a leg may take: a search model that is loading is waited for, one that is being downloaded is not."""

SENTENCE_WEIGHT, WINDOW_WEIGHT = 0.3, 0.3
"""Of the sentence and the window of a passage that come nearest to the question; the rest is the whole passage's."""
WORDS_WEIGHT = 0.03
PAIRS_WEIGHT = 0.005
"""Weights of BM25 beside a cosine."""

BESIDE_WEIGHT = 0.2
"""Weight of the words that only earlier questions had, beside the question's own."""

_HASTY = "The passages found could not be looked at more closely."

_TANTIVY_FACTOR = 2.2
"""tantivy's scores carry the factor (k1 + 1) that Lucene's form leaves out."""


@dataclass(frozen=True, slots=True)
class Query:
    """``leans_on``: earlier questions that this one cannot be understood without."""

    text: str
    leans_on: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a search goes: ``hits`` are asked of each index, ``rescored`` of what they found are looked at closely.

    ``left_out`` are passages that it passes over.
    """

    hits: int = 100
    rescored: int = 50
    left_out: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Ranking:
    """Passages, best first, and what a person should know of how they were found."""

    hits: tuple[ScoredChunk, ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Legs:
    """What each leg found. No ``vector``: dense search was left out; not ``by_words``: full text was."""

    vector: QueryVector | None
    dense: Sequence[Hit]
    text: Sequence[Hit]
    beside: Sequence[Hit]
    by_words: bool
    remarks: tuple[str, ...]


async def search(tools: Tools, caller: Caller, where: Filter, query: Query, reach: Reach) -> Ranking:
    """The passages nearest to a query. Raises ``Unavailable`` where neither index can be searched."""
    beside = new_words(query.text, query.leans_on)
    legs = await _legs(tools, where, query, beside, reach)
    cosines = _cosines(legs.dense, reach.hits)
    ranked = _fused(cosines, legs.text, legs.beside)[: reach.rescored]
    chunks, late = await asyncio.gather(
        tools.knowledge.chunks(caller, ranked), _in_time(_late(tools, legs.vector, ranked))
    )
    there = [chunks[i] for i in ranked if i in chunks]
    counted = await _in_time(_counted(tools, query.text, beside, there)) if legs.by_words else {}
    found = _places(cosines, legs, ranked, _or_none(late))
    words = _or_none(counted)
    scored = [ScoredChunk(chunk, 0.0, _with_words(found[chunk.id], words.get(chunk.id))) for chunk in there]
    hampered = isinstance(late, SiteChatError) or isinstance(counted, SiteChatError)
    return Ranking(tuple(_ordered(scored)), (*legs.remarks, *([_HASTY] if hampered else [])))


# The legs


async def _legs(tools: Tools, where: Filter, query: Query, beside: str, reach: Reach) -> _Legs:
    dense, text, others = await asyncio.gather(
        _in_time(_dense(tools, query, where, reach)),
        _in_time(_full_text(tools, query.text, where, reach)),
        _in_time(_full_text(tools, beside, where, reach)),
    )
    remarks: list[str] = []
    if isinstance(dense, SiteChatError):
        if isinstance(text, SiteChatError):
            raise Unavailable(f"The documents cannot be searched now. {dense.message}") from dense
        remarks.append(f"Searching by words only. {dense.message}")
        dense = None, []
    if isinstance(text, SiteChatError):
        remarks.append(f"Searching by meaning only. {text.message}")
        return _Legs(*dense, [], [], False, tuple(remarks))
    return _Legs(*dense, text, [] if isinstance(others, SiteChatError) else others, True, tuple(remarks))


async def _in_time(leg: Awaitable[T]) -> T | SiteChatError:
    """What a leg finds; else why it does not."""
    try:
        async with asyncio.timeout(LEG_SECONDS):
            return await leg
    except TimeoutError:
        return Unavailable("The other half of the search takes too long.")
    except SiteChatError as error:
        return error
    except (OSError, ValueError, SnapshotError) as error:  # what an index raises that is being damaged or exchanged
        log.warning("an index could not be searched: %s", error)
        return Unavailable("The other half of the search does not work at present.")


async def _dense(tools: Tools, query: Query, where: Filter, reach: Reach) -> tuple[QueryVector | None, Sequence[Hit]]:
    if (state := tools.indexes.state).name == "loading":  # it has been waited for
        raise Unavailable(state.message)
    vector = await tools.indexes.query_vector(query.text, leans_on=query.leans_on)
    return vector, _kept(await tools.indexes.dense(vector, reach.hits + len(reach.left_out), where), reach)


async def _full_text(tools: Tools, query: str, where: Filter, reach: Reach) -> list[Hit]:
    return _kept(await tools.indexes.full_text(query, reach.hits + len(reach.left_out), where), reach)


def _kept(hits: Sequence[Hit], reach: Reach) -> list[Hit]:
    return [hit for hit in hits if hit.chunk_id not in reach.left_out][: reach.hits]


# Fusion


def _cosines(dense: Sequence[Hit], asked: int) -> defaultdict[int, float]:
    """Chunk id to cosine; a chunk that dense search missed counts as its weakest hit, or nothing."""
    found = {hit.chunk_id: max(hit.score, 0.0) for hit in dense}
    floor = min(found.values()) if len(found) >= asked else 0.0
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
    cosines: Mapping[int, float], legs: _Legs, fused: Sequence[int], late: Mapping[int, LateScore]
) -> dict[int, Found]:
    """How each of the fused chunks was found, its words not yet counted."""
    by_vector = {hit.chunk_id: rank for rank, hit in enumerate(legs.dense, start=1)}
    by_words = {hit.chunk_id: rank for rank, hit in enumerate(legs.text, start=1)}
    return {
        i: Found(
            cosine=cosines[i],
            sentence=late[i].sentence if i in late else None,
            window=late[i].window if i in late else None,
            dense_rank=by_vector.get(i),
            text_rank=by_words.get(i),
            fused_rank=rank,
        )
        for rank, i in enumerate(fused, start=1)
    }


# The closer look


def _or_none(found: dict[int, T] | SiteChatError) -> dict[int, T]:
    return {} if isinstance(found, SiteChatError) else found


async def _late(tools: Tools, vector: QueryVector | None, chunk_ids: Sequence[int]) -> dict[int, LateScore]:
    return {} if vector is None else await tools.indexes.late(vector, chunk_ids)


async def _counted(tools: Tools, query: str, beside: str, chunks: Sequence[Chunk]) -> dict[int, WordScore]:
    """BM25 of chunks, by their ids."""
    candidates = [(chunk.title, chunk.heading_path, chunk.text, chunk.language) for chunk in chunks]
    words, others = await asyncio.gather(
        tools.indexes.rescore(query, candidates), tools.indexes.rescore(beside, candidates)
    )
    return {
        chunk.id: WordScore(word.terms + BESIDE_WEIGHT * other.terms, word.pairs)
        for chunk, word, other in zip(chunks, words, others, strict=True)
    }


def _with_words(found: Found, words: WordScore | None) -> Found:
    return found if words is None else replace(found, words=words.terms, pairs=words.pairs)


def _ordered(hits: Sequence[ScoredChunk]) -> list[ScoredChunk]:
    """With their scores, best first. Passages whose parts have no vectors yet gain what others do on average."""
    gains = [gain for hit in hits if (gain := _gain(hit.found)) is not None]
    usual = sum(gains) / len(gains) if gains else 0.0
    scored = [replace(hit, score=_score(hit.found, usual)) for hit in hits]
    return sorted(scored, key=lambda hit: hit.score, reverse=True)


def _gain(found: Found) -> float | None:
    """What a passage's nearest sentence and window add to its own cosine."""
    if found.sentence is None or found.window is None:
        return None
    return SENTENCE_WEIGHT * (found.sentence - found.cosine) + WINDOW_WEIGHT * (found.window - found.cosine)


def _score(found: Found, usual: float) -> float:
    """``0.4 × cosine + 0.3 × sentence + 0.3 × window + 0.03 × BM25 + 0.005 × BM25 of word pairs``."""
    gain = _gain(found)
    return found.cosine + (usual if gain is None else gain) + WORDS_WEIGHT * found.words + PAIRS_WEIGHT * found.pairs
