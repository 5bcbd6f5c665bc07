"""The journal of ingestion as people see it: jobs and items made, listed, paused, resumed, cancelled and retried.

All commands are rows too, so whichever process works on a job obeys them. A job or item that is absent or somebody
else's is ``NotFound``. The workers' side of the same tables is ``storage/leases.py``, the progress query is
``storage/job_progress.py``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from sitechat.errors import InvalidInput, NotFound
from sitechat.identity import Caller
from sitechat.progress import ItemRecord, ItemState
from sitechat.storage.engine import Database, Transaction
from sitechat.storage.tables import ItemRow, JobRow, StagedVectorRow, new_id, now

OPEN_JOB = ("pending", "in_progress", "paused")
OPEN_ITEM = ("pending", "in_progress")


@dataclass(frozen=True, slots=True)
class NewItem:
    """One file or URL to ingest. ``skip`` says why it will not be read, ``cause`` in a word; empty where it will.

    ``weight``: about how many passages it will have. ``depth``: links from the page where a site was begun.
    """

    name: str
    uri: str
    locator: str
    size: int = 0
    blob: str | None = None
    skip: str = ""
    weight: float = 1.0
    depth: int = 0
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """An address of a site in the journal; ``cause`` says why it was left out, ``outcome`` what it became otherwise."""

    uri: str
    depth: int
    cause: str
    reason: str
    is_page: bool
    ended: bool
    outcome: str | None


class JobsStore:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def create(
        self,
        caller: Caller,
        knowledge_base_id: str,
        kind: str,
        items: Sequence[NewItem],
        tx: Transaction | None = None,
        plan: Mapping[str, Any] | None = None,
        source_id: str | None = None,
    ) -> str:
        """Journal a job with all its items at once; returns its id. Order of ``items`` is the order of work."""
        job_id, at = new_id(), now()
        to_do = any(not item.skip for item in items)
        job = JobRow(
            id=job_id,
            knowledge_base_id=knowledge_base_id,
            owner_id=caller.user_id,
            kind=kind,
            plan=None if plan is None else dict(plan),
            source_id=source_id,
            state="pending" if to_do else "completed",
            created_at=at,
            updated_at=at,
            completed_at=None if to_do else at,
            announced=to_do,
        )
        rows = [item_values(item, job_id, knowledge_base_id, ordinal) for ordinal, item in enumerate(items)]
        async with self._db.write(tx) as session:
            session.add(job)
            await session.flush()
            if rows:
                await session.execute(insert(ItemRow), rows)
        return job_id

    async def plan(self, job_id: str) -> tuple[dict[str, Any], datetime] | None:
        """A site's plan and when its reading began, for workers; None where the job is gone or has none."""
        statement = select(JobRow.plan, JobRow.started_at, JobRow.created_at).where(JobRow.id == job_id)
        async with self._db.read() as session:
            row = (await session.execute(statement)).one_or_none()
        return None if row is None or row.plan is None else (row.plan, row.started_at or row.created_at)

    async def seen(self, job_id: str) -> list[Seen]:
        """Every address that a job has met, for workers that take it up anew."""
        said = (ItemRow.cause, ItemRow.reason, ItemRow.outcome)
        columns = (ItemRow.uri, ItemRow.depth, ItemRow.locator, ItemRow.state, *said)
        statement = select(*columns).where(ItemRow.job_id == job_id).order_by(ItemRow.ordinal)
        async with self._db.read() as session:
            rows = (await session.execute(statement)).all()
        return [
            Seen(
                row.uri,
                row.depth,
                row.cause,
                row.reason,
                row.locator.startswith("page:"),
                row.state in ("completed", "failed", "skipped"),
                row.outcome,
            )
            for row in rows
        ]

    async def items(self, caller: Caller, job_id: str, state: ItemState | None = None) -> list[ItemRecord]:
        """A job's items in their order, those in ``state`` only where one is given."""
        statement = select(ItemRow).where(ItemRow.job_id == job_id).order_by(ItemRow.ordinal)
        if state is not None:
            statement = statement.where(ItemRow.state == state)
        async with self._db.read() as session:
            await _job(session, caller, job_id)
            return [_record(row) for row in (await session.execute(statement)).scalars()]

    async def blobs_in_use(self, tx: Transaction | None = None) -> set[str]:
        """Checksums of stored originals that an item still needs: it is not done yet, or may be retried."""
        statement = select(ItemRow.blob).where(ItemRow.blob.is_not(None), ItemRow.state.in_((*OPEN_ITEM, "failed")))
        async with self._db.read(tx) as session:
            return {blob for blob in (await session.execute(statement.distinct())).scalars() if blob is not None}

    # Commands

    async def pause(self, caller: Caller, job_id: str) -> None:
        """Stop after the batch at hand; what was done stays done. Raises ``InvalidInput`` where the job has ended."""
        async with self._db.write() as session:
            job = await _open_job(session, caller, job_id)
            job.state, job.updated_at = "paused", now()
            await give_back(session, ItemRow.job_id == job_id)

    async def resume(self, caller: Caller, job_id: str) -> None:
        async with self._db.write() as session:
            job = await _open_job(session, caller, job_id)
            if job.state == "paused":
                job.state, job.updated_at = _waiting_state(job), now()

    async def cancel(self, caller: Caller, job_id: str) -> None:
        """End the job; documents that it has already stored stay."""
        async with self._db.write() as session:
            await _cancel_job(session, await _open_job(session, caller, job_id))

    async def cancel_all(self, knowledge_base_id: str) -> list[str]:
        """End all jobs of a knowledge base, whoever's they are; returns their ids."""
        statement = select(JobRow).where(JobRow.knowledge_base_id == knowledge_base_id, JobRow.state.in_(OPEN_JOB))
        async with self._db.write() as session:
            jobs = (await session.execute(statement)).scalars().all()
            for job in jobs:
                await _cancel_job(session, job)
        return [job.id for job in jobs]

    async def cancel_item(self, caller: Caller, item_id: str) -> str:
        """Leave one item out. Returns the id of its job."""
        async with self._db.write() as session:
            item = await _item(session, caller, item_id)
            if item.state not in OPEN_ITEM:
                raise InvalidInput(f"“{item.name}” is already done.")
            await _cancel_items(session, item.job_id, item_id)
            await session.execute(update(JobRow).where(JobRow.id == item.job_id).values(updated_at=now()))
            await finish_if_done(session, item.job_id)
            return item.job_id

    async def retry_item(self, caller: Caller, item_id: str) -> str:
        """Put a failed item back into its job. Returns the id of the job."""
        async with self._db.write() as session:
            item = await _item(session, caller, item_id)
            if item.state != "failed":
                raise InvalidInput(f"“{item.name}” has not failed, so there is nothing to retry.")
            await _retry(session, item.job_id, item_id)
            return item.job_id

    async def retry_failed(self, caller: Caller, job_id: str) -> int:
        """Put all failed items back into their job. Returns how many there were."""
        async with self._db.write() as session:
            await _job(session, caller, job_id)
            count = await _retry(session, job_id)
        if not count:
            raise InvalidInput("Nothing of this job has failed, so there is nothing to retry.")
        return count


def item_values(item: NewItem, job_id: str, knowledge_base_id: str, ordinal: int) -> dict[str, Any]:
    """A new item's row."""
    at = now()
    return {
        "id": new_id(),
        "job_id": job_id,
        "knowledge_base_id": knowledge_base_id,
        "ordinal": ordinal,
        "name": item.name,
        "uri": item.uri,
        "locator": item.locator,
        "size": item.size,
        "weight": item.weight,
        "depth": item.depth,
        "blob": item.blob,
        "state": "skipped" if item.skip else "pending",
        "stage": "complete" if item.skip else "file_processing",
        "reason": item.skip,
        "cause": item.cause,
        "updated_at": at,
        "completed_at": at if item.skip else None,
    }


async def finish_if_done(session: AsyncSession, job_id: str) -> bool:
    """End the job where no item is left; tells whether it ended now. Without anything read, one failure fails it."""
    states = select(ItemRow.state).where(ItemRow.job_id == job_id).distinct()
    if (await session.execute(states.where(ItemRow.state.in_(OPEN_ITEM)).limit(1))).first() is not None:
        return False
    found = set((await session.execute(states)).scalars())
    ends = {"completed": "completed", "failed": "failed", "skipped": "completed"}
    state = next((end for item, end in ends.items() if item in found), "cancelled")
    ended = await session.execute(
        update(JobRow)
        .where(JobRow.id == job_id, JobRow.state.in_(OPEN_JOB))
        .values(state=state, updated_at=now(), completed_at=now(), announced=state == "cancelled")
        .returning(JobRow.id)
    )
    return ended.first() is not None


async def give_back(session: AsyncSession, *which: ColumnElement[bool]) -> int:
    """Make items in work claimable again, as if this claim had not been."""
    result = await session.execute(
        update(ItemRow)
        .where(ItemRow.state == "in_progress", *which)
        .values(
            state="pending",
            lease_owner=None,
            lease_until=None,
            attempts=case((ItemRow.attempts > 0, ItemRow.attempts - 1), else_=0),
            updated_at=now(),
        )
        .returning(ItemRow.id)
        .execution_options(synchronize_session=False)
    )
    return len(result.all())


async def _job(session: AsyncSession, caller: Caller, job_id: str) -> JobRow:
    row = await session.get(JobRow, job_id)
    if row is None or row.owner_id != caller.user_id:
        raise NotFound("This job does not exist, or not any more.")
    return row


async def _open_job(session: AsyncSession, caller: Caller, job_id: str) -> JobRow:
    row = await _job(session, caller, job_id)
    if row.state not in OPEN_JOB:
        raise InvalidInput("This job has already ended.")
    return row


async def _item(session: AsyncSession, caller: Caller, item_id: str) -> ItemRow:
    row = await session.get(ItemRow, item_id)
    job = await session.get(JobRow, row.job_id) if row is not None else None
    if row is None or job is None or job.owner_id != caller.user_id:
        raise NotFound("This file does not exist, or not any more.")
    return row


async def _cancel_job(session: AsyncSession, job: JobRow) -> None:
    await _cancel_items(session, job.id)
    job.state, job.updated_at, job.completed_at = "cancelled", now(), now()


async def _cancel_items(session: AsyncSession, job_id: str, item_id: str | None = None) -> None:
    which = [ItemRow.job_id == job_id, ItemRow.state.in_(OPEN_ITEM)]
    if item_id is not None:
        which.append(ItemRow.id == item_id)
    ids = select(ItemRow.id).where(*which)
    await session.execute(delete(StagedVectorRow).where(StagedVectorRow.item_id.in_(ids)))
    await session.execute(
        update(ItemRow)
        .where(*which)
        .values(state="cancelled", lease_owner=None, lease_until=None, updated_at=now(), completed_at=now())
        .execution_options(synchronize_session=False)
    )


async def _retry(session: AsyncSession, job_id: str, item_id: str | None = None) -> int:
    """What was missing at the end of the job is looked for anew at its next end."""
    which = [ItemRow.job_id == job_id, ItemRow.state == "failed"]
    if item_id is not None:
        which.append(ItemRow.id == item_id)
    fresh = {"attempts": 0, "failures": 0, "not_before": None, "reason": "", "stage": "file_processing"}
    revived = await session.execute(
        update(ItemRow)
        .where(*which)
        .values(state="pending", completed_at=None, updated_at=now(), **fresh)
        .returning(ItemRow.id)
        .execution_options(synchronize_session=False)
    )
    count = len(revived.all())
    job = await session.get_one(JobRow, job_id)
    if count and job.state != "paused":
        job.state = _waiting_state(job)
    if count:
        unmet = (ItemRow.job_id == job_id, ItemRow.change == "missing", ItemRow.locator.startswith("gone:"))
        await session.execute(delete(ItemRow).where(*unmet).execution_options(synchronize_session=False))
        job.error, job.completed_at, job.updated_at = "", None, now()
    return count


def _waiting_state(job: JobRow) -> str:
    return "in_progress" if job.started_at is not None else "pending"


def _record(row: ItemRow) -> ItemRecord:
    return ItemRecord(
        id=row.id,
        job_id=row.job_id,
        name=row.name,
        uri=row.uri,
        state=row.state,
        stage=row.stage,
        outcome=row.outcome,
        reason=row.reason,
        cause=row.cause,
        change=row.change,
        attempts=row.attempts,
        chunks_done=row.chunks_done,
        chunks_total=row.chunks_total,
        document_id=row.document_id,
        retryable=row.state == "failed",
        updated_at=row.updated_at,
    )
