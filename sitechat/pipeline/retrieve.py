"""Finds passages: searches for each of the turn's queries, and chooses what the answer is made from."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import zip_longest

from sitechat.errors import InvalidInput, Unavailable
from sitechat.events import Event, Notice, Status
from sitechat.pipeline.choose import choose
from sitechat.pipeline.search import LEG_SECONDS, Query, Ranking, Reach, search
from sitechat.pipeline.state import ScoredChunk, Tools, TurnState, stopwatch
from sitechat.storage.values import Chunk, KnowledgeBase
from vectorstore.base import Filter

USUAL = Reach()


async def retrieve(state: TurnState, tools: Tools, reach: Reach = USUAL) -> AsyncGenerator[Event, None]:
    """Fill ``state.candidates`` and ``state.hits``, best first.

    Raises ``InvalidInput`` where there is nothing to search in, ``Unavailable`` where that cannot be searched.
    """
    base = state.knowledge_base
    if base is None:
        raise InvalidInput("Choose a knowledge base, then ask again.")
    searching, found = "Searching knowledge base", "Retrieving documents"
    done = stopwatch("retrieving", found)
    yield Status(step="retrieving", message=searching)
    if tools.indexes.state.name == "loading":
        yield Notice(kind="preparing", message="The search model is still loading; your question is next.")
        with suppress(Unavailable, TimeoutError):  # words alone will do then
            async with asyncio.timeout(LEG_SECONDS):
                await tools.indexes.ready()
    state.searched = tools.indexes.version
    where = await _where(state, tools, base)
    state.where = where
    rankings = await _rankings(state, tools, where, replace(reach, left_out=reach.left_out | state.left_out))
    for remark in dict.fromkeys(remark for ranking in rankings for remark in ranking.remarks):
        yield Notice(kind="degraded", message=remark)
    state.candidates = tuple(_distinct(_merged(rankings)))
    state.hits = choose(_by_turns(rankings, state.candidates), tools.passages)
    pages = len({hit.chunk.document_id for hit in state.hits})
    yield done(passages=len(state.hits), pages=pages)


async def _where(state: TurnState, tools: Tools, base: KnowledgeBase) -> Filter:
    """What may be searched: of this knowledge base what the caller may read and the turn is narrowed down to."""
    documents = await tools.knowledge.narrowed(base.id, state.narrowing)
    if documents is not None and not documents:
        raise InvalidInput(f"No document of “{base.name}” is of the kind that the search was narrowed down to.")
    return Filter(frozenset({base.id}), documents, state.caller.principals)


async def _rankings(state: TurnState, tools: Tools, where: Filter, reach: Reach) -> list[Ranking]:
    """One for each query; only the main one is helped by earlier questions."""
    queries = [Query(state.asked, state.leans_on), *map(Query, state.queries[1:])]
    searches = (search(tools, state.caller, where, query, reach) for query in queries)
    return list(await asyncio.gather(*searches))


def _merged(rankings: Sequence[Ranking]) -> list[ScoredChunk]:
    """What any of the queries found, each passage as near as it is to the query that it is nearest to."""
    best: dict[int, ScoredChunk] = {}
    for hit in (hit for ranking in rankings for hit in ranking.hits):
        if hit.chunk.id not in best or best[hit.chunk.id].score < hit.score:
            best[hit.chunk.id] = hit
    return sorted(best.values(), key=lambda hit: hit.score, reverse=True)


def _by_turns(rankings: Sequence[Ranking], candidates: Sequence[ScoredChunk]) -> list[ScoredChunk]:
    """The candidates such that each query has its best passages among the first."""
    known = {hit.chunk.id: hit for hit in candidates}
    turns: Iterable[ScoredChunk | None] = (
        hit for rank in zip_longest(*(ranking.hits for ranking in rankings)) for hit in rank
    )
    ids = dict.fromkeys(hit.chunk.id for hit in turns if hit is not None)
    return [known[i] for i in ids if i in known]


def _distinct(hits: Sequence[ScoredChunk]) -> list[ScoredChunk]:
    """Passages of the same words, as the footers of many pages are, once."""
    seen: set[str] = set()
    return [hit for hit in hits if not (_same(hit.chunk) in seen or seen.add(_same(hit.chunk)))]  # type: ignore[func-returns-value]


def _same(chunk: Chunk) -> str:
    return " ".join(chunk.text.split()).lower()
