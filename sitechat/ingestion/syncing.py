"""What knowledge bases are fed from: listed, read again now or on a schedule, and what each reading changed."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from sitechat.changes import ChangeReport
from sitechat.errors import Forbidden
from sitechat.identity import Caller
from sitechat.ingestion import schedules
from sitechat.ingestion.kinds import KINDS, Plan
from sitechat.ingestion.signals import SCHEDULE, WORK, Signals, command, progress
from sitechat.storage.changes import ChangesReader
from sitechat.storage.engine import Database, Transaction
from sitechat.storage.jobs import JobsStore, NewItem
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.missing import expire, settle
from sitechat.storage.sources import NewSource, SourcesStore, open_job_of
from sitechat.storage.tables import now
from sitechat.storage.values import KnowledgeSource

log = logging.getLogger(__name__)


class SourceService:
    """``data_dir`` is never read as a source; ``grace_days``: how long what a source has no more is kept.

    ``on_begun`` is called with each job that has been journalled, ``on_removed`` when documents have gone.
    """

    def __init__(
        self,
        db: Database,
        signals: Signals,
        data_dir: Path,
        grace_days: int,
        on_begun: Callable[[str], object],
        on_removed: Callable[[], None],
    ) -> None:
        self._db = db
        self._signals = signals
        self._data_dir = data_dir
        self._grace = grace_days
        self._on_begun = on_begun
        self._on_removed = on_removed
        self._store = SourcesStore(db)
        self._jobs = JobsStore(db)
        self._knowledge = KnowledgeStore(db)
        self._changes = ChangesReader(db)

    async def of(self, caller: Caller, knowledge_base_id: str) -> list[KnowledgeSource]:
        """The caller's sources of a knowledge base, oldest first."""
        await self._knowledge.get(caller, knowledge_base_id)
        return await self._store.of(caller, knowledge_base_id)

    async def check_writable(self, caller: Caller, knowledge_base_id: str) -> None:
        """Raises ``NotFound``, or ``Forbidden`` where the caller may only read."""
        base = await self._knowledge.get(caller, knowledge_base_id)
        if base.owner_id != caller.user_id:
            raise Forbidden(f"“{base.name}” is shared with you for reading; only its owner can add to it.")

    async def add(
        self, caller: Caller, knowledge_base_id: str, kind: str, plan: Plan, items: list[NewItem] | None = None
    ) -> str:
        """Journal the first reading of a source, or of one that is there already by a new plan; returns the job's id.

        ``items`` is what the reading begins with, where that has been looked up.
        """
        await self.check_writable(caller, knowledge_base_id)
        items = await self._items(kind, plan) if items is None else items
        new = NewSource(knowledge_base_id, kind, KINDS[kind].key(plan), KINDS[kind].name(plan), plan)
        async with self._db.write() as tx:
            source_id = await self._store.take(caller, new, tx)
            source = await self._store.get(caller, source_id, tx)
            job_id = await self._journal(caller, source, items, tx)
        self._on_begun(job_id)
        return job_id

    async def sync(self, caller: Caller, source_id: str) -> str:
        """Journal another reading; returns the job's id, of the one that goes on where there is one."""
        source = await self._store.get(caller, source_id)
        items = await self._items(source.kind, source.plan)
        async with self._db.write() as tx:
            source = await self._store.get(caller, source_id, tx)
            job_id = source.open_job_id or await self._journal(caller, source, items, tx)
        self._on_begun(job_id)
        return job_id

    async def schedule(self, caller: Caller, source_id: str, cron: str | None) -> KnowledgeSource:
        """Read it at the times that a cron expression names, in the server's time zone, or by hand only.

        Raises ``InvalidInput`` for what is no such expression.
        """
        await self._store.get(caller, source_id)
        expression = schedules.checked(cron) if cron is not None else None
        next_at = schedules.next_time(expression, now()) if expression is not None else None
        await self._store.set_schedule(source_id, expression, next_at)
        self._signals.ring(SCHEDULE)
        return await self._store.get(caller, source_id)

    async def remove(self, caller: Caller, source_id: str, *, with_documents: bool) -> None:
        """Forget a source; its documents stay, or go with it. A job that reads it is ended."""
        source = await self._store.get(caller, source_id)
        if source.open_job_id is not None:
            await self._jobs.cancel(caller, source.open_job_id)
            self._signals.ring(command(source.open_job_id), progress(source.open_job_id), WORK)
        async with self._db.write() as tx:
            await self._store.remove(source_id, with_documents=with_documents, tx=tx)
        self._on_removed()

    async def changes(self, caller: Caller, job_id: str) -> ChangeReport:
        """What a job changed; for one that is not over, so far."""
        return await self._changes.report(caller, job_id)

    # For the scheduler

    async def run_due(self, at: datetime) -> datetime | None:
        """Journal what is to be read by ``at``, each source once however often its time came; when the next one is.

        A source that is being read, or whose reading is paused, waits for its next time.
        """
        for source in await self._store.due(at):
            try:
                await self._run(source, at)
            except Exception:  # the boundary: one source must not keep the others from being read
                log.exception("the source %s could not be read on its schedule", source.id)
                await self._store.set_schedule(source.id, source.schedule, self._next(source, at))
        return await self._store.next_at()

    async def expire(self, at: datetime) -> None:
        """Remove what has been missing for longer than its grace."""
        async with self._db.write() as tx:
            removed = await expire(tx, self._grace, at)
        if removed:
            self._on_removed()

    async def _run(self, source: KnowledgeSource, at: datetime) -> None:
        items = await self._items(source.kind, source.plan)
        job_id = None
        async with self._db.write() as tx:
            await self._store.set_schedule(source.id, source.schedule, self._next(source, at), tx)
            if await open_job_of(tx, source.id) is None:
                job_id = await self._journal(Caller(source.owner_id), source, items, tx)
        if job_id is not None:
            self._on_begun(job_id)

    def _next(self, source: KnowledgeSource, at: datetime) -> datetime | None:
        return schedules.next_time(source.schedule, at) if source.schedule else None

    # Inside

    async def _items(self, kind: str, plan: Plan) -> list[NewItem]:
        return await asyncio.to_thread(KINDS[kind].items, plan, self._data_dir)

    async def _journal(self, caller: Caller, source: KnowledgeSource, items: list[NewItem], tx: Transaction) -> str:
        job_id = await self._jobs.create(
            caller, source.knowledge_base_id, source.kind, items, tx, plan=source.plan, source_id=source.id
        )
        await self._store.began(source.id, job_id, tx)
        if all(item.skip for item in items):  # nobody will work on it, so it has ended now
            await settle(tx, job_id, self._grace)
        return job_id
