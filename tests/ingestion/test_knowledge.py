"""Knowledge bases and documents: names, what can be read, who may change what."""

from pathlib import Path

import pytest

from sitechat.errors import InvalidInput, NotFound
from sitechat.identity import LOCAL, Caller
from sitechat.ingestion.uploads import Upload
from tests.support.library import Library
from vectorstore.base import Filter

STRANGER = Caller("somebody else")


async def test_names_are_trimmed_and_found_as_they_are_shown(library: Library) -> None:
    base = await library.knowledge.create(LOCAL, "  My\n papers  ", " about otters ")
    assert (base.name, base.description, base.ready) == ("My papers", "about otters", False)
    found = await library.knowledge.find(LOCAL, " My papers ")
    assert found == base
    assert await library.knowledge.visible(LOCAL) == [base]


async def test_names_that_cannot_be_are_told_with_what_would(library: Library) -> None:
    base = await library.knowledge.create(LOCAL, "Papers")
    other = await library.knowledge.create(LOCAL, "x" * 100)
    for name, told in (
        ("", "needs a name"),
        (" \n", "needs a name"),
        ("x" * 101, "100 characters"),
        ("Papers", "already"),
    ):
        with pytest.raises(InvalidInput, match=told):
            await library.knowledge.create(LOCAL, name)
        with pytest.raises(InvalidInput, match=told):
            await library.knowledge.rename(LOCAL, other.id, name)
    await library.knowledge.rename(LOCAL, base.id, "Papers")
    assert await library.knowledge.create(STRANGER, "Papers"), "names are each owner's own"


async def test_a_deleted_document_is_not_found_and_its_passages_are_gone(library: Library) -> None:
    base = await library.base()
    uploads = [Upload("a.md", b"# Otters\n\nOtters hold hands."), Upload("b.md", b"# Herons\n\nHerons stand still.")]
    await library.ended(await library.ingestion.add_uploads(LOCAL, base.id, uploads))
    assert (await library.knowledge.get(LOCAL, base.id)).ready
    herons, otters = await library.knowledge.documents(LOCAL, base.id)
    (hit,) = await library.indexes.full_text("otters", 5, Filter())
    passage = await library.knowledge.passage(LOCAL, hit.chunk_id)
    assert (passage.title, passage.document_id) == ("Otters", otters.id)
    await library.knowledge.delete_document(LOCAL, otters.id)
    for absent in (
        library.knowledge.document(LOCAL, otters.id),
        library.knowledge.text(LOCAL, otters.id),
        library.knowledge.passage(LOCAL, hit.chunk_id),
        library.knowledge.delete_document(LOCAL, otters.id),
    ):
        with pytest.raises(NotFound):
            await absent
    assert await library.indexes.full_text("otters", 5, Filter()) == []
    assert await library.knowledge.documents(LOCAL, base.id) == [herons]


async def test_a_deleted_knowledge_base_is_gone_with_all_it_held(library: Library, tmp_path: Path) -> None:
    base = await library.base()
    job = await library.ingestion.add_uploads(LOCAL, base.id, [Upload("a.md", b"# Otters\n\nOtters hold hands.")])
    await library.ended(job)
    await library.knowledge.delete(LOCAL, base.id)
    assert await library.knowledge.visible(LOCAL) == []
    assert library.indexes.counts() == (0, 0)
    for absent in (library.ingestion.job(LOCAL, job), library.knowledge.documents(LOCAL, base.id)):
        with pytest.raises(NotFound):
            await absent
    assert (await library.base()).documents == 0, "the name is free again"


async def test_a_stranger_finds_nothing(library: Library) -> None:
    base = await library.base()
    await library.ended(await library.ingestion.add_uploads(LOCAL, base.id, [Upload("a.md", b"# A\n\nText.")]))
    (document,) = await library.knowledge.documents(LOCAL, base.id)
    (hit,) = await library.indexes.full_text("text", 5, Filter())
    assert await library.knowledge.visible(STRANGER) == []
    assert await library.knowledge.find(STRANGER, base.name) is None
    for attempt in (
        library.knowledge.get(STRANGER, base.id),
        library.knowledge.documents(STRANGER, base.id),
        library.knowledge.document(STRANGER, document.id),
        library.knowledge.text(STRANGER, document.id),
        library.knowledge.passage(STRANGER, hit.chunk_id),
        library.knowledge.delete_document(STRANGER, document.id),
        library.knowledge.rename(STRANGER, base.id, "Mine"),
        library.knowledge.delete(STRANGER, base.id),
    ):
        with pytest.raises(NotFound):
            await attempt
