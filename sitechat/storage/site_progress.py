"""How far the reading of a website is, of which nobody knows how large it is before it is read.

Of the addresses found so far some part has been read; as long as reading them leads to others, that part is halved,
since what is still to be found is probably not less. What was shown once is never taken back: before addresses are
added, the job keeps the percentage that it had.
"""

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from sitechat.storage.tables import ItemRow, JobRow

_WORTH_COUNTING = 0.02
"""So few addresses, as a part of those that wait, do not mean that the site goes on and on."""
_FEWEST_QUIET, _MOST_QUIET = 3, 20


def is_growing(job: JobRow, known: int) -> bool:
    """Whether addresses have been found lately: while the last 3 to 20 were read, a tenth of all that are known."""
    return job.quiet < min(_MOST_QUIET, max(_FEWEST_QUIET, known // 10))


def percentage(job: JobRow, ended: int, known: int) -> float:
    """Of ``known`` addresses that are not left out, ``ended`` need nothing more."""
    part = 100 * ended / known if known else 0.0
    return max(job.shown_percentage, min(part / 2 if is_growing(job, known) else part, 99.9))


async def note_found(session: AsyncSession, job_id: str, fresh: int) -> None:
    """Call it before ``fresh`` addresses to be read are added to a job."""
    counted = select(ItemRow.state, func.count().label("number")).where(ItemRow.job_id == job_id)
    rows = (await session.execute(counted.group_by(ItemRow.state))).all()
    counts = {row.state: row.number for row in rows}
    waiting = counts.get("pending", 0) + counts.get("in_progress", 0)
    ended = sum(counts.get(state, 0) for state in ("completed", "failed", "cancelled"))
    job = await session.get_one(JobRow, job_id, populate_existing=True)
    values: dict[str, float] = {"shown_percentage": percentage(job, ended, ended + waiting)}
    if fresh > _WORTH_COUNTING * waiting:
        values["quiet"] = 0
    statement = update(JobRow).where(JobRow.id == job_id).values(**values)
    await session.execute(statement.execution_options(synchronize_session=False))
