"""From files and addresses to documents: what is taken, under which name, and what becomes of it."""

import errno
import io
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from sitechat.errors import Forbidden, InvalidInput, NotFound, Unavailable
from sitechat.identity import LOCAL, Caller
from sitechat.ingestion.uploads import Upload
from sitechat.settings import Settings
from sitechat.storage.knowledge import KnowledgeStore
from tests.support.library import Library, open_library
from vectorstore.base import Filter

STRANGER = Caller("somebody else")


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def page(title: str, sentences: int = 3) -> str:
    body = " ".join(f"Sentence {n} about {title} says something of its own." for n in range(sentences))
    return f"# {title}\n\n{body}\n"


# Folders and files


async def test_a_folder_becomes_documents_that_can_be_found(library: Library, tmp_path: Path) -> None:
    write(tmp_path, "docs/otters.md", page("Otters", 40))
    write(tmp_path, "docs/deep/herons.html", "<html><body><h1>Herons</h1><p>Herons stand still.</p></body></html>")
    items = await library.ingest(tmp_path / "docs")
    assert [(item.name, item.state, item.outcome) for item in items] == [
        ("docs/deep/herons.html", "completed", "indexed"),
        ("docs/otters.md", "completed", "indexed"),
    ]
    base = await library.base()
    documents = {document.title: document for document in await library.knowledge.documents(LOCAL, base.id)}
    assert set(documents) == {"Herons", "Otters"}
    text = await library.knowledge.text(LOCAL, documents["Otters"].id)
    hits = await library.indexes.full_text("otters", 50, Filter(knowledge_base_ids=frozenset({base.id})))
    assert len(hits) == documents["Otters"].chunk_count > 1
    for hit in hits:
        passage = await library.knowledge.passage(LOCAL, hit.chunk_id)
        assert passage.text == text[passage.start : passage.end]
        assert passage.document_id == documents["Otters"].id
    assert library.indexes.counts()[0] == sum(document.chunk_count for document in documents.values())


async def test_every_file_ends_with_a_reason_and_a_damaged_one_stops_nothing(library: Library, tmp_path: Path) -> None:
    write(tmp_path, "docs/a-damaged.pdf", "%PDF-1.7 and then rubbish")
    write(tmp_path, "docs/b-empty.txt", "  \n\n ")
    write(tmp_path, "docs/c-good.md", page("Good"))
    (tmp_path / "docs/d-picture.gif").write_bytes(b"GIF89a....")
    (tmp_path / "docs/e-gone.md").symlink_to(tmp_path / "nowhere")
    items = await library.ingest(tmp_path / "docs")
    assert [(item.name.partition("/")[2], item.state) for item in items] == [
        ("a-damaged.pdf", "failed"),
        ("b-empty.txt", "skipped"),
        ("c-good.md", "completed"),
        ("d-picture.gif", "skipped"),
        ("e-gone.md", "skipped"),
    ]
    assert all(item.reason.endswith(".") for item in items if item.state != "completed")
    assert [item.retryable for item in items] == [True, False, False, False, False]


async def test_an_unchanged_folder_costs_no_embedding(library: Library, tmp_path: Path) -> None:
    write(tmp_path, "docs/otters.md", page("Otters", 40))
    await library.ingest(tmp_path / "docs")
    base = await library.base()
    (before,) = await library.knowledge.documents(LOCAL, base.id)
    library.embedder.texts.clear()
    items = await library.ingest(tmp_path / "docs")
    (after,) = await library.knowledge.documents(LOCAL, base.id)
    assert [(item.outcome, item.document_id) for item in items] == [("unchanged", before.id)]
    assert library.embedder.texts == []
    assert (after.id, after.updated_at) == (before.id, before.updated_at)
    assert after.read_at > before.read_at


async def test_a_changed_file_replaces_its_passages(library: Library, tmp_path: Path) -> None:
    path = write(tmp_path, "docs/otters.md", page("Otters", 40))
    await library.ingest(tmp_path / "docs")
    base = await library.base()
    (before,) = await library.knowledge.documents(LOCAL, base.id)
    path.write_text(page("Badgers", 2), "utf-8")
    await library.ingest(tmp_path / "docs")
    (after,) = await library.knowledge.documents(LOCAL, base.id)
    assert (after.id, after.title, after.chunk_count) == (before.id, "Badgers", 1)
    assert library.indexes.counts() == (1, 1)
    assert await library.indexes.full_text("otters", 5, Filter()) == []
    await library.ingestion.close()
    assert library.ingestion.blobs.kept() == {after.blob}, "the former original is not needed any more"


async def test_the_former_text_of_a_file_that_is_empty_now_is_removed(library: Library, tmp_path: Path) -> None:
    path = write(tmp_path, "otters.md", page("Otters"))
    await library.ingest(path)
    path.write_text("", "utf-8")
    (item,) = await library.ingest(path)
    assert (item.state, item.reason) == ("skipped", "There is no text in it. Its former text has been removed.")
    assert await library.uris() == []
    assert library.indexes.counts() == (0, 0)


async def test_a_file_that_is_damaged_now_keeps_its_former_text(library: Library, tmp_path: Path) -> None:
    """A broken download or half-written file is no reason to forget what was known."""
    path = write(tmp_path, "otters.md", page("Otters"))
    await library.ingest(path)
    path.write_bytes(b"%PDF-1.7 rubbish")
    (item,) = await library.ingest(path)
    assert item.state == "failed"
    assert await library.uris() == ["file:otters.md"]


async def test_a_folder_is_walked_without_hidden_files_and_loops(library: Library, tmp_path: Path) -> None:
    write(tmp_path, "docs/a.md", page("A"))
    write(tmp_path, "docs/.git/config.txt", "hidden")
    write(tmp_path, "docs/.secret.md", "hidden")
    write(tmp_path, "elsewhere/b.md", page("B"))
    (tmp_path / "docs/loop").symlink_to(tmp_path / "docs")
    (tmp_path / "docs/other").symlink_to(tmp_path / "elsewhere")
    items = await library.ingest(tmp_path / "docs", tmp_path / "docs", tmp_path / "docs/a.md/../loop")
    assert [item.uri for item in items] == ["file:docs/a.md", "file:docs/other/b.md"]


async def test_folders_of_one_name_are_kept_apart(library: Library, tmp_path: Path) -> None:
    write(tmp_path, "one/docs/a.md", page("One"))
    write(tmp_path, "two/docs/a.md", page("Two"))
    await library.ingest(tmp_path / "one/docs", tmp_path / "two/docs")
    assert await library.uris() == ["file:docs (2)/a.md", "file:docs/a.md"]


async def test_a_file_name_that_is_no_text_is_reported(library: Library, tmp_path: Path) -> None:
    write(tmp_path, "docs/" + os.fsdecode(b"caf\xe9.md"), page("A"))
    (item,) = await library.ingest(tmp_path / "docs")
    assert (item.name, item.state) == ("docs/caf?.md", "skipped")


async def test_the_data_directory_is_never_read_as_a_source(library: Library, tmp_path: Path) -> None:
    write(tmp_path, "notes/a.md", page("A"))
    await library.ingest(tmp_path / "notes")
    items = await library.ingest(tmp_path)
    assert [item.name for item in items] == [f"{tmp_path.name}/notes/a.md"]


async def test_nothing_to_read_is_said_at_once(library: Library, tmp_path: Path) -> None:
    base = await library.base()
    (tmp_path / "empty").mkdir()
    write(tmp_path, "hidden/.a.md", page("A"))
    for paths, told in (
        ([tmp_path / "empty"], "nothing to read"),
        ([tmp_path / "hidden"], "nothing to read"),
        ([tmp_path / "absent"], "no file or folder"),
        ([], "nothing to read"),
    ):
        with pytest.raises(InvalidInput, match=told):
            await library.ingestion.add_paths(LOCAL, base.id, paths)
    with pytest.raises(InvalidInput, match="no file to add"):
        await library.ingestion.add_uploads(LOCAL, base.id, [])
    assert await library.ingestion.progress(LOCAL, base.id) == []


async def test_a_file_that_vanished_fails_and_can_be_retried_when_it_is_back(tmp_path: Path) -> None:
    path = write(tmp_path, "a.md", page("A"))
    async with open_library(tmp_path, serving=False) as beside:
        base = await beside.base()
        job = await beside.ingestion.add_paths(LOCAL, base.id, [path])
    path.unlink()
    async with open_library(tmp_path) as library:
        assert (await library.ended(job)).error_message == "a.md: The file is not there any more."
        (item,) = await library.ingestion.items(LOCAL, job, "failed")
        write(tmp_path, "a.md", page("A"))
        await library.ingestion.retry_item(LOCAL, item.id)
        assert (await library.ended(job)).status == "completed"
        assert await library.uris() == ["file:a.md"]


# Uploads


async def test_uploads_of_one_name_are_both_there(library: Library) -> None:
    base = await library.base()
    uploads = [Upload("a.md", page("First").encode()), Upload("a.md", io.BytesIO(page("Second").encode()))]
    record = await library.ended(await library.ingestion.add_uploads(LOCAL, base.id, uploads))
    assert (record.status, record.processed_files) == ("completed", 2)
    titles = {document.uri: document.title for document in await library.knowledge.documents(LOCAL, base.id)}
    assert titles == {"file:a.md": "First", "file:a (2).md": "Second"}


async def test_the_name_of_an_upload_is_never_a_path(library: Library) -> None:
    base = await library.base()
    names = ["../../etc/passwd.md", "C:\\secret\\plan.md", "a\x00b\u202e.md", "..", "x" * 300 + ".md"]
    job = await library.ingestion.add_uploads(LOCAL, base.id, [Upload(name, page(name[:9]).encode()) for name in names])
    await library.ended(job)
    found = [item.name for item in await library.ingestion.items(LOCAL, job)]
    assert found == ["passwd.md", "plan.md", "ab.md", "unnamed", "x" * 197 + ".md"]


async def test_an_upload_that_will_not_be_read_is_not_kept(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", max_file_mb=1, _env_file=None)
    async with open_library(tmp_path, settings=settings) as library:
        base = await library.base()
        uploads = [Upload("film.mp4", b"film"), Upload("large.txt", b"x" * 1_000_001)]
        job = await library.ingestion.add_uploads(LOCAL, base.id, uploads)
        assert (await library.ended(job)).status == "completed"
        items = await library.ingestion.items(LOCAL, job)
        assert [item.state for item in items] == ["skipped", "skipped"]
        assert "1 MB" in items[1].reason
        assert library.ingestion.blobs.kept() == set()


async def test_an_upload_onto_a_full_disk_is_refused_with_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    class OntoAFullDisk(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async with open_library(tmp_path) as library:
        base = await library.base()
        with pytest.raises(Unavailable, match=r"^The disk is full\. Make room on it, then retry\.$"):
            await library.ingestion.add_uploads(LOCAL, base.id, [Upload("a.md", OntoAFullDisk())])
        assert await library.ingestion.progress(LOCAL, base.id) == []
        assert list((tmp_path / "data" / "blobs" / "incoming").iterdir()) == []


async def test_the_original_of_an_upload_is_kept_for_its_document(library: Library) -> None:
    base = await library.base()
    data = page("Otters").encode()
    await library.ended(await library.ingestion.add_uploads(LOCAL, base.id, [Upload("otters.md", data)]))
    (document,) = await library.knowledge.documents(LOCAL, base.id)
    assert library.knowledge.blob_path(document).read_bytes() == data
    assert (document.media_type, document.size, document.owner_id) == ("text/markdown", len(data), "local")


# Addresses


@asynccontextmanager
async def site(handler: web.RequestHandler | object) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)  # type: ignore[arg-type]
    runner = web.AppRunner(app)
    await runner.setup()
    listener = web.TCPSite(runner, "127.0.0.1", 0)
    await listener.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def reaching_loopback(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", allow_networks="127.0.0.0/8", _env_file=None)


async def test_a_page_of_the_web_is_read_under_its_plain_address(tmp_path: Path) -> None:
    async def answer(_: web.Request) -> web.Response:
        text = "<html><head><title>Otters</title></head><body><p>Otters hold hands.</p></body></html>"
        return web.Response(text=text, content_type="text/html")

    async with site(answer) as origin, open_library(tmp_path, settings=reaching_loopback(tmp_path)) as library:
        base = await library.base()
        job = await library.ingestion.add_url(LOCAL, base.id, f"  {origin.upper()}/otters?a=1#part ")
        assert (await library.ended(job)).status == "completed"
        (document,) = await library.knowledge.documents(LOCAL, base.id)
        assert (document.uri, document.title) == (f"{origin}/otters?a=1", "Otters")
        assert document.media_type == "text/html"
        library.embedder.texts.clear()
        again = await library.ingestion.add_url(LOCAL, base.id, f"{origin}/otters?a=1")
        assert (await library.ended(again)).details["unchanged"] == 1
        assert library.embedder.texts == []


async def test_a_busy_site_is_asked_again_and_a_missing_page_is_not(tmp_path: Path) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        if request.path == "/missing":
            return web.Response(status=404)
        return web.Response(status=503) if asked.count("/busy") < 3 else web.Response(text="Otters hold hands.")

    async with site(answer) as origin, open_library(tmp_path, settings=reaching_loopback(tmp_path)) as library:
        base = await library.base()
        busy = await library.ingestion.add_url(LOCAL, base.id, f"{origin}/busy")
        missing = await library.ingestion.add_url(LOCAL, base.id, f"{origin}/missing")
        assert (await library.ended(busy)).status == "completed"
        assert (await library.ended(missing)).error_message == f"{origin}/missing: The page answered 404 Not Found."
        assert sorted(asked) == ["/busy", "/busy", "/busy", "/missing"]
        assert [item.attempts for item in await library.ingestion.items(LOCAL, busy)] == [3]


async def test_an_address_inside_is_refused_with_the_reason(library: Library) -> None:
    base = await library.base()
    record = await library.ended(await library.ingestion.add_url(LOCAL, base.id, "http://127.0.0.1/admin"))
    assert record.status == "failed"
    assert "SITECHAT_ALLOW_NETWORKS" in (record.error_message or "")


@pytest.mark.parametrize(
    "address", ["", "ftp://example.org/a", "https://", "https://user:pw@example.org", "/etc/passwd"]
)
async def test_what_is_no_web_address_is_told_at_once(library: Library, address: str) -> None:
    base = await library.base()
    with pytest.raises(InvalidInput):
        await library.ingestion.add_url(LOCAL, base.id, address)


# Who


async def test_only_the_owner_adds_and_a_stranger_sees_nothing(library: Library, tmp_path: Path) -> None:
    base = await library.base()
    path = write(tmp_path, "a.md", page("A"))
    job = await library.ingestion.add_paths(LOCAL, base.id, [path])
    await library.ended(job)
    (item,) = await library.ingestion.items(LOCAL, job)
    service = library.ingestion
    for attempt in (
        service.add_paths(STRANGER, base.id, [path]),
        service.add_uploads(STRANGER, base.id, [Upload("a.md", b"A")]),
        service.add_url(STRANGER, base.id, "https://example.org"),
        service.progress(STRANGER, base.id),
        service.job(STRANGER, job),
        service.items(STRANGER, job),
        service.wait_for_change(STRANGER, job),
        service.cancel(STRANGER, job),
        service.retry_item(STRANGER, item.id),
    ):
        with pytest.raises(NotFound):
            await attempt


async def test_a_reader_of_a_shared_knowledge_base_cannot_add_to_it(library: Library) -> None:
    base = await library.base()
    await share(library, base.id)
    assert await KnowledgeStore(library.db).get(STRANGER, base.id)
    with pytest.raises(Forbidden):
        await library.ingestion.add_url(STRANGER, base.id, "https://example.org")
    with pytest.raises(Forbidden):
        await library.knowledge.delete(STRANGER, base.id)
    with pytest.raises(Forbidden):
        await library.knowledge.rename(STRANGER, base.id, "Mine")


async def share(library: Library, knowledge_base_id: str) -> None:
    from sqlalchemy import update

    from sitechat.storage.tables import KnowledgeBaseRow

    async with library.db.write() as session:
        await session.execute(
            update(KnowledgeBaseRow).where(KnowledgeBaseRow.id == knowledge_base_id).values(access=["everyone"])
        )
