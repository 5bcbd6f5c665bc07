"""Ingestion as front ends see it: hand over files, folders or addresses, watch and command the jobs.

Everything is written to the journal before it is acknowledged. In the process that owns the data directory workers do
the jobs; beside it the same calls journal and watch, and the owner's workers pick the jobs up.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import BinaryIO

from sitechat.errors import Forbidden, InvalidInput, NotFound
from sitechat.identity import Caller
from sitechat.ingestion.addresses import AddressRules, parse_networks
from sitechat.ingestion.blobs import BlobStore, TooLargeToKeep
from sitechat.ingestion.extract import ExtractionPool
from sitechat.ingestion.fetch import Fetcher
from sitechat.ingestion.gather import Names, clean_name, expected_passages, items_of_paths, reason_to_skip
from sitechat.ingestion.housekeeping import Housekeeping
from sitechat.ingestion.s3.buckets import Buckets, first_item
from sitechat.ingestion.s3.client import S3Client
from sitechat.ingestion.s3.places import Allowed, parse_allowed, parse_place
from sitechat.ingestion.signals import WORK, Signals, command, progress
from sitechat.ingestion.site.crawl import Crawls, first_items
from sitechat.ingestion.site.plan import from_plan, to_plan
from sitechat.ingestion.site.scope import Scope
from sitechat.ingestion.site.turns import Turns
from sitechat.ingestion.sources import Sources
from sitechat.ingestion.stages import SearchIndexes, Stages
from sitechat.ingestion.urls import parse_url, with_scheme
from sitechat.ingestion.worker import Workers
from sitechat.progress import ItemRecord, ItemState, ProgressRecord
from sitechat.settings import Settings
from sitechat.storage.engine import Database
from sitechat.storage.job_progress import JobProgressReader
from sitechat.storage.jobs import JobsStore, NewItem
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.leases import LeaseStore

OPEN = ("pending", "in_progress", "paused")
WATCH_SECONDS = 5.0
"""How often a watcher looks at the journal when nothing rings in this process: times and waits change by themselves."""
BESIDE_SECONDS = 0.5
"""The same where another process does the work, so that nothing ever rings here."""
QUIET_SECONDS = 0.2
"""Shortest time between two records of a watch: a folder of small files ends many items a second."""


_BUCKET_PLAN = "bucket"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as a browser sent it."""

    name: str
    data: bytes | BinaryIO


class _SweptError(Exception):
    """An original went as unneeded in the moment between being kept and being journalled."""


class IngestionService:
    """``serving``: this process owns the data directory and does the work. Call :meth:`start` first."""

    def __init__(
        self,
        db: Database,
        indexes: SearchIndexes,
        settings: Settings,
        *,
        serving: bool,
        workers: int = 2,
        backoff_seconds: float = 2.0,
    ) -> None:
        self.blobs = BlobStore(settings.data_dir / "blobs")
        self._db = db
        self._indexes = indexes
        self._serving = serving
        self._data_dir = settings.data_dir
        self._limit = settings.max_file_mb * 1_000_000
        self._jobs = JobsStore(db)
        self._reader = JobProgressReader(db)
        self._knowledge = KnowledgeStore(db)
        self._signals = Signals()
        self._pool = ExtractionPool(
            size=workers,
            timeout=settings.extract_timeout,
            memory_mb=settings.extract_memory_mb,
            ocr_languages=settings.ocr_languages,
        )
        rules = AddressRules(parse_networks(settings.allow_networks))
        self._fetcher = Fetcher(rules, max_bytes=self._limit)
        self._housekeeping = Housekeeping(db, indexes, self.blobs)
        sources = Sources(self.blobs, self._fetcher, self._limit)
        self._crawls = Crawls(db, self._fetcher, self.blobs, Turns(settings.site_pause), self._limit)
        self._allowed = Allowed(parse_allowed(settings.s3_buckets))
        client = S3Client(settings.aws_region, settings.aws_profile)
        self._buckets = Buckets(db, client, self._allowed, self.blobs, self._limit)
        stages = Stages(
            db, indexes, sources, self._pool, self._signals, self._housekeeping.stored, self._crawls, self._buckets
        )
        self._workers = Workers(
            LeaseStore(db),
            stages,
            indexes,
            self._signals,
            self._housekeeping.ended,
            count=workers,
            backoff_seconds=backoff_seconds,
        )

    async def start(self) -> None:
        """Take up what waits in the journal; does nothing beside an owner."""
        if self._serving:
            self._housekeeping.start()
            await self._workers.start()

    async def close(self) -> None:
        """Put down what is in work; it is taken up at the next start."""
        await self._workers.close()
        await self._pool.close()
        await self._fetcher.close()
        await self._buckets.close()
        await self._housekeeping.close()

    # Handing over

    async def add_uploads(self, caller: Caller, knowledge_base_id: str, uploads: Sequence[Upload]) -> str:
        """Keep the files and journal a job for them; returns its id.

        A second file of the same name in one upload gets a name of its own. Raises ``InvalidInput`` without any file.
        """
        await self._writable(caller, knowledge_base_id)
        if not uploads:
            raise InvalidInput("There is no file to add. Choose one or more.")
        while True:
            items = await asyncio.to_thread(self._keep, uploads)
            with suppress(_SweptError):
                return self._begun(await self._journal_uploads(caller, knowledge_base_id, items))

    async def add_paths(self, caller: Caller, knowledge_base_id: str, paths: Sequence[Path]) -> str:
        """Journal a job for files, and folders with everything in them; returns its id.

        The files are read when their turn comes. Raises ``InvalidInput`` for a path without any.
        """
        await self._writable(caller, knowledge_base_id)
        items = await asyncio.to_thread(items_of_paths, list(paths), self._data_dir)
        return self._begun(await self._jobs.create(caller, knowledge_base_id, "files", items))

    async def add_url(self, caller: Caller, knowledge_base_id: str, url: str) -> str:
        """Journal a job for one web page; returns its id. Raises ``InvalidInput`` where ``url`` is no web address."""
        await self._writable(caller, knowledge_base_id)
        address = str(parse_url(with_scheme(url)))
        item = NewItem(address, address, f"url:{address}")
        return self._begun(await self._jobs.create(caller, knowledge_base_id, "url", [item]))

    async def add_site(self, caller: Caller, knowledge_base_id: str, scope: Scope) -> str:
        """Journal the reading of a whole website, as far as ``scope`` goes; returns the job's id."""
        await self._writable(caller, knowledge_base_id)
        items = first_items(scope)
        return self._begun(await self._jobs.create(caller, knowledge_base_id, "site", items, plan=to_plan(scope)))

    async def add_bucket(self, caller: Caller, knowledge_base_id: str, address: str) -> str:
        """Journal the reading of ``s3://bucket/prefix`` with the server's credentials; returns the job's id.

        Raises ``InvalidInput`` where that is no such address, ``Forbidden`` where it may not be read here.
        """
        await self._writable(caller, knowledge_base_id)
        place = parse_place(address)
        self._allowed.check(place)
        plan = {_BUCKET_PLAN: str(place)}
        return self._begun(await self._jobs.create(caller, knowledge_base_id, "bucket", [first_item(place)], plan=plan))

    async def read_again(self, caller: Caller, job_id: str) -> str:
        """Journal another reading of the site or bucket that a job read; what has not changed costs a question each."""
        record = await self._reader.job(caller, job_id)
        found = await self._jobs.plan(job_id)
        if found is None:
            raise InvalidInput("Only a website or a bucket can be read again.")
        if _BUCKET_PLAN in found[0]:
            return await self.add_bucket(caller, record.knowledge_base_id, found[0][_BUCKET_PLAN])
        return await self.add_site(caller, record.knowledge_base_id, from_plan(found[0]))

    # Looking

    async def progress(self, caller: Caller, knowledge_base_id: str) -> list[ProgressRecord]:
        """The caller's jobs of a knowledge base, newest first."""
        await self._knowledge.get(caller, knowledge_base_id)
        return [self._explained(record) for record in await self._reader.knowledge_base(caller, knowledge_base_id)]

    async def is_reading(self, caller: Caller, knowledge_base_id: str) -> bool:
        """Whether one of the caller's jobs of a knowledge base is not over."""
        return await self._reader.is_open(caller, knowledge_base_id)

    async def job(self, caller: Caller, job_id: str) -> ProgressRecord:
        return self._explained(await self._reader.job(caller, job_id))

    async def items(self, caller: Caller, job_id: str, state: ItemState | None = None) -> list[ItemRecord]:
        return await self._jobs.items(caller, job_id, state)

    async def watch(self, caller: Caller, job_id: str) -> AsyncIterator[ProgressRecord]:
        """A record at once and then each time something has changed, until the job has ended."""
        record = await self.job(caller, job_id)
        yield record
        while record.status in OPEN:
            await asyncio.sleep(QUIET_SECONDS)
            former = record
            try:
                record = await self.wait_for_change(caller, job_id, former, WATCH_SECONDS)
            except NotFound:  # deleted together with its knowledge base
                return
            if record != former:
                yield record

    async def wait_for_change(
        self,
        caller: Caller,
        job_id: str,
        last: ProgressRecord | None = None,
        timeout: float = 5.0,  # noqa: ASYNC109
    ) -> ProgressRecord:
        """The record as soon as it differs from ``last``, or as it is after ``timeout`` seconds.

        Where it says that the job has ended, everything that the job stored can be found.
        """
        deadline = monotonic() + timeout
        with self._signals.listen(progress(job_id)) as bell:
            while (record := await self.job(caller, job_id)) == last and (left := deadline - monotonic()) > 0:
                await bell.wait(min(left, WATCH_SECONDS if self._serving else BESIDE_SECONDS))
        if record.status not in OPEN:
            await self._indexes.catch_up()
        return record

    # Commanding

    async def pause(self, caller: Caller, job_id: str) -> None:
        await self._jobs.pause(caller, job_id)
        self._commanded(job_id)

    async def resume(self, caller: Caller, job_id: str) -> None:
        await self._jobs.resume(caller, job_id)
        self._commanded(job_id)

    async def cancel(self, caller: Caller, job_id: str) -> None:
        """End the job; documents that it has already stored stay."""
        await self._jobs.cancel(caller, job_id)
        self._commanded(job_id)
        self._housekeeping.ended()

    async def cancel_item(self, caller: Caller, item_id: str) -> None:
        self._commanded(await self._jobs.cancel_item(caller, item_id))

    async def retry_item(self, caller: Caller, item_id: str) -> None:
        self._commanded(await self._jobs.retry_item(caller, item_id))

    async def retry_failed(self, caller: Caller, job_id: str) -> None:
        await self._jobs.retry_failed(caller, job_id)
        self._commanded(job_id)

    async def abandon(self, knowledge_base_id: str) -> None:
        """End all jobs of a knowledge base that is about to be deleted, whoever's they are."""
        for job_id in await self._jobs.cancel_all(knowledge_base_id):
            self._commanded(job_id)

    def forget_unneeded(self) -> None:
        """Documents were deleted: in a moment their originals are, too."""
        self._housekeeping.ended()

    # Inside

    async def _writable(self, caller: Caller, knowledge_base_id: str) -> None:
        base = await self._knowledge.get(caller, knowledge_base_id)
        if base.owner_id != caller.user_id:
            raise Forbidden(f"“{base.name}” is shared with you for reading; only its owner can add to it.")

    def _keep(self, uploads: Sequence[Upload]) -> list[NewItem]:
        names = Names()
        return [self._kept(upload, names.unique(clean_name(upload.name))) for upload in uploads]

    def _kept(self, upload: Upload, name: str) -> NewItem:
        """A file that will not be read is not kept either."""
        reason = reason_to_skip(name)
        if not reason:
            stream = io.BytesIO(upload.data) if isinstance(upload.data, bytes) else upload.data
            stream.seek(0)
            try:
                blob, size = self.blobs.put(stream, self._limit)
            except TooLargeToKeep as error:
                reason = error.message
            else:
                return NewItem(name, f"file:{name}", f"blob:{blob}", size, blob, weight=expected_passages(name, size))
        return NewItem(name, f"file:{name}", "", skip=reason)

    async def _journal_uploads(self, caller: Caller, knowledge_base_id: str, items: Sequence[NewItem]) -> str:
        async with self._db.write() as tx:
            job_id = await self._jobs.create(caller, knowledge_base_id, "files", items, tx)
            if not all(self.blobs.holds(item.blob) for item in items if item.blob is not None):
                raise _SweptError
        return job_id

    def _begun(self, job_id: str) -> str:
        self._signals.ring(WORK, progress(job_id))
        return job_id

    def _commanded(self, job_id: str) -> None:
        self._signals.ring(command(job_id), progress(job_id), WORK)

    def _explained(self, record: ProgressRecord) -> ProgressRecord:
        """With what only this process knows: why its workers have not begun."""
        reason = self._workers.waiting_for if self._serving else None
        if record.status == "in_progress" and (pause := self._crawls.waits_for(record.id)) and not record.stalled:
            return record.model_copy(update={"waiting_for": pause})
        if reason is None or record.status not in ("pending", "in_progress") or record.current_file is not None:
            return record
        return record.model_copy(update={"waiting_for": reason, "stalled": self._workers.stuck})
