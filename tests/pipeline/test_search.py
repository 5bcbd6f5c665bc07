"""What a search finds and in which order, and what is left of it when a half of it fails."""

import asyncio
from collections.abc import Collection, Sequence

import pytest
from sqlalchemy import delete

from providers.scripted import Scripted
from sitechat.errors import Unavailable
from sitechat.events import Event, Notice
from sitechat.identity import LOCAL
from sitechat.indexes.late import QueryVector
from sitechat.indexes.service import Indexes
from sitechat.pipeline import retrieve as retrieving
from sitechat.pipeline.retrieve import USUAL, retrieve
from sitechat.pipeline.search import Reach
from sitechat.pipeline.state import Tools, TurnState
from sitechat.storage.tables import LateVectorRow
from tests.support.embedder import HashEmbedder
from tests.support.shop import Shop
from vectorstore.base import EmbeddingError, Filter, Hit
from vectorstore.late import LateScore

TOGETHER = "Plums, when cheap, are ripe. Figs cost money."
APART = "Plums, when cheap, cost money. Figs are ripe."


class Dumb(Indexes):
    """Indexes that cannot be searched by words."""

    async def full_text(self, query: str, k: int, where: Filter) -> list[Hit]:
        raise Unavailable("The full-text index is damaged.")


class Exchanged(Indexes):
    """Indexes that are exchanged between a search and its closer look."""

    async def late(self, query: QueryVector, chunk_ids: Collection[int]) -> dict[int, LateScore]:
        raise ValueError("The index is closed.")


class Downloading(HashEmbedder):
    """A search model that does not come."""

    async def load(self) -> int:
        await asyncio.Event().wait()
        return await super().load()


async def asked(
    shop: Shop,
    indexes: Indexes,
    question: str,
    *,
    queries: Sequence[str] = (),
    passages: int = 8,
    reach: Reach = USUAL,
) -> tuple[TurnState, list[Event]]:
    base = await shop.knowledge.get(LOCAL, shop.base_id)
    state = TurnState(LOCAL, question, knowledge_base=base, queries=tuple(queries))
    tools = Tools(indexes, shop.knowledge, Scripted(), passages, 1000)
    return state, [event async for event in retrieve(state, tools, reach)]


def found(state: TurnState) -> list[str]:
    return [hit.chunk.text for hit in state.candidates]


async def test_a_passage_that_says_it_in_one_sentence_comes_first(shop: Shop) -> None:
    """Both have the same words, so their vectors and BM25 are the same: what counts is the nearest sentence."""
    indexes = shop.open()
    await indexes.ready()
    await shop.add(indexes, "a", APART, TOGETHER)
    state, _ = await asked(shop, indexes, "ripe plums")
    assert found(state) == [TOGETHER, APART]
    first, second = (hit.found for hit in state.candidates)
    assert first.cosine == pytest.approx(second.cosine)
    assert (first.words, first.pairs) == (second.words, second.pairs)
    assert first.sentence is not None
    assert second.sentence is not None
    assert first.sentence > second.sentence
    await indexes.close()


async def test_passages_whose_parts_have_no_vectors_yet_keep_their_place(shop: Shop) -> None:
    """While a knowledge base of before gains them, those that wait are not put behind the others for it."""
    indexes = shop.open()
    await indexes.ready()
    await shop.add(indexes, "a", "ripe plums in a basket", "a plum tree and its shade", "gravel for the garden path")
    everything, _ = await asked(shop, indexes, "ripe plums in a basket")
    ids = [hit.chunk.id for hit in everything.candidates]
    async with shop.db.write() as session:
        await session.execute(delete(LateVectorRow).where(LateVectorRow.chunk_id == ids[0]))
    state, _ = await asked(shop, indexes, "ripe plums in a basket")
    assert [hit.chunk.id for hit in state.candidates] == ids
    assert [hit.found.sentence is None for hit in state.candidates] == [True, False, False]
    await indexes.close()


async def test_each_of_several_queries_has_its_best_passages_among_those_of_the_answer(shop: Shop) -> None:
    """A question of two parts is answered from both, though the passages of one part score higher."""
    indexes = shop.open()
    await indexes.ready()
    await shop.add(indexes, "a", *(f"red apples number {word}" for word in ("one", "two", "three", "four")))
    await shop.add(indexes, "b", "the ripe plums are kept in a cool and dark cellar until winter")
    queries = ["red apples number", "ripe plums"]
    state, _ = await asked(shop, indexes, "apples and plums", queries=queries, passages=2)
    assert {hit.chunk.uri for hit in state.hits} == {"a", "b"}
    assert len({hit.chunk.id for hit in state.candidates}) == len(state.candidates) == 5
    await indexes.close()


async def test_a_search_can_be_made_wider_and_pass_over_passages(shop: Shop) -> None:
    indexes = shop.open()
    await indexes.ready()
    await shop.add(indexes, "a", *(f"apples of sort {number}" for number in range(9)))
    narrow, _ = await asked(shop, indexes, "apples", reach=Reach(hits=3, rescored=2))
    known = frozenset(hit.chunk.id for hit in narrow.candidates)
    assert len(known) == 2
    wide, _ = await asked(shop, indexes, "apples", reach=Reach(left_out=known))
    assert len(wide.candidates) == 7
    assert known.isdisjoint(hit.chunk.id for hit in wide.candidates)
    await indexes.close()


async def test_without_the_search_model_words_are_searched_and_a_person_is_told(shop: Shop) -> None:
    indexes = shop.open()
    await indexes.ready()
    await shop.add(indexes, "a", "red apples", "ripe plums")
    shop.embedders["local/hash"].failures = [EmbeddingError("The search model is out of memory.")]
    state, events = await asked(shop, indexes, "plums")
    assert found(state) == ["ripe plums"]
    notices = [event.message for event in events if isinstance(event, Notice)]
    assert notices == ["Searching by words only. The search model is out of memory."]
    await indexes.close()


async def test_without_full_text_meaning_is_searched_and_without_both_nothing(shop: Shop) -> None:
    indexes = shop.open(kind=Dumb)
    await indexes.ready()
    await shop.add(indexes, "a", "red apples", "ripe plums")
    state, events = await asked(shop, indexes, "plums")
    assert found(state)[0] == "ripe plums"
    notices = [event.message for event in events if isinstance(event, Notice)]
    assert notices == ["Searching by meaning only. The full-text index is damaged."]
    shop.embedders["local/hash"].failures = [EmbeddingError("The search model is out of memory.")]
    with pytest.raises(Unavailable, match=r"cannot be searched now\. The search model is out of memory"):
        await asked(shop, indexes, "figs")
    await indexes.close()


async def test_passages_that_cannot_be_looked_at_more_closely_are_found_all_the_same(shop: Shop) -> None:
    indexes = shop.open(kind=Exchanged)
    await indexes.ready()
    await shop.add(indexes, "a", "red apples", "ripe plums")
    state, events = await asked(shop, indexes, "plums")
    assert found(state)[0] == "ripe plums"
    notices = [event.message for event in events if isinstance(event, Notice)]
    assert notices == ["The passages found could not be looked at more closely."]
    await indexes.close()


async def test_a_search_model_that_does_not_come_is_not_waited_for(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    first = shop.open()
    await first.ready()
    await shop.add(first, "a", "red apples", "ripe plums")
    await first.close()
    monkeypatch.setattr(retrieving, "LEG_SECONDS", 0.01)
    shop.embedders["local/hash"] = Downloading()
    indexes = shop.open()
    state, events = await asked(shop, indexes, "plums")
    assert found(state) == ["ripe plums"]
    notices = [event.message for event in events if isinstance(event, Notice)]
    assert notices[1:] == ["Searching by words only. The search model is loading."]
    await indexes.close()
