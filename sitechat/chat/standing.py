"""Whether an answer of before still stands.

An answer is made from passages: its *evidence*. It stands until

- a passage of its evidence is no longer there with the same title, headings and words, or
- a search that is made now finds, among its evidence, a passage that was indexed after the answer was made.

The second is found out by making the search again, by the very step that answers are made with, so it is exact however
passages are ranked: there is no second formula that could differ. Only where a document of the knowledge base was
written since is anything looked at. No language model is asked.

A search also measures how rare words are among all passages, so its order drifts a little with every page that is added
or removed. A passage that was there already and is lifted, or that sinks, by that alone ends no answer: nothing new was
said. But a newer passage ends it whenever it enters, though it be by drift long after it was indexed. A document that
was read again with another text somewhere counts as indexed anew, with all its passages that the answer was not made
from.

"Among its evidence" means: in the place of the passages that were given to the model, where those are what the search
itself chose (``hits``). Where a later step put passages in another order, any passage that this step would have seen
might be given now (``candidates``). Where more was searched for than the question, repeating one search cannot tell,
and whatever is written into the knowledge base ends the answer (``all``).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any

from sitechat.errors import Unavailable
from sitechat.events import Notice
from sitechat.indexes.follower import IndexVersion
from sitechat.pipeline.retrieve import retrieve
from sitechat.pipeline.state import ScoredChunk, Tools, TurnState
from sitechat.storage.cached_answers import CachedAnswer, CachedAnswerStore, KeptPassage, Watch
from sitechat.storage.values import Chunk


@dataclass(frozen=True, slots=True)
class Confirmed:
    """Where an answer's evidence lies now, and the newest change that is known not to have touched it."""

    passages: tuple[KeptPassage, ...]
    checked: int


def digest(chunk: Chunk) -> str:
    """The same as long as the passage says the same, under the same headings of the same document."""
    said = [chunk.document_id, chunk.title, *chunk.heading_path, chunk.text]
    return sha256(json.dumps(said).encode()).hexdigest()


def evidence(state: TurnState, *, reranked: bool, expanded: bool) -> tuple[Watch, tuple[KeptPassage, ...]]:
    """What a finished answer depends on. ``expanded``: more was searched for than the question."""
    given = {hit.chunk.id for hit in (*state.hits, *state.over_budget)}
    if not (reranked or expanded) and given <= _ids(state.first_hits):
        return "hits", _kept(state.first_hits)
    if not expanded and given <= _ids(state.candidates):
        return "candidates", _kept(state.candidates)
    return "all", _kept(state.hits)


def searched_up_to(version: IndexVersion | None) -> int | None:
    """The newest change that both indexes held; None where one of them did not serve."""
    if version is None or version.dense_sequence is None or version.text_sequence is None:
        return None
    return min(version.dense_sequence, version.text_sequence)


def search_of(state: TurnState) -> dict[str, Any]:
    """How the search for a finished answer can be made again."""
    wanted = state.template.passages if state.template is not None else 0
    return {"queries": list(state.queries), "leans_on": list(state.leans_on), "passages": wanted}


async def confirm(entry: CachedAnswer, state: TurnState, tools: Tools, store: CachedAnswerStore) -> Confirmed | None:
    """None where the answer stands no longer. Raises ``Unavailable`` where that cannot be told at present."""
    if tools.indexes.state.name != "ready":
        raise Unavailable("The search model is still loading. Try again in a moment.")
    if entry.watch == "all" and await store.written_since(entry.knowledge_base_id, entry.indexed):
        return None
    again = await _searched_again(entry, state, tools)
    checked = searched_up_to(again.searched)
    if checked is None or await _entered(entry, again, store):
        return None
    passages = await _found_again(entry, again, tools, store)
    return Confirmed(passages, checked) if passages is not None else None


async def _searched_again(entry: CachedAnswer, state: TurnState, tools: Tools) -> TurnState:
    again = TurnState(
        state.caller,
        state.question,
        knowledge_base=state.knowledge_base,
        queries=tuple(entry.search["queries"]),
        leans_on=tuple(entry.search["leans_on"]),
    )
    async for event in retrieve(again, replace(tools, passages=max(tools.passages, entry.search["passages"]))):
        if isinstance(event, Notice) and event.kind == "degraded":
            raise Unavailable(event.message)
    return again


async def _entered(entry: CachedAnswer, again: TurnState, store: CachedAnswerStore) -> bool:
    """Whether the search now finds a passage that was indexed after the answer was made."""
    known = {passage.digest for passage in entry.passages}
    watched = again.hits if entry.watch == "hits" else again.candidates
    others = {hit.chunk.document_id for hit in watched if digest(hit.chunk) not in known}
    return bool(others and await store.written_since(entry.knowledge_base_id, entry.indexed, others))


async def _found_again(
    entry: CachedAnswer, again: TurnState, tools: Tools, store: CachedAnswerStore
) -> tuple[KeptPassage, ...] | None:
    """Where each passage is now; None where one is no longer there."""
    there = {digest(hit.chunk): hit.chunk for hit in (*again.hits, *again.candidates)}
    missing = {passage.document for passage in entry.passages if passage.digest not in there}
    if missing:
        chunks = await tools.knowledge.chunks(again.caller, await store.chunks_of(missing))
        there |= {digest(chunk): chunk for chunk in chunks.values()}
    if any(passage.digest not in there for passage in entry.passages):
        return None
    return tuple(replace(passage, chunk=there[passage.digest].id) for passage in entry.passages)


def _kept(hits: Sequence[ScoredChunk]) -> tuple[KeptPassage, ...]:
    chunks = [hit.chunk for hit in hits]
    return tuple(KeptPassage(each.id, each.id, each.document_id, each.start, digest(each)) for each in chunks)


def _ids(hits: Sequence[ScoredChunk]) -> set[int]:
    return {hit.chunk.id for hit in hits}
