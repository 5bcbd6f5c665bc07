"""What a job changed, as a query over its items; they stay, so it stays true."""

from typing import Any, get_args

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from sitechat.changes import Change, ChangeKind, ChangeReport
from sitechat.errors import NotFound
from sitechat.identity import Caller
from sitechat.storage.engine import Database
from sitechat.storage.jobs import OPEN_JOB
from sitechat.storage.missing import why_not_judged
from sitechat.storage.tables import ItemRow, JobRow

MOST_LISTED = 100
"""Documents of each kind that are named in a report."""

_KIND = case((ItemRow.change != "", ItemRow.change), (ItemRow.state == "failed", "failed"), else_="")
_LISTED: tuple[ChangeKind, ...] = get_args(ChangeKind)


class ChangesReader:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def report(self, caller: Caller, job_id: str) -> ChangeReport:
        """Raises ``NotFound`` where the job is absent or somebody else's."""
        async with self._db.read() as session:
            job = await session.get(JobRow, job_id)
            if job is None or job.owner_id != caller.user_id:
                raise NotFound("This job does not exist, or not any more.")
            counts = await _counts(session, job_id)
            changes = [change for kind in _LISTED if counts.get(kind) for change in await _of(session, job_id, kind)]
            note = await _note(session, job)
        return ChangeReport(id=job_id, source_id=job.source_id, **counts, changes=tuple(changes), note=note)


async def _counts(session: AsyncSession, job_id: str) -> dict[str, Any]:
    kind = _KIND.label("kind")
    statement = select(kind, func.count()).where(ItemRow.job_id == job_id).group_by(kind)
    return {name: count for name, count in (await session.execute(statement)).all() if name}


async def _of(session: AsyncSession, job_id: str, kind: ChangeKind) -> list[Change]:
    statement = select(ItemRow.name, ItemRow.uri, ItemRow.chunks_changed, ItemRow.reason)
    mine = (
        statement.where(ItemRow.job_id == job_id, _KIND.is_not_distinct_from(kind))
        .order_by(ItemRow.ordinal)
        .limit(MOST_LISTED)
    )
    rows = (await session.execute(mine)).all()
    return [
        Change(kind=kind, name=row.name, uri=row.uri, passages=row.chunks_changed, reason=row.reason) for row in rows
    ]


async def _note(session: AsyncSession, job: JobRow) -> str:
    """Why nothing was looked for as missing; a first reading cannot miss anything."""
    if job.source_id is None or job.state in OPEN_JOB:
        return ""
    earlier = select(JobRow.id).where(JobRow.source_id == job.source_id, JobRow.created_at < job.created_at)
    if (await session.execute(earlier.limit(1))).first() is None:
        return ""
    return await why_not_judged(session, job.id)
