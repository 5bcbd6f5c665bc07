"""Workers: interruption, restart, troubles that pass and troubles that stay."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import func, select, text, update

from sitechat.errors import Unavailable
from sitechat.identity import LOCAL
from sitechat.indexes.service import Indexes
from sitechat.ingestion.indexing import BATCH
from sitechat.ingestion.service import IngestionService
from sitechat.ingestion.uploads import Upload
from sitechat.ingestion.worker import MAX_ATTEMPTS, MAX_FAILURES, UNEXPECTED
from sitechat.progress import ProgressRecord
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.tables import ItemRow, StagedVectorRow, VectorRow
from sitechat.storage.values import Embedding
from sitechat.storage.vectors import VectorsStore
from tests.support.embedder import HashEmbedder
from tests.support.library import Library, open_library
from vectorstore.base import EmbeddingError


def book(chapters: int) -> bytes:
    """Markdown of one passage a chapter, each different from the others."""
    return "\n\n".join(f"# Chapter {n}\n\n" + f"The {n}th tale begins here. " * 25 for n in range(chapters)).encode()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110 (the journal is what is looked at)
            await asyncio.sleep(0.02)


async def upload(library: Library, *files: tuple[str, bytes]) -> str:
    base = await library.base()
    return await library.ingestion.add_uploads(LOCAL, base.id, [Upload(name, data) for name, data in files])


async def embedding(library: Library, job: str, chunks: int = 0) -> None:
    """Until the job's file is being embedded, with at least ``chunks`` done."""

    async def there() -> bool:
        record = await library.ingestion.job(LOCAL, job)
        return record.stage == "embedding" and record.current_chunk >= chunks

    await until(there)


async def count(library: Library, what: type[StagedVectorRow | VectorRow]) -> int:
    async with library.db.read() as session:
        return (await session.execute(select(func.count()).select_from(what))).scalar_one()


class SteppingEmbedder(HashEmbedder):
    """Embeds one batch for each ``step``."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = asyncio.Semaphore(0)

    async def embed(self, texts: Sequence[str], kind: str) -> object:  # type: ignore[override]
        await self.steps.acquire()
        return await super().embed(texts, kind)  # type: ignore[arg-type]


# Interruption


async def test_pause_and_resume_in_the_middle_of_a_file_redo_no_finished_batch(tmp_path: Path) -> None:
    embedder = SteppingEmbedder()
    async with open_library(tmp_path, embedder=embedder) as library:
        job = await upload(library, ("book.md", book(3 * BATCH)))
        embedder.steps.release()
        await embedding(library, job, chunks=BATCH)
        await library.ingestion.pause(LOCAL, job)
        assert (await library.ingestion.job(LOCAL, job)).status == "paused"
        assert await library.uris() == []
        for _ in range(10):
            embedder.steps.release()
        await library.ingestion.resume(LOCAL, job)
        assert (await library.ended(job)).status == "completed"
        assert len(embedder.texts) == len(set(embedder.texts)), "each passage was embedded once"
        assert await count(library, StagedVectorRow) == 0


async def test_cancel_puts_the_file_down_and_leaves_nothing_of_it(tmp_path: Path) -> None:
    embedder = HashEmbedder()
    embedder.gate.clear()
    async with open_library(tmp_path, embedder=embedder, workers=1) as library:
        job = await upload(library, ("book.md", book(3)))
        await embedding(library, job)
        await library.ingestion.cancel(LOCAL, job)
        record = await library.ended(job)
        assert (record.status, record.details["cancelled"]) == ("cancelled", 1)
        embedder.gate.set()
        after = await upload(library, ("other.md", book(1)))
        assert (await library.ended(after)).status == "completed", "the worker is free again"
        assert await library.uris() == ["file:other.md"]


async def test_one_file_can_be_left_out_while_the_others_go_on(tmp_path: Path) -> None:
    embedder = HashEmbedder()
    embedder.gate.clear()
    async with open_library(tmp_path, embedder=embedder, workers=1) as library:
        job = await upload(library, ("a.md", book(1)), ("b.md", book(2)))
        await embedding(library, job)
        (first, _) = await library.ingestion.items(LOCAL, job)
        await library.ingestion.cancel_item(LOCAL, first.id)
        embedder.gate.set()
        assert (await library.ended(job)).status == "completed"
        assert await library.uris() == ["file:b.md"]


async def test_closing_puts_the_work_down_and_the_next_start_takes_it_up(tmp_path: Path) -> None:
    embedder = SteppingEmbedder()
    async with open_library(tmp_path, embedder=embedder) as library:
        job = await upload(library, ("book.md", book(2 * BATCH)))
        embedder.steps.release()
        await embedding(library, job, chunks=BATCH)
    second = HashEmbedder()
    async with open_library(tmp_path, embedder=second) as library:
        record = await library.ended(job)
        assert record.status == "completed"
        assert len(embedder.texts) + len(second.texts) == record.total_chunks
        (item,) = await library.ingestion.items(LOCAL, job)
        assert item.attempts == 1, "a restart is not the file's fault"


async def test_deleting_the_knowledge_base_stops_what_is_read_for_it(tmp_path: Path) -> None:
    embedder = HashEmbedder()
    embedder.gate.clear()
    async with open_library(tmp_path, embedder=embedder, workers=1) as library:
        job = await upload(library, ("book.md", book(3)))
        await embedding(library, job)
        base = await library.base()
        watching = asyncio.create_task(library.ended(job))
        await library.knowledge.delete(LOCAL, base.id)
        embedder.gate.set()
        assert (await watching).status in ("in_progress", "cancelled"), "the watch ends with its job"
        await library.ended(await upload(library, ("other.md", book(1))))
        assert await library.uris() == ["file:other.md"]
        assert await count(library, VectorRow) == 1


# Troubles


async def test_a_busy_search_model_is_asked_again(library: Library) -> None:
    library.embedder.failures = [EmbeddingError("The search model is busy.", transient=True)] * 2
    record = await library.ended(await upload(library, ("a.md", book(1))))
    assert record.status == "completed"
    (item,) = await library.ingestion.items(LOCAL, record.id)
    assert item.attempts == 3


async def test_trouble_that_does_not_pass_ends_as_failed_and_is_retried_by_hand(library: Library) -> None:
    library.embedder.failures = [EmbeddingError("The search model is busy.", transient=True)] * MAX_FAILURES
    job = await upload(library, ("a.md", book(1)))
    record = await library.ended(job)
    assert (record.status, record.error_message) == ("failed", "a.md: The search model is busy.")
    assert library.embedder.failures == []
    await library.ingestion.retry_failed(LOCAL, job)
    assert (await library.ended(job)).status == "completed"


async def test_trouble_that_cannot_pass_is_not_repeated(library: Library) -> None:
    library.embedder.failures = [EmbeddingError("The key was rejected. Check OPENAI_API_KEY.")]
    job = await upload(library, ("a.md", book(1)), ("b.md", book(2)))
    await library.ended(job)
    items = await library.ingestion.items(LOCAL, job)
    assert sorted((item.state, item.attempts) for item in items) == [("completed", 1), ("failed", 1)]
    assert [item.reason for item in items if item.state == "failed"] == ["The key was rejected. Check OPENAI_API_KEY."]


async def test_a_bug_fails_one_file_in_plain_words_and_not_the_worker(tmp_path: Path) -> None:
    class Bug(HashEmbedder):
        async def embed(self, texts: Sequence[str], kind: str) -> object:  # type: ignore[override]
            if any("poison" in text for text in texts):
                raise RuntimeError("secret detail")
            return await super().embed(texts, kind)  # type: ignore[arg-type]

    async with open_library(tmp_path, embedder=Bug(), workers=1) as library:
        job = await upload(library, ("a.md", b"# A\n\npoison is in here."), ("b.md", book(1)))
        await library.ended(job)
        items = await library.ingestion.items(LOCAL, job)
        assert [(item.state, item.reason) for item in items] == [("failed", UNEXPECTED), ("completed", "")]


async def test_a_file_that_took_the_process_down_again_and_again_is_given_up(tmp_path: Path) -> None:
    async with open_library(tmp_path, serving=False) as beside:
        job = await upload(beside, ("a.md", book(1)), ("b.md", book(2)))
        async with beside.db.write() as session:
            await session.execute(update(ItemRow).where(ItemRow.name == "a.md").values(attempts=MAX_ATTEMPTS))
    async with open_library(tmp_path) as library:
        await library.ended(job)
        items = await library.ingestion.items(LOCAL, job)
        assert [item.state for item in items] == ["failed", "completed"]
        assert f"{MAX_ATTEMPTS} times" in items[0].reason


async def test_the_older_of_two_versions_never_wins(tmp_path: Path) -> None:
    async with open_library(tmp_path, serving=False) as beside:
        old = await upload(beside, ("a.md", b"# Old\n\nThe old version."))
        new = await upload(beside, ("a.md", b"# New\n\nThe new version."))
    async with open_library(tmp_path) as library:
        assert (await library.ended(new)).status == "completed"
        assert (await library.ended(old)).skipped_files == 1
        base = await library.base()
        assert [document.title for document in await library.knowledge.documents(LOCAL, base.id)] == ["New"]


# The search model


async def test_nothing_fails_while_the_search_model_cannot_load_and_progress_says_so(tmp_path: Path) -> None:
    class Late(HashEmbedder):
        there = False

        async def load(self) -> int:
            if not self.there:
                raise EmbeddingError("The search model cannot be downloaded. Check the network.")
            return await super().load()

    embedder = Late()
    async with open_library(tmp_path, embedder=embedder) as library:
        job = await upload(library, ("a.md", book(1)))

        async def told() -> bool:
            return (await library.ingestion.job(LOCAL, job)).stalled

        await until(told)
        record = await library.ingestion.job(LOCAL, job)
        assert record.waiting_for == "the search model. The search model cannot be downloaded. Check the network."
        assert record.failed_files == 0
        embedder.there = True
        await upload(library, ("b.md", book(2)))  # wakes the workers
        assert (await library.ended(job)).status == "completed"


async def test_passages_are_embedded_again_where_another_search_model_took_over(tmp_path: Path) -> None:
    """The vectors of a document are always of the generation that serves at the moment it is stored."""
    embedder = HashEmbedder()
    embedder.gate.clear()
    async with open_library(tmp_path, embedder=embedder, workers=1) as library:
        switching = Switching(library.indexes)
        await library.ingestion.close()
        async with serving(library, switching) as service:
            base = await library.base()
            job = await service.add_uploads(LOCAL, base.id, [Upload("a.md", book(1))])
            await embedding(library, job)
            vectors = VectorsStore(library.db)
            fresh = await vectors.add_generation("local/other", 32, "building")
            await vectors.activate(fresh.id)
            embedder.gate.set()
            switching.generation_id = fresh.id
            assert [r async for r in service.watch(LOCAL, job)][-1].status == "completed"
        async with library.db.read() as session:
            assert (await session.execute(select(VectorRow.generation_id))).scalars().all() == [fresh.id]
        assert len(embedder.texts) == 2


class Switching:
    """The search side, with a generation that a test changes."""

    def __init__(self, indexes: Indexes) -> None:
        self._indexes = indexes
        self.generation_id = 1

    async def ready(self) -> None:
        await self._indexes.ready()

    async def embed_passages(self, chunks: Sequence[tuple[str, Sequence[str], str]], /) -> list[Embedding]:
        return await self._indexes.embed_passages(chunks)

    async def catch_up(self) -> None:
        pass

    async def save(self) -> None:
        raise Unavailable("The disk is full.")  # told in the log, and no reason for a job not to end


@asynccontextmanager
async def serving(library: Library, indexes: Switching) -> AsyncIterator[IngestionService]:
    service = IngestionService(library.db, indexes, library.settings, serving=True, workers=1)
    await service.start()
    try:
        yield service
    finally:
        await service.close()


# Watching, and another process


async def test_a_watch_is_told_each_batch_and_ends_with_the_job(tmp_path: Path) -> None:
    embedder = SteppingEmbedder()
    async with open_library(tmp_path, embedder=embedder, workers=1) as library:
        job = await upload(library, ("book.md", book(3 * BATCH)))
        records: list[ProgressRecord] = []
        async with asyncio.timeout(60):
            async for record in library.ingestion.watch(LOCAL, job):
                records.append(record)
                if record.stage == "embedding":
                    embedder.steps.release()
        seen = [record.current_batch for record in records if record.stage == "embedding"]
        assert sorted(set(seen)) == list(range(records[-1].total_batches))
        percentages = [record.progress_percentage for record in records]
        assert percentages == sorted(percentages)
        assert (percentages[-1], records[-1].status) == (100.0, "completed")
        assert library.indexes.counts()[0] == records[-1].total_chunks, "what a watch calls done can be found"


async def test_a_job_written_beside_the_owner_is_done_by_it_and_watched_from_there(tmp_path: Path) -> None:
    async with open_library(tmp_path) as owner, open_library(tmp_path, serving=False) as beside:
        base = await beside.base()
        path = tmp_path / "a.md"
        await asyncio.to_thread(path.write_bytes, book(2))
        job = await beside.ingestion.add_paths(LOCAL, base.id, [path])
        assert (await beside.ended(job)).status == "completed"
        assert await owner.uris() == ["file:a.md"]
        assert owner.embedder.texts
        assert not beside.embedder.texts


async def test_a_command_given_beside_the_owner_is_obeyed(tmp_path: Path) -> None:
    embedder = HashEmbedder()
    embedder.gate.clear()
    async with open_library(tmp_path, embedder=embedder, workers=1) as owner:
        job = await upload(owner, ("a.md", book(1)))
        await embedding(owner, job)
        async with open_library(tmp_path, serving=False) as beside:
            await beside.ingestion.cancel(LOCAL, job)
        after = await upload(owner, ("b.md", book(2)))

        async def taken_up() -> bool:
            return (await owner.ingestion.job(LOCAL, after)).stage == "embedding"

        await until(taken_up)
        embedder.gate.set()
        await owner.ended(after)
        assert await owner.uris() == ["file:b.md"]


async def test_originals_that_nothing_needs_go_and_those_of_failed_uploads_stay(library: Library) -> None:
    damaged = await upload(library, ("damaged.pdf", b"%PDF-1.7 rubbish"))
    job = await upload(library, ("a.md", book(1)))
    await library.ended(damaged)
    await library.ended(job)
    base = await library.base()
    (document,) = await KnowledgeStore(library.db).documents(LOCAL, base.id)
    await library.knowledge.delete_document(LOCAL, document.id)

    async def gone() -> bool:
        return document.blob not in library.ingestion.blobs.kept()

    await until(gone)
    assert len(library.ingestion.blobs.kept()) == 1, "the failed file can still be retried"
    await library.knowledge.delete(LOCAL, base.id)

    async def empty() -> bool:
        return not library.ingestion.blobs.kept()

    await until(empty)


async def test_an_item_whose_end_cannot_be_written_is_taken_up_as_soon_as_it_can(library: Library) -> None:
    """Long before its lease is over."""
    async with library.db.write() as tx:
        ending = "CREATE TRIGGER ending BEFORE UPDATE ON items WHEN NEW.completed_at IS NOT NULL"
        await tx.execute(text(f"{ending} BEGIN SELECT RAISE(FAIL, 'not now'); END"))
    job = await upload(library, ("a.md", book(1)))

    async def stumbled() -> bool:
        return library.ingestion._workers.stuck

    async with asyncio.timeout(20):
        await until(stumbled)
        async with library.db.write() as tx:
            await tx.execute(text("DROP TRIGGER ending"))
        assert (await library.ended(job)).status == "completed"
    assert await library.uris() == ["file:a.md"]
