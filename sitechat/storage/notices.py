"""The journal of what is to be told of ended jobs, so that each end is told once, whatever is killed in between."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update

from sitechat.progress import ProgressRecord
from sitechat.storage.engine import Database
from sitechat.storage.job_progress import records_of
from sitechat.storage.tables import JobRow, KnowledgeBaseRow, NoticeRow, new_id, now

KEEP = timedelta(days=30)
"""How long a notice that was sent or given up is kept."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One message by one channel. ``id`` stays the same at every try, so that a receiver can tell a repetition."""

    id: str
    channel: str
    body: dict[str, Any]
    attempts: int
    created_at: datetime


class NoticeStore:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def write_down(
        self, channels: Collection[str], body: Callable[[ProgressRecord, str], dict[str, Any]]
    ) -> None:
        """Turn every end of a job that nobody was told of into a notice for each channel; ``body`` says what is told.

        Without channels the ends are let go, so that nothing old is told when one is set up later.
        """
        ended = JobRow.completed_at.is_not(None)
        statement = select(JobRow).where(JobRow.announced.is_(False), ended).order_by(JobRow.completed_at)
        async with self._db.read() as session:
            if (await session.execute(statement.limit(1))).first() is None:
                return
        async with self._db.write() as session:
            jobs = (await session.execute(statement)).scalars().all()
            if channels and jobs:
                named = await session.execute(select(KnowledgeBaseRow.id, KnowledgeBaseRow.name))
                names = {row.id: row.name for row in named}
                bodies = [body(record, names[record.knowledge_base_id]) for record in await records_of(session, jobs)]
                rows = [
                    {"id": new_id(), "job_id": told["job"]["id"], "channel": channel, "body": told}
                    for told in bodies
                    for channel in sorted(channels)
                ]
                await session.execute(insert(NoticeRow), rows)
            for job in jobs:
                job.announced = True

    async def due(self, channels: Collection[str]) -> list[Notice]:
        """What may be sent now, the oldest first."""
        statement = select(NoticeRow).where(
            NoticeRow.state == "waiting", NoticeRow.channel.in_(channels), NoticeRow.not_before <= now()
        )
        async with self._db.read() as session:
            rows = (await session.execute(statement.order_by(NoticeRow.created_at).limit(100))).scalars()
            return [Notice(row.id, row.channel, row.body, row.attempts, row.created_at) for row in rows]

    async def next_try(self, channels: Collection[str]) -> datetime | None:
        """When something waits to be sent next; None where nothing does."""
        statement = select(NoticeRow.not_before).where(NoticeRow.state == "waiting", NoticeRow.channel.in_(channels))
        async with self._db.read() as session:
            return (await session.execute(statement.order_by(NoticeRow.not_before).limit(1))).scalar_one_or_none()

    async def sent(self, notice: Notice) -> None:
        await self._ended(notice, "sent", "")

    async def give_up(self, notice: Notice, reason: str) -> None:
        await self._ended(notice, "given_up", reason)

    async def try_later(self, notice: Notice, reason: str, delay: timedelta) -> None:
        await self._write(notice, error=reason, attempts=notice.attempts + 1, not_before=now() + delay)

    async def prune(self) -> None:
        async with self._db.write() as session:
            await session.execute(delete(NoticeRow).where(NoticeRow.ended_at < now() - KEEP))

    async def _ended(self, notice: Notice, state: str, reason: str) -> None:
        await self._write(notice, state=state, error=reason, attempts=notice.attempts + 1, ended_at=now())

    async def _write(self, notice: Notice, **values: object) -> None:
        async with self._db.write() as session:
            await session.execute(update(NoticeRow).where(NoticeRow.id == notice.id).values(**values))
