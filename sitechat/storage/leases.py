"""The journal of ingestion as workers see it: claim an item, tell how far it is, end it.

A claim is a lease under a token that is drawn anew each time. Every write names the token and raises
:class:`LeaseLostError` where the item was taken away meanwhile (paused, cancelled, deleted, or expired and claimed by
another), so that no two workers can finish the same item and a cancelled one leaves nothing behind.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, ScalarSelect, and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlalchemy.sql.dml import ReturningUpdate

from sitechat.storage.engine import Database, Transaction
from sitechat.storage.jobs import finish_if_done, give_back
from sitechat.storage.tables import (
    GenerationRow,
    ItemRow,
    JobRow,
    KnowledgeBaseRow,
    StagedVectorRow,
    new_id,
    now,
)

LONGEST_TICK = timedelta(minutes=10)
"""A longer silence was a sleeping machine, not work; it does not count into the rates."""


class LeaseLostError(Exception):
    """The item is no longer this worker's: put it down, write nothing."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An item in work. ``token`` is the lease; ``attempt`` counts claims, ``failures`` those that met trouble."""

    item_id: str
    token: str
    job_id: str
    knowledge_base_id: str
    name: str
    uri: str
    locator: str
    attempt: int
    failures: int


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom a document of the knowledge base belongs to, and who may read it."""

    owner_id: str
    access: tuple[str, ...]


class LeaseStore:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def claim(self, lease: timedelta) -> Claim | None:
        """Take the next item: oldest job first, least tried and then first in its order. None where nothing waits."""
        async with self._db.read() as session:
            if (await session.execute(select(_next_item(now())))).scalar_one() is None:
                return None
        async with self._db.write() as session:
            item = (await session.execute(_take(new_id(), now(), lease))).scalar_one_or_none()
            if item is None:
                return None
            await _tick(session, item.job_id, began=item.id)
        assert item.lease_owner is not None
        return Claim(
            item_id=item.id,
            token=item.lease_owner,
            job_id=item.job_id,
            knowledge_base_id=item.knowledge_base_id,
            name=item.name,
            uri=item.uri,
            locator=item.locator,
            attempt=item.attempts,
            failures=item.failures,
        )

    async def renew(self, claim: Claim, lease: timedelta) -> None:
        """Keep the item; says nothing about its progress."""
        async with self._db.write() as session:
            await _write(session, claim, lease_until=now() + lease)

    async def holds(self, claim: Claim) -> bool:
        """Whether the item is still this worker's."""
        async with self._db.read() as session:
            return (await session.execute(select(ItemRow.id).where(*_mine(claim)))).first() is not None

    async def hold(self, claim: Claim, tx: Transaction) -> Scope:
        """Make sure of the lease within ``tx``; tells whom the document will belong to."""
        statement = (
            select(KnowledgeBaseRow.owner_id, KnowledgeBaseRow.access)
            .join(ItemRow, ItemRow.knowledge_base_id == KnowledgeBaseRow.id)
            .where(*_mine(claim))
        )
        row = (await tx.execute(statement)).one_or_none()
        if row is None:
            raise LeaseLostError
        return Scope(row.owner_id, tuple(row.access))

    async def superseded(self, claim: Claim) -> bool:
        """Whether a later job reads, or has read, the same source: then its result is the one to keep."""
        mine, other, job = aliased(JobRow), aliased(ItemRow), aliased(JobRow)
        statement = (
            select(other.id)
            .join(job, job.id == other.job_id)
            .join(mine, mine.id == claim.job_id)
            .where(
                other.knowledge_base_id == claim.knowledge_base_id,
                other.uri == claim.uri,
                other.state.in_(("pending", "in_progress", "completed")),
                job.created_at > mine.created_at,
            )
        )
        async with self._db.read() as session:
            return (await session.execute(statement.limit(1))).first() is not None

    # Progress

    async def begin_extraction(self, claim: Claim, blob: str, size: int, tx: Transaction) -> None:
        """The original has been found; from now on the item needs its kept copy."""
        await _write(tx, claim, stage="text_extraction", blob=blob, size=size, updated_at=now())
        await _tick(tx, claim.job_id)

    async def begin_embedding(self, claim: Claim, chunks: tuple[int, int], batches: tuple[int, int]) -> None:
        """``chunks`` and ``batches``: done already, and in all."""
        async with self._db.write() as session:
            await _write(session, claim, updated_at=now(), **_counts(chunks, batches))
            await _tick(session, claim.job_id)

    async def advance(
        self, claim: Claim, chunks: tuple[int, int], batches: tuple[int, int], vectors: Sequence[tuple[bytes, bytes]]
    ) -> None:
        """A batch is done: count it and keep its vectors (key, data), together."""
        rows = [{"item_id": claim.item_id, "key": key, "data": data} for key, data in vectors]
        async with self._db.write() as session:
            await _write(session, claim, updated_at=now(), **_counts(chunks, batches))
            if rows:
                await session.execute(insert(StagedVectorRow).prefix_with("OR IGNORE", dialect="sqlite"), rows)
            await _tick(session, claim.job_id)

    async def staged(self, claim: Claim, keys: Collection[bytes]) -> dict[bytes, bytes]:
        """Vectors that an earlier attempt had finished."""
        statement = select(StagedVectorRow.key, StagedVectorRow.data).where(StagedVectorRow.item_id == claim.item_id)
        async with self._db.read() as session:
            rows = (await session.execute(statement)).all()
        wanted = frozenset(keys)
        return {row.key: row.data for row in rows if row.key in wanted}

    async def is_active(self, generation_id: int, tx: Transaction) -> bool:
        """Whether vectors of this generation are the ones that serve."""
        statement = select(GenerationRow.id).where(GenerationRow.id == generation_id, GenerationRow.state == "active")
        return (await tx.execute(statement)).first() is not None

    # Ends: each returns whether the job has ended with it

    async def complete(
        self, claim: Claim, outcome: str, document_id: str, chunks: int = 0, tx: Transaction | None = None
    ) -> bool:
        async with self._db.write(tx) as session:
            counts = {"chunks_total": chunks, "chunks_done": chunks}
            return await _end(session, claim, "completed", outcome=outcome, document_id=document_id, **counts)

    async def skip(self, claim: Claim, reason: str) -> bool:
        async with self._db.write() as session:
            return await _end(session, claim, "skipped", reason=reason)

    async def fail(self, claim: Claim, reason: str) -> bool:
        """What was staged is kept for a retry."""
        async with self._db.write() as session:
            return await _end(session, claim, "failed", reason=reason)

    async def try_later(self, claim: Claim, reason: str, delay: timedelta) -> None:
        """Passing trouble: back into the queue, not to be claimed before ``delay`` is over."""
        async with self._db.write() as session:
            await _write(
                session,
                claim,
                state="pending",
                lease_owner=None,
                lease_until=None,
                reason=reason,
                failures=ItemRow.failures + 1,
                not_before=now() + delay,
                updated_at=now(),
            )
            await _tick(session, claim.job_id)

    async def release(self, claim: Claim) -> None:
        """Put the item down as if it had not been claimed."""
        async with self._db.write() as session:
            await give_back(session, *_mine(claim))

    async def release_all(self) -> int:
        """At the start of the process that owns the data directory: whoever held a lease is dead."""
        async with self._db.write() as session:
            result = await session.execute(
                update(ItemRow)
                .where(ItemRow.state == "in_progress")
                .values(state="pending", lease_owner=None, lease_until=None, updated_at=now())
                .returning(ItemRow.id)
                .execution_options(synchronize_session=False)
            )
            return len(result.all())


def _mine(claim: Claim) -> tuple[ColumnElement[bool], ...]:
    return (ItemRow.id == claim.item_id, ItemRow.lease_owner == claim.token, ItemRow.state == "in_progress")


async def _write(session: AsyncSession, claim: Claim, **values: object) -> None:
    statement = update(ItemRow).where(*_mine(claim)).values(**values).returning(ItemRow.id)
    if (await session.execute(statement.execution_options(synchronize_session=False))).first() is None:
        raise LeaseLostError


async def _end(session: AsyncSession, claim: Claim, state: str, **values: object) -> bool:
    stage = "failed" if state == "failed" else "complete"
    at = now()
    await _write(
        session,
        claim,
        state=state,
        stage=stage,
        lease_owner=None,
        lease_until=None,
        updated_at=at,
        completed_at=at,
        **{"reason": "", **values},
    )
    if state == "failed":
        error = f"{claim.name}: {values['reason']}"
        await session.execute(update(JobRow).where(JobRow.id == claim.job_id).values(error=error))
    else:
        await session.execute(delete(StagedVectorRow).where(StagedVectorRow.item_id == claim.item_id))
    await _tick(session, claim.job_id)
    return await finish_if_done(session, claim.job_id)


async def _tick(session: AsyncSession, job_id: str, *, began: str | None = None) -> None:
    """Something happened in the job. The time since the last happening counts as work, unless nothing was in work."""
    job = (await session.execute(select(JobRow.ticked_at, JobRow.started_at).where(JobRow.id == job_id))).one()
    idle = began is not None and not await _others_in_work(session, job_id, began)
    at = now()
    spent = timedelta(0) if idle or job.ticked_at is None else max(at - job.ticked_at, timedelta(0))
    values: dict[str, object] = {
        "busy_seconds": JobRow.busy_seconds + min(spent, LONGEST_TICK).total_seconds(),
        "ticked_at": at,
        "updated_at": at,
    }
    if began is not None:
        values |= {"state": "in_progress", "started_at": job.started_at or at}
    statement = update(JobRow).where(JobRow.id == job_id).values(**values)
    await session.execute(statement.execution_options(synchronize_session=False))


async def _others_in_work(session: AsyncSession, job_id: str, item_id: str) -> bool:
    others = select(ItemRow.id).where(ItemRow.job_id == job_id, ItemRow.state == "in_progress", ItemRow.id != item_id)
    return (await session.execute(others.limit(1))).first() is not None


def _counts(chunks: tuple[int, int], batches: tuple[int, int]) -> dict[str, object]:
    return {
        "stage": "embedding" if chunks[0] < chunks[1] else "vector_storage",
        "chunks_done": chunks[0],
        "chunks_total": chunks[1],
        "batches_done": batches[0],
        "batches_total": batches[1],
    }


def _take(token: str, at: datetime, lease: timedelta) -> ReturningUpdate[ItemRow]:
    return (
        update(ItemRow)
        .where(ItemRow.id == _next_item(at))
        .values(
            state="in_progress",
            stage="file_processing",
            reason="",
            not_before=None,
            attempts=ItemRow.attempts + 1,
            lease_owner=token,
            lease_until=at + lease,
            started_at=func.coalesce(ItemRow.started_at, at),
            updated_at=at,
        )
        .returning(ItemRow)
        .execution_options(synchronize_session=False)
    )


def _next_item(at: datetime) -> ScalarSelect[str]:
    """The item to claim at ``at``. No two items of one source are in work at once: they would overtake each other."""
    waiting = and_(ItemRow.state == "pending", or_(ItemRow.not_before.is_(None), ItemRow.not_before <= at))
    expired = and_(ItemRow.state == "in_progress", ItemRow.lease_until < at)
    return select(func.coalesce(_first(expired, at), _first(waiting, at))).scalar_subquery()


def _first(condition: ColumnElement[bool], at: datetime) -> ScalarSelect[str]:
    twin = aliased(ItemRow)
    in_work = select(twin.id).where(
        twin.knowledge_base_id == ItemRow.knowledge_base_id,
        twin.uri == ItemRow.uri,
        twin.state == "in_progress",
        twin.lease_until >= at,
    )
    claimable = and_(condition, ~in_work.correlate(ItemRow).exists())
    job = (
        select(JobRow.id)
        .where(
            JobRow.state.in_(("pending", "in_progress")),
            select(ItemRow.id).where(ItemRow.job_id == JobRow.id, claimable).correlate(JobRow).exists(),
        )
        .order_by(JobRow.created_at, JobRow.id)
        .limit(1)
        .scalar_subquery()
    )
    item = select(ItemRow.id).where(ItemRow.job_id == job, claimable).order_by(ItemRow.attempts, ItemRow.ordinal)
    return item.limit(1).scalar_subquery()
