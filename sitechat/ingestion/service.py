"""Ingestion as front ends see it: hand over files, folders or addresses, watch and command the jobs.

Everything is written to the journal before it is acknowledged. In the process that owns the data directory workers do
the jobs; beside it the same calls journal and watch, and the owner's workers pick the jobs up.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from time import monotonic

from pydantic import SecretStr

from sitechat.errors import InvalidInput, NotFound
from sitechat.identity import Caller
from sitechat.ingestion.activity import ActivityBoard
from sitechat.ingestion.addresses import AddressRules, parse_networks
from sitechat.ingestion.blobs import BlobStore
from sitechat.ingestion.browser import SharedBrowser, missing
from sitechat.ingestion.extract import ExtractionPool
from sitechat.ingestion.fetch import Fetcher
from sitechat.ingestion.gather import (
    check_paths,
    items_of_paths,
    places_of,
)
from sitechat.ingestion.housekeeping import Housekeeping
from sitechat.ingestion.indexing import SearchIndexes
from sitechat.ingestion.login import Login, parse_headers
from sitechat.ingestion.notify.channels import channels
from sitechat.ingestion.notify.outbox import Outbox
from sitechat.ingestion.render import Renderer
from sitechat.ingestion.s3.buckets import Buckets
from sitechat.ingestion.s3.client import S3Client
from sitechat.ingestion.s3.places import Allowed, parse_allowed, parse_place
from sitechat.ingestion.scheduler import Scheduler
from sitechat.ingestion.signals import WORK, Signals, command, progress
from sitechat.ingestion.site.crawl import Crawls
from sitechat.ingestion.site.plan import to_plan
from sitechat.ingestion.site.scope import Scope
from sitechat.ingestion.site.turns import Turns
from sitechat.ingestion.sources import Logins, Sources
from sitechat.ingestion.stages import Stages
from sitechat.ingestion.syncing import SourceService
from sitechat.ingestion.uploads import SweptError, Upload, Uploads
from sitechat.ingestion.urls import WebAddress, parse_url, with_scheme
from sitechat.ingestion.vault import Vault
from sitechat.ingestion.worker import Workers
from sitechat.progress import ItemRecord, ItemState, ProgressRecord
from sitechat.settings import Settings
from sitechat.storage.engine import Database
from sitechat.storage.job_history import JobHistory, PastJob
from sitechat.storage.job_progress import JobProgressReader
from sitechat.storage.jobs import JobsStore, NewItem
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.leases import LeaseStore
from sitechat.storage.tables import now

log = logging.getLogger(__name__)

WATCH_SECONDS = 5.0
"""How often a watcher looks at the journal when nothing rings in this process: times and waits change by themselves."""
BESIDE_SECONDS = 0.5
"""The same where another process does the work, so that nothing ever rings here."""
QUIET_SECONDS = 0.2
"""Shortest time between two records of a watch: a folder of small files ends many items a second."""


class IngestionService:
    """``serving``: this process owns the data directory and does the work. Call :meth:`start` first.

    ``sources``: what can be read again.
    """

    def __init__(
        self,
        db: Database,
        indexes: SearchIndexes,
        settings: Settings,
        *,
        serving: bool,
        workers: int = 4,
        readers: int = 2,
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
        self._history = JobHistory(db)
        self._knowledge = KnowledgeStore(db)
        self._signals = Signals()
        self.activity = ActivityBoard(self._current, self._reader.pulse, self._signals, now)
        """What a person's jobs are doing, pushed."""
        self._uploads = Uploads(self.blobs, self._limit)
        self._pool = ExtractionPool(
            size=readers,
            timeout=settings.extract_timeout,
            memory_mb=settings.extract_memory_mb,
            ocr_languages=settings.ocr_languages,
        )
        rules = AddressRules(parse_networks(settings.allow_networks))
        self._fetcher = Fetcher(rules, max_bytes=self._limit, spool=self.blobs.incoming)
        self._renderer = self._make_renderer() if settings.render_javascript else None
        self._vault = Vault(settings.data_dir, _plain(settings.secret_key))
        self._housekeeping = Housekeeping(db, indexes, self.blobs)
        told, self._door = channels(settings, rules)
        self._outbox = Outbox(db, told, backoff_seconds)
        grace = settings.grace_days
        self.sources = SourceService(db, self._signals, settings.data_dir, grace, self._begun, self._housekeeping.ended)
        self._scheduler = Scheduler(self.sources, self._signals)
        self._allowed = Allowed(parse_allowed(settings.s3_buckets))
        client = S3Client(settings.aws_region, settings.aws_profile)
        leases = LeaseStore(db, grace)
        self._crawls = Crawls(db, self._fetcher, self.blobs, Turns(settings.site_pause), self._limit, self._vault)
        self._buckets = Buckets(db, leases, client, self._allowed, self.blobs, self._limit)
        stages = Stages(
            db,
            leases,
            indexes,
            Sources(self.blobs, self._fetcher, self._limit, Logins(self._jobs, self._vault)),
            self._pool,
            self._signals,
            self._housekeeping.stored,
            self._crawls,
            self._buckets,
            self._renderer,
        )
        self._workers = Workers(
            leases,
            stages,
            indexes,
            self._signals,
            self._job_ended,
            count=workers,
            backoff_seconds=backoff_seconds,
        )

    async def start(self) -> None:
        """Take up what waits in the journal; does nothing beside an owner."""
        if self._serving:
            if self._renderer is not None and (needed := missing()) is not None:
                log.warning("%s", needed)
            self._housekeeping.start()
            self._outbox.start()
            await self._workers.start()
            self._scheduler.start()

    async def close(self) -> None:
        """Put down what is in work; it is taken up at the next start."""
        await self.activity.close()
        await self._scheduler.close()
        await self._workers.close()
        await self._pool.close()
        if self._renderer is not None:
            await self._renderer.close()
        await self._fetcher.close()
        await self._buckets.close()
        await self._housekeeping.close()
        await self._outbox.close()
        if self._door is not None:
            await self._door.close()

    # Handing over

    async def add_uploads(self, caller: Caller, knowledge_base_id: str, uploads: Sequence[Upload]) -> str:
        """Keep the files and journal a job for them; returns its id.

        A second file of the same name in one upload gets a name of its own. Raises ``InvalidInput`` without any file.
        """
        await self.sources.check_writable(caller, knowledge_base_id)
        if not uploads:
            raise InvalidInput("There is no file to add. Choose one or more.")
        while True:
            items = await asyncio.to_thread(self._uploads.keep, uploads)
            with suppress(SweptError):
                return self._begun(await self._journal_uploads(caller, knowledge_base_id, items))

    async def add_paths(
        self, caller: Caller, knowledge_base_id: str, paths: Sequence[Path], *, once: bool = False
    ) -> str:
        """Journal a job for files, and folders with everything in them; returns its id.

        The files are read when their turn comes. ``once``: not to be read again by themselves, since the caller sees
        to that. Raises ``InvalidInput`` for a path without any.
        """
        await self.sources.check_writable(caller, knowledge_base_id)
        places = places_of(paths)
        items = await asyncio.to_thread(items_of_paths, places, self._data_dir)
        await asyncio.to_thread(check_paths, places, items)
        if once:
            return self._begun(await self._jobs.create(caller, knowledge_base_id, "files", items))
        plan = {"paths": [str(place) for place in places]}
        return await self.sources.add(caller, knowledge_base_id, "files", plan, items)

    async def add_url(self, caller: Caller, knowledge_base_id: str, url: str, headers: Sequence[str] = ()) -> str:
        """Journal a job for one web page; returns its id. Raises ``InvalidInput`` where ``url`` is no web address.

        ``headers`` are lines such as ``Cookie: a=b``, for a page behind a login.
        """
        address = parse_url(with_scheme(url))
        login = await self._sealed(address, headers)
        plan = {"url": str(address), **({"login": login} if login else {})}
        return await self.sources.add(caller, knowledge_base_id, "url", plan)

    async def add_site(self, caller: Caller, knowledge_base_id: str, scope: Scope, headers: Sequence[str] = ()) -> str:
        """Journal the reading of a whole website, as far as ``scope`` goes; returns the job's id.

        ``headers`` as for :meth:`add_url`.
        """
        login = await self._sealed(scope.start, headers)
        return await self.sources.add(caller, knowledge_base_id, "site", to_plan(replace(scope, login=login)))

    async def add_bucket(self, caller: Caller, knowledge_base_id: str, address: str) -> str:
        """Journal the reading of ``s3://bucket/prefix`` with the server's credentials; returns the job's id.

        Raises ``InvalidInput`` where that is no such address, ``Forbidden`` where it may not be read here.
        """
        place = parse_place(address)
        self._allowed.check(place)
        return await self.sources.add(caller, knowledge_base_id, "bucket", {"bucket": str(place)})

    # Looking

    async def progress(self, caller: Caller, knowledge_base_id: str) -> list[ProgressRecord]:
        """The caller's jobs of a knowledge base, newest first."""
        await self._knowledge.get(caller, knowledge_base_id)
        return [self._explained(record) for record in await self._reader.knowledge_base(caller, knowledge_base_id)]

    async def history(self, caller: Caller, knowledge_base_id: str) -> list[PastJob]:
        """The caller's jobs of a knowledge base that are over, the latest first."""
        await self._knowledge.get(caller, knowledge_base_id)
        return await self._history.ended(caller, knowledge_base_id)

    async def _current(self, caller: Caller, since: datetime) -> list[ProgressRecord]:
        return [self._explained(record) for record in await self._reader.current(caller, since)]

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
        while record.is_open:
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
        if not record.is_open:
            try:
                await self._indexes.catch_up()
            except (
                Exception
            ) as error:  # the boundary: the job has ended whatever becomes of the indexes, which follow later
                log.warning("the indexes could not follow a job that has ended", exc_info=error)
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

    def _make_renderer(self) -> Renderer:
        public = Fetcher(max_bytes=self._limit, spool=self.blobs.incoming)
        return Renderer(self._fetcher, public, self.blobs, SharedBrowser())

    async def _sealed(self, start: WebAddress, headers: Sequence[str]) -> str:
        """The login in ``headers`` as it is stored; empty without any. Raises ``InvalidInput``."""
        parsed = parse_headers(headers)
        return await asyncio.to_thread(self._vault.seal, Login(start.origin, parsed)) if parsed else ""

    async def _journal_uploads(self, caller: Caller, knowledge_base_id: str, items: Sequence[NewItem]) -> str:
        async with self._db.write() as tx:
            job_id = await self._jobs.create(caller, knowledge_base_id, "files", items, tx)
            if not all(self.blobs.holds(item.blob) for item in items if item.blob is not None):
                raise SweptError
        return job_id

    def _job_ended(self) -> None:
        self._housekeeping.ended()
        self._outbox.wake()

    def _begun(self, job_id: str) -> str:
        self._signals.ring(WORK, progress(job_id))
        self._outbox.wake()  # a job of files that are not read has ended already
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


def _plain(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""
