"""What a knowledge base has read, sync by sync: when, what, how long, with what result and how fast."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, case, func, select

from sitechat.identity import Caller
from sitechat.storage.engine import Database
from sitechat.storage.job_progress import number_of
from sitechat.storage.series import rates
from sitechat.storage.tables import ItemRow, JobRow

_COUNTED = ("indexed", "unchanged", "skipped", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class PastJob:
    """A job that has ended. ``name``: of its first item. ``seconds``: from its first claim to its end.

    ``rates``: passages a second over the time of the work.
    """

    id: str
    kind: str
    status: str
    name: str
    items: int
    indexed: int
    unchanged: int
    skipped: int
    failed: int
    cancelled: int
    passages: int
    began_at: datetime
    ended_at: datetime
    seconds: float
    rates: tuple[float, ...]


class JobHistory:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def ended(self, caller: Caller, knowledge_base_id: str, limit: int = 50) -> list[PastJob]:
        """The caller's last jobs of a knowledge base that are over, the latest first."""
        statement = (
            select(JobRow)
            .where(
                JobRow.knowledge_base_id == knowledge_base_id,
                JobRow.owner_id == caller.user_id,
                JobRow.completed_at.is_not(None),
            )
            .order_by(JobRow.created_at.desc(), JobRow.id)
            .limit(limit)
        )
        async with self._db.read() as session:
            jobs = (await session.execute(statement)).scalars().all()
            counts = {row.job_id: row for row in await session.execute(_counts([job.id for job in jobs]))}
            return [_past(job, counts[job.id]) for job in jobs if job.id in counts]


def _counts(job_ids: Sequence[str]) -> Any:
    return (
        select(
            ItemRow.job_id,
            func.count().label("items"),
            func.max(case((ItemRow.ordinal == 0, ItemRow.name))).label("name"),
            *(number_of(ItemRow.outcome == outcome).label(outcome) for outcome in _COUNTED[:2]),
            *(number_of(ItemRow.state == state).label(state) for state in _COUNTED[2:]),
            func.coalesce(func.sum(case((ItemRow.outcome == "indexed", ItemRow.chunks_total), else_=0)), 0).label(
                "passages"
            ),
        )
        .where(ItemRow.job_id.in_(job_ids))
        .group_by(ItemRow.job_id)
    )


def _past(job: JobRow, counts: Row[Any]) -> PastJob:
    began = job.started_at or job.created_at
    ended = job.completed_at or job.updated_at
    return PastJob(
        id=job.id,
        kind=job.kind,
        status=job.state,
        name=counts.name or "",
        items=counts.items,
        passages=counts.passages,
        began_at=began,
        ended_at=ended,
        seconds=max(0.0, (ended - began).total_seconds()),
        rates=tuple(rates(job.series)),
        **{name: getattr(counts, name) for name in _COUNTED},
    )
