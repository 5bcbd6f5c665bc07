"""Vectors of the parts of passages: made with the passages' own, read for candidates, gone with them."""

import numpy as np
import pytest
from sqlalchemy import delete, select

from sitechat.identity import LOCAL
from sitechat.indexes.service import Indexes
from sitechat.storage.tables import LateVectorRow
from sitechat.storage.vectors import VectorsStore
from tests.support.embedder import HashEmbedder
from tests.support.shop import Shop
from vectorstore.base import Filter

ANY = Filter()


async def late_rows(shop: Shop) -> list[tuple[int, int]]:
    async with shop.db.read() as session:
        rows = await session.execute(select(LateVectorRow.generation_id, LateVectorRow.chunk_id))
        return sorted((row.generation_id, row.chunk_id) for row in rows)


async def ids(shop: Shop, uri: str) -> list[int]:
    return (await shop.knowledge.chunk_ids(LOCAL, shop.base_id, [uri]))[uri]


async def test_sentences_of_passages_have_places_and_vectors_of_their_own(shop: Shop) -> None:
    """Made at ingestion: choosing among them embeds nothing but the question."""
    indexes = shop.open()
    await indexes.ready()
    await shop.add(indexes, "a", "Apples are red. Plums are ripe in autumn.", "No more.")
    first, second = await ids(shop, "a")
    query = await indexes.query_vector("ripe plums")
    found = await indexes.sentences(query, [first, second, 12345])
    assert found.keys() == {first, second}
    assert found[first].spans == ((0, 15), (16, 41))
    assert int(np.argmax(found[first].vectors @ query.values)) == 1
    near = await indexes.late(query, [first, second])
    assert near[first].sentence == pytest.approx(float((found[first].vectors @ query.values).max()), abs=1e-5)
    assert near[first].sentence > near[second].sentence
    await indexes.close()


async def test_vectors_of_parts_go_with_their_passage_and_their_generation(shop: Shop) -> None:
    indexes = shop.open()
    await indexes.ready()
    document = await shop.add(indexes, "a", "red apples")
    await shop.add(indexes, "b", "ripe plums")
    await shop.knowledge.delete_document(LOCAL, document)
    (kept,) = await ids(shop, "b")
    assert await late_rows(shop) == [(indexes.generation_id, kept)]
    await indexes.close()
    other = shop.open("local/other")
    await other.ready()
    assert other._migration is not None
    await other._migration
    assert await late_rows(shop) == [(other.generation_id, kept)]
    await other.close()


async def test_a_knowledge_base_of_before_gains_the_vectors_of_parts_in_the_background(shop: Shop) -> None:
    """What was ingested without them is found all the while, and its own vectors stay as they are."""
    indexes = shop.open()
    await indexes.ready()
    await shop.add(indexes, "a", "red apples", "green pears")
    await indexes.close()
    async with shop.db.write() as session:
        await session.execute(delete(LateVectorRow))
    again = shop.open()
    await again.ready()
    assert again.counts() == (2, 2)
    assert again._migration is not None
    await again._migration
    assert len(await late_rows(shop)) == 2
    assert again.counts() == (2, 2)
    await again.close()


class PlainEmbedder:
    """An embedding model that shows only what it makes of whole texts, as those behind an API do."""

    def __init__(self, spec: str) -> None:
        self._hash = HashEmbedder(spec)
        self.spec, self.ready, self.load = spec, True, self._hash.load
        self.embed, self.close = self._hash.embed, self._hash.close


async def test_a_search_model_without_token_vectors_does_without_those_of_parts(shop: Shop) -> None:
    indexes = Indexes(
        VectorsStore(shop.db), shop.directory, PlainEmbedder, "openai/plain", exact_limit=1000, serving=True
    )
    await indexes.ready()
    await shop.add(indexes, "a", "red apples")
    chunk_ids = await ids(shop, "a")
    query = await indexes.query_vector("apples")
    assert [hit.chunk_id for hit in await indexes.dense(query, 5, ANY)] == chunk_ids
    assert (await indexes.late(query, chunk_ids), await indexes.sentences(query, chunk_ids)) == ({}, {})
    await indexes.close()
