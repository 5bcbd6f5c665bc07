"""What knowledge bases are fed from, when each is read next, and the job that reads it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from sitechat.errors import NotFound
from sitechat.identity import Caller
from sitechat.storage.engine import Database, Transaction
from sitechat.storage.jobs import OPEN_JOB
from sitechat.storage.tables import ChangeRow, DocumentRow, JobRow, SourceRow, new_id
from sitechat.storage.values import KnowledgeSource


@dataclass(frozen=True, slots=True)
class NewSource:
    """``key`` is what makes it the same source when it is added again; ``plan`` may differ then."""

    knowledge_base_id: str
    kind: str
    key: str
    name: str
    plan: Mapping[str, Any]


class SourcesStore:
    """A source that is absent or somebody else's is ``NotFound``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def take(self, caller: Caller, new: NewSource, tx: Transaction) -> str:
        """Add a source, or give the one that is there already its new plan; returns its id."""
        where = (SourceRow.knowledge_base_id == new.knowledge_base_id, SourceRow.kind == new.kind)
        row = (await tx.execute(select(SourceRow).where(*where, SourceRow.key == new.key))).scalar_one_or_none()
        if row is None:
            row = SourceRow(
                id=new_id(),
                knowledge_base_id=new.knowledge_base_id,
                owner_id=caller.user_id,
                kind=new.kind,
                key=new.key,
            )
            tx.add(row)
        row.name, row.plan = new.name, dict(new.plan)
        await tx.flush()
        return row.id

    async def began(self, source_id: str, job_id: str, tx: Transaction) -> None:
        await tx.execute(update(SourceRow).where(SourceRow.id == source_id).values(last_job_id=job_id))

    async def of(self, caller: Caller, knowledge_base_id: str) -> list[KnowledgeSource]:
        """The caller's sources of a knowledge base, oldest first."""
        mine = (SourceRow.knowledge_base_id == knowledge_base_id, SourceRow.owner_id == caller.user_id)
        return await self._listed(_sources().where(*mine).order_by(SourceRow.created_at, SourceRow.id))

    async def get(self, caller: Caller, source_id: str, tx: Transaction | None = None) -> KnowledgeSource:
        statement = _sources().where(SourceRow.id == source_id, SourceRow.owner_id == caller.user_id)
        found = await self._listed(statement, tx)
        if not found:
            raise NotFound("This source does not exist, or not any more.")
        return found[0]

    async def due(self, at: datetime) -> list[KnowledgeSource]:
        """What is to be read by now, longest overdue first; of everybody."""
        return await self._listed(_sources().where(SourceRow.next_at <= at).order_by(SourceRow.next_at))

    async def next_at(self) -> datetime | None:
        """When the next source is to be read; of everybody."""
        async with self._db.read() as session:
            return (await session.execute(select(func.min(SourceRow.next_at)))).scalar_one()

    async def set_schedule(
        self, source_id: str, schedule: str | None, next_at: datetime | None, tx: Transaction | None = None
    ) -> None:
        async with self._db.write(tx) as session:
            values = {"schedule": schedule, "next_at": next_at}
            await session.execute(update(SourceRow).where(SourceRow.id == source_id).values(**values))

    async def remove(self, source_id: str, *, with_documents: bool, tx: Transaction) -> None:
        """What was read from it stays as if it had been uploaded, or goes with it."""
        if with_documents:
            documents = delete(DocumentRow).where(DocumentRow.source_id == source_id)
            gone = await tx.execute(documents.returning(DocumentRow.id, DocumentRow.knowledge_base_id))
            tx.add_all(
                ChangeRow(op="delete", knowledge_base_id=row.knowledge_base_id, document_id=row.id) for row in gone
            )
        else:
            kept = update(DocumentRow).where(DocumentRow.source_id == source_id)
            await tx.execute(kept.values(source_id=None, missing_since=None))
        await tx.execute(update(JobRow).where(JobRow.source_id == source_id).values(source_id=None))
        await tx.execute(delete(SourceRow).where(SourceRow.id == source_id))

    async def _listed(
        self, statement: Select[*tuple[Any, ...]], tx: Transaction | None = None
    ) -> list[KnowledgeSource]:
        async with self._db.read(tx) as session:
            return [_source(row) for row in (await session.execute(statement)).all()]


async def open_job_of(session: AsyncSession, source_id: str) -> str | None:
    """The job that reads a source at present, if one does."""
    statement = select(JobRow.id).where(JobRow.source_id == source_id, JobRow.state.in_(OPEN_JOB))
    return (await session.execute(statement.order_by(JobRow.created_at).limit(1))).scalar_one_or_none()


def _sources() -> Select[*tuple[Any, ...]]:
    of_it = DocumentRow.source_id == SourceRow.id
    jobs = select(JobRow.id).where(JobRow.source_id == SourceRow.id, JobRow.state.in_(OPEN_JOB))
    last = select(JobRow.completed_at).where(JobRow.id == SourceRow.last_job_id)
    return select(
        SourceRow,
        select(func.count()).where(of_it).scalar_subquery().label("documents"),
        select(func.count()).where(of_it, DocumentRow.missing_since.is_not(None)).scalar_subquery().label("missing"),
        jobs.order_by(JobRow.created_at).limit(1).scalar_subquery().label("open_job_id"),
        last.scalar_subquery().label("read_at"),
    )


def _source(row: Row[*tuple[Any, ...]]) -> KnowledgeSource:
    source, documents, missing, open_job_id, read_at = row
    return KnowledgeSource(
        id=source.id,
        knowledge_base_id=source.knowledge_base_id,
        owner_id=source.owner_id,
        kind=source.kind,
        name=source.name,
        plan=source.plan,
        schedule=source.schedule,
        next_at=source.next_at,
        grace=source.grace,
        documents=documents,
        missing=missing,
        open_job_id=open_job_id,
        last_job_id=source.last_job_id,
        read_at=read_at,
        created_at=source.created_at,
    )
