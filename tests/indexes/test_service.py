"""The indexes follow the database, come back from any damage, and change their model without a gap."""

import asyncio
import shutil
import threading

import numpy as np
import pytest

from sitechat.errors import Unavailable
from sitechat.identity import LOCAL
from sitechat.indexes.service import Indexes
from sitechat.storage.vectors import VectorsStore
from tests.support.embedder import HashEmbedder
from tests.support.shop import Shop
from vectorstore.base import Filter, TextIndex

ANY = Filter()


async def found(indexes: Indexes, query: str, shop: Shop, where: Filter = ANY) -> tuple[list[str], list[str]]:
    """Texts that the dense and the full-text index find."""
    legs = []
    for hits in (
        await indexes.dense(await indexes.query_vector(query), 10, where),
        await indexes.full_text(query, 10, where),
    ):
        chunks = await shop.knowledge.chunks(LOCAL, [hit.chunk_id for hit in hits])
        legs.append([chunks[hit.chunk_id].text for hit in hits if hit.chunk_id in chunks])
    return legs[0], legs[1]


async def test_what_is_stored_is_found_by_both_and_gone_when_deleted_or_replaced(shop: Shop) -> None:
    indexes = shop.open()
    await indexes.ready()
    apples = await shop.add(indexes, "a", "red apples", "green pears")
    await shop.add(indexes, "b", "ripe plums")
    assert [leg[0] for leg in await found(indexes, "plums", shop)] == ["ripe plums"] * 2
    await shop.add(indexes, "b", "dried figs")
    assert all("ripe plums" not in leg for leg in await found(indexes, "plums", shop))
    await shop.knowledge.delete_document(LOCAL, apples)
    await indexes.catch_up()
    assert indexes.counts() == (1, 1)
    await shop.knowledge.delete(LOCAL, shop.base_id)
    await indexes.catch_up()
    assert indexes.counts() == (0, 0)
    await indexes.close()


async def test_one_that_is_closed_while_it_opens_leaves_no_lock_behind(shop: Shop) -> None:
    """A command that is done before the indexes are."""
    hasty = shop.open()
    stored_text, opened, go_on, kept = hasty._stored_text, threading.Event(), threading.Event(), []

    def slowly(head: int) -> TextIndex:
        kept.append(stored_text(head))
        opened.set()
        go_on.wait(10)
        return kept[0]

    hasty._stored_text = slowly  # type: ignore[method-assign]
    hasty.start()
    assert await asyncio.to_thread(opened.wait, 10)
    closing = asyncio.create_task(hasty.close())
    await asyncio.sleep(0)
    go_on.set()
    await closing
    indexes = shop.open()
    await indexes.ready()
    await indexes.close()


async def test_a_deleted_document_is_not_served_even_before_the_indexes_follow(shop: Shop) -> None:
    indexes = shop.open()
    await indexes.ready()
    plums = await shop.add(indexes, "b", "ripe plums")
    await shop.knowledge.delete_document(LOCAL, plums)
    assert await found(indexes, "plums", shop) == ([], [])
    await indexes.close()


async def test_a_second_start_embeds_nothing_and_finds_what_came_after_the_snapshot(shop: Shop) -> None:
    first = shop.open()
    await first.ready()
    await shop.add(first, "a", "red apples")
    await first.save()
    await shop.add(first, "b", "ripe plums")  # never saved: the process dies here
    embedded = len(shop.embedders["local/hash"].texts)
    first._text.index.close()  # type: ignore[union-attr]  # as the kernel would
    second = shop.open()
    await second.ready()
    assert (await found(second, "plums", shop))[0][0] == "ripe plums"
    assert len(shop.embedders["local/hash"].texts) == embedded
    assert second.notices == []
    await second.close()


@pytest.mark.parametrize("damage", ["delete", "truncate", "flip"])
async def test_damaged_or_deleted_indexes_are_rebuilt_with_a_notice(shop: Shop, damage: str) -> None:
    first = shop.open()
    await first.ready()
    await shop.add(first, "a", "red apples")
    await shop.add(first, "b", "ripe plums")
    await first.close()
    if damage == "delete":
        shutil.rmtree(shop.directory)
    else:
        for path in [p for p in shop.directory.rglob("*") if p.is_file() and p.stat().st_size > 40]:
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 0xFF
            path.write_bytes(data if damage == "flip" else data[: len(data) // 2])
    second = shop.open()
    await second.ready()
    dense, text = await found(second, "plums", shop)
    assert (dense[0], text[0]) == ("ripe plums", "ripe plums")
    assert second.counts() == (2, 2)
    assert len(second.notices) == 2
    assert all("rebuilt from the database" in notice for notice in second.notices)
    await second.close()


async def test_another_search_model_is_built_beside_the_old_one_which_serves_meanwhile(shop: Shop) -> None:
    first = shop.open("local/old")
    await first.ready()
    await shop.add(first, "a", "red apples")
    await shop.add(first, "b", "ripe plums")
    await first.close()
    new = shop.embedders["local/new"] = HashEmbedder("local/new")
    new.gate.clear()
    second = shop.open("local/new")
    await second.ready()
    assert second.embedder.spec == "local/old"
    assert (await found(second, "plums", shop))[0][0] == "ripe plums"
    assert any("Preparing the new search model" in notice for notice in second.notices) or not new.texts
    await shop.add(second, "c", "dried figs")  # arrives while the new generation is built
    new.gate.set()
    assert second._migration is not None
    await second._migration
    assert second.embedder.spec == "local/new"
    assert (await found(second, "figs", shop))[0][0] == "dried figs"
    assert second.counts() == (3, 3)
    generations = await VectorsStore(shop.db).generations()
    assert [(g.embedding, g.state) for g in generations] == [("local/new", "active")]
    await second.close()


async def test_a_question_is_never_compared_with_vectors_of_another_model(shop: Shop) -> None:
    """Of the same dimension, so that only the generation tells them apart."""
    first = shop.open("local/old")
    await first.ready()
    await shop.add(first, "a", "red apples")
    await first.close()
    new = shop.embedders["local/new"] = HashEmbedder("local/new")
    new.gate.clear()
    second = shop.open("local/new")
    await second.ready()
    old_query, old_generation = await second.query_vector("apples"), second.generation_id
    new.gate.set()
    assert second._migration is not None
    while not second._migration.done():
        assert (second.embedder.spec == "local/old") == (second.generation_id == old_generation)
        await asyncio.sleep(0)
    assert second.embedder.spec == "local/new"
    with pytest.raises(Unavailable, match="exchanged"):
        await second.dense(old_query, 5, ANY)
    query = await second.query_vector("apples")
    (chunk_id,) = (hit.chunk_id for hit in await second.dense(query, 5, ANY))
    assert (await second.late(old_query, [chunk_id]), await second.sentences(old_query, [chunk_id])) == ({}, {})
    assert await second.late(query, [chunk_id])
    await second.close()


async def test_a_kill_before_the_first_snapshot_is_no_damage(shop: Shop) -> None:
    first = shop.open()
    await first.ready()
    await shop.add(first, "a", "red apples")
    first._text.index.close()  # type: ignore[union-attr]  # the process dies, nothing is saved
    second = shop.open()
    await second.ready()
    assert (await found(second, "apples", shop))[0] == ["red apples"]
    assert second.notices == []
    await second.close()


async def test_a_snapshot_that_cannot_be_written_keeps_nobody_from_searching(shop: Shop) -> None:
    """A folder lies where the snapshot is to be written."""
    blocked = shop.directory / "dense-1.faiss.tmp"
    blocked.mkdir(parents=True)
    first = shop.open()
    await first.ready()
    await shop.add(first, "a", "red apples")
    assert (await found(first, "apples", shop))[0] == ["red apples"]
    with pytest.raises(IsADirectoryError):
        await first.save()
    await first.close()
    blocked.rmdir()
    second = shop.open()
    await second.ready()
    assert await found(second, "apples", shop) == (["red apples"], ["red apples"])
    assert (shop.directory / "dense-1.faiss").is_file()
    await second.close()


async def test_searches_stay_inside_their_knowledge_base_and_the_caller_s_rights(shop: Shop) -> None:
    indexes = shop.open()
    await indexes.ready()
    await shop.add(indexes, "a", "ripe plums")
    for where in (Filter(knowledge_base_ids=frozenset({"other"})), Filter(principals=frozenset({"user:stranger"}))):
        assert await found(indexes, "plums", shop, where) == ([], [])
    allowed = Filter(knowledge_base_ids=frozenset({shop.base_id}), principals=LOCAL.principals)
    assert await found(indexes, "plums", shop, allowed) == (["ripe plums"], ["ripe plums"])
    await indexes.close()


async def test_stored_vectors_are_what_was_embedded(shop: Shop) -> None:
    indexes = shop.open()
    await indexes.ready()
    document_id = await shop.add(indexes, "a", "red apples")
    store = VectorsStore(shop.db)
    records, vectors = await store.vector_records((await store.generations())[0], [document_id])
    expected = await indexes.embedder.embed(["a. red apples"], "passage")
    assert len(records) == 1
    assert np.array_equal(vectors, expected)
    await indexes.close()


async def test_a_reader_beside_the_owner_sees_what_the_owner_stored(shop: Shop) -> None:
    owner = shop.open()
    await owner.ready()
    await shop.add(owner, "a", "ripe plums")
    reader = shop.open(serving=False)
    await reader.ready()
    assert [leg[0] for leg in await found(reader, "plums", shop)] == ["ripe plums"] * 2
    await reader.close()
    await shop.add(owner, "b", "dried figs")
    assert (await found(owner, "figs", shop))[1][0] == "dried figs"
    await owner.close()
