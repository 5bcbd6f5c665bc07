"""Progress as a query: counts over a job's items, the item in work, the jobs ahead of it; nothing of it is stored.

Percentages weigh files by what their names and sizes promise, which never changes, so they never run backwards; of a
website, which grows while it is read, see :mod:`sitechat.storage.site_progress`.
How fast it is and how long it will take is in :mod:`sitechat.storage.forecast`.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from sitechat.errors import NotFound
from sitechat.identity import Caller
from sitechat.progress import ProgressRecord, Stage
from sitechat.storage.engine import Database
from sitechat.storage.forecast import Forecast, Left, forecast, left_of
from sitechat.storage.jobs import OPEN_JOB
from sitechat.storage.site_progress import is_growing, percentage
from sitechat.storage.tables import ItemRow, JobRow, UtcDateTime, now

STALL_SECONDS = 30
"""An item in work without any progress for this long is shown as stalled."""
UNTENDED_SECONDS = 15
"""A job at the head of the queue that nobody has taken up for this long waits for a SiteChat to run."""
_MOVING = ("pending", "in_progress")
_ON = {
    "file_processing": "{name} to be read",
    "text_extraction": "the text of {name}",
    "embedding": "the search model, with {name}",
    "vector_storage": "the database, with {name}",
}


class JobProgressReader:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def job(self, caller: Caller, job_id: str) -> ProgressRecord:
        """Raises ``NotFound`` where the job is absent or somebody else's."""
        async with self._db.read() as session:
            job = await session.get(JobRow, job_id)
            if job is None or job.owner_id != caller.user_id:
                raise NotFound("This job does not exist, or not any more.")
            return (await records_of(session, [job]))[0]

    async def is_open(self, caller: Caller, knowledge_base_id: str) -> bool:
        """Whether one of the caller's jobs of a knowledge base waits, is in work or is paused."""
        statement = select(JobRow.id).where(
            JobRow.knowledge_base_id == knowledge_base_id,
            JobRow.owner_id == caller.user_id,
            JobRow.state.in_(OPEN_JOB),
        )
        async with self._db.read() as session:
            return (await session.execute(statement.limit(1))).first() is not None

    async def knowledge_base(self, caller: Caller, knowledge_base_id: str, limit: int = 50) -> list[ProgressRecord]:
        """The caller's newest jobs of a knowledge base, newest first."""
        statement = (
            select(JobRow)
            .where(JobRow.knowledge_base_id == knowledge_base_id, JobRow.owner_id == caller.user_id)
            .order_by(JobRow.created_at.desc(), JobRow.id)
            .limit(limit)
        )
        async with self._db.read() as session:
            return await records_of(session, (await session.execute(statement)).scalars().all())

    async def current(self, caller: Caller, since: datetime) -> list[ProgressRecord]:
        """The caller's jobs of all knowledge bases that are open or have ended since then, newest first."""
        recent = JobRow.state.in_(OPEN_JOB) | (JobRow.completed_at >= since)
        statement = select(JobRow).where(JobRow.owner_id == caller.user_id, recent)
        async with self._db.read() as session:
            jobs = await session.execute(statement.order_by(JobRow.created_at.desc(), JobRow.id))
            return await records_of(session, jobs.scalars().all())

    async def pulse(self) -> tuple[object, ...]:
        """Differs from the last one whenever a job was made, written or deleted since, by whatever process."""
        statement = select(func.count(), func.max(JobRow.updated_at), func.max(JobRow.ticked_at))
        async with self._db.read() as session:
            return tuple((await session.execute(statement)).one())


async def records_of(session: AsyncSession, jobs: Sequence[JobRow]) -> list[ProgressRecord]:
    if not jobs:
        return []
    ids, at = [job.id for job in jobs], now()
    counts = {row.job_id: row for row in (await session.execute(_COUNTS, {"jobs": ids, "at": at})).all()}
    left = await left_of(session, ids)
    in_work = await _items_in_work(session, ids)
    queue = await _queue(session)
    return [_record(job, counts.get(job.id), left.get(job.id), in_work[job.id], queue, at) for job in jobs]


def _record(
    job: JobRow,
    counts: Any,
    left: Left | None,
    in_work: Sequence[ItemRow],
    queue: Sequence[str],
    at: datetime,
) -> ProgressRecord:
    numbers: dict[str, Any] = dict(counts._mapping) if counts is not None else defaultdict(int)
    current = in_work[0] if in_work else None
    ahead = queue.index(job.id) if job.id in queue and current is None else 0
    waiting_for, stalled = _waiting(job, numbers, in_work, ahead, at)
    finding = job.kind == "site" and job.completed_at is None and is_growing(job, numbers["total"] - numbers["skipped"])
    expected = forecast(job, left) if left is not None and not finding and job.state in _MOVING else None
    return ProgressRecord(
        id=job.id,
        knowledge_base_id=job.knowledge_base_id,
        kind=job.kind,
        source_id=job.source_id,
        stage=_stage(job, current),
        status=job.state,
        current_file=current.name if current is not None else None,
        current_file_index=current.ordinal + 1 if current is not None else 0,
        total_files=numbers["total"],
        current_batch=numbers["batches_done"],
        total_batches=numbers["batches_total"],
        current_chunk=numbers["chunks_done"],
        total_chunks=numbers["chunks_total"],
        processed_files=numbers["completed"],
        failed_files=numbers["failed"],
        skipped_files=numbers["skipped"],
        progress_percentage=_percentage(job, numbers, left),
        rate_per_second=_rate(job, numbers, expected),
        eta_seconds=None if expected is None else expected.seconds,
        eta_low=None if expected is None else expected.low,
        eta_high=None if expected is None else expected.high,
        queued_behind=ahead,
        waiting_for=waiting_for,
        stalled=stalled,
        details={
            **{name: numbers[name] for name in ("indexed", "unchanged", "cancelled", "pending", "retrying")},
            **({"finding_pages": True} if finding else {}),
        },
        error_message=job.error or None,
        started_at=job.started_at,
        updated_at=job.updated_at,
        completed_at=job.completed_at,
    )


def _stage(job: JobRow, current: ItemRow | None) -> Stage:
    if job.state in ("completed", "cancelled"):
        return "complete"
    if job.state == "failed":
        return "failed"
    return current.stage if current is not None else "file_processing"  # type: ignore[return-value]


def _waiting(
    job: JobRow, numbers: dict[str, Any], in_work: Sequence[ItemRow], ahead: int, at: datetime
) -> tuple[str | None, bool]:
    """What the job waits for, and whether that is a stall."""
    if job.state not in ("pending", "in_progress"):
        return None, False
    if in_work:
        latest = max(in_work, key=lambda item: item.updated_at)
        silent = (at - latest.updated_at).total_seconds()
        if silent < STALL_SECONDS:
            return None, False
        return f"{_ON[latest.stage].format(name=latest.name)} ({silent:.0f} s so far)", True
    if ahead:
        return f"{ahead} earlier job{'s' if ahead > 1 else ''}", False
    if numbers["pending"] and numbers["pending"] == numbers["retrying"]:
        seconds = max((numbers["next_try"] - at).total_seconds(), 0)
        return f"another try in {math.ceil(seconds)} s. {numbers['trouble']}", False
    if (at - job.updated_at).total_seconds() > UNTENDED_SECONDS:
        return "SiteChat to be running", True
    return None, False


# Numbers


def _percentage(job: JobRow, numbers: dict[str, Any], left: Left | None) -> float:
    if job.state == "completed":
        return 100.0
    if job.kind == "site":
        ended = numbers["completed"] + numbers["failed"] + numbers["cancelled"]
        return round(percentage(job, ended, numbers["total"] - numbers["skipped"]), 1)
    weight = left.weight + left.weight_done if left is not None else 0.0
    if left is None or not weight:
        return 0.0
    return float(min(round(100 * left.weight_done / weight, 1), 99.9))


def _rate(job: JobRow, numbers: dict[str, Any], expected: Forecast | None) -> float | None:
    """Passages per second: lately, or over all where there is nothing to expect any more."""
    if expected is not None and expected.rate:
        return expected.rate
    if not numbers["chunks_done"] or job.busy_seconds <= 0:
        return None
    return float(numbers["chunks_done"] / job.busy_seconds)


async def _items_in_work(session: AsyncSession, job_ids: Sequence[str]) -> dict[str, list[ItemRow]]:
    found: dict[str, list[ItemRow]] = defaultdict(list)
    for item in (await session.execute(_IN_WORK, {"jobs": job_ids})).scalars():
        found[item.job_id].append(item)
    return found


async def _queue(session: AsyncSession) -> list[str]:
    """Jobs that wait or are in work, in the order in which they are served."""
    return list((await session.execute(_QUEUE)).scalars())


# Statements, built once: they are asked for at every change of a job


def number_of(condition: ColumnElement[bool]) -> ColumnElement[int]:
    """How many rows of a group meet the condition."""
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


_of_jobs = ItemRow.job_id.in_(bindparam("jobs", expanding=True))
_retrying = (ItemRow.state == "pending") & ItemRow.not_before.is_not(None)
_COUNTS = (
    select(
        ItemRow.job_id,
        func.count().label("total"),
        *(
            number_of(ItemRow.state == state).label(state)
            for state in ("completed", "failed", "skipped", "cancelled", "pending")
        ),
        *(number_of(ItemRow.outcome == outcome).label(outcome) for outcome in ("indexed", "unchanged")),
        *(
            func.coalesce(func.sum(getattr(ItemRow, name)), 0).label(name)
            for name in ("batches_done", "batches_total", "chunks_done", "chunks_total")
        ),
        number_of(_retrying & (ItemRow.not_before > bindparam("at", type_=UtcDateTime()))).label("retrying"),
        func.min(case((_retrying, ItemRow.not_before))).label("next_try"),
        func.max(case((_retrying, ItemRow.reason))).label("trouble"),
    )
    .where(_of_jobs)
    .group_by(ItemRow.job_id)
)
_IN_WORK = select(ItemRow).where(_of_jobs, ItemRow.state == "in_progress").order_by(ItemRow.ordinal)
_QUEUE = select(JobRow.id).where(JobRow.state.in_(("pending", "in_progress"))).order_by(JobRow.created_at, JobRow.id)
