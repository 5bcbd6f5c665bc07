"""How long a job will still take: what is left of it, by how fast it has been lately.

What is left is counted in files that have been cut into passages already. For the others it is told by name and size,
corrected by what the files of the same kind have turned out to hold. The rate is that of the last fifth of the work,
so a slow beginning or a busy hour does not blur what comes; the range is wider the more of the rest is told by size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, bindparam, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from sitechat.storage.tables import ItemRow, JobRow

_SHORTEST_WINDOW = 30.0
_WINDOW = 0.2
_FEWEST_PASSAGES = 16
_FEWEST_DONE = 0.05
_PRIOR = 20.0
"""Expected passages that what is known of all kinds weighs as much as."""
_SUREST, _UNSUREST = 0.1, 0.5


@dataclass(frozen=True, slots=True)
class Left:
    """Passages still to do, and the part of them that is told by size; ``weight`` is the same as first expected."""

    passages: float
    guessed: float
    weight: float
    weight_done: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """``rate`` in passages a second, the others in seconds."""

    rate: float
    seconds: float
    low: float
    high: float


async def left_of(session: AsyncSession, job_ids: Sequence[str]) -> dict[str, Left]:
    """For jobs that have items."""
    rows = (await session.execute(_LEFT, {"jobs": list(job_ids)})).all()
    return {job_id: _left([row for row in rows if row.job_id == job_id]) for job_id in {row.job_id for row in rows}}


def forecast(job: JobRow, left: Left) -> Forecast | None:
    """None before there is anything to tell it by."""
    counted = recent_rate(job.series, job.busy_seconds)
    if counted is None:  # little or nothing was new so far: files are what can be counted
        if job.busy_seconds <= 0 or left.weight_done < _FEWEST_DONE * (left.weight + left.weight_done):
            return None
        seconds, rate = left.weight * job.busy_seconds / left.weight_done, 0.0
    else:
        seconds, rate = left.passages / counted, counted
    spread = _SUREST + _UNSUREST * left.guessed
    return Forecast(rate, seconds, seconds * (1 - spread), seconds * (1 + spread))


def recent_rate(series: Mapping[str, Any] | None, busy_seconds: float) -> float | None:
    """Passages a second over the last part of the work, not counting the time before the first; None if too few."""
    if not series:
        return None
    every, counts = float(series["every"]), [int(count) for count in series["passages"]]
    first = next((place for place, count in enumerate(counts) if count), 0)
    window = max(_SHORTEST_WINDOW, _WINDOW * busy_seconds)
    begin = max(first, int((busy_seconds - window) / every))
    done, seconds = sum(counts[begin:]), busy_seconds - begin * every
    return done / seconds if done >= _FEWEST_PASSAGES and seconds > 0 else None


def _left(rows: Sequence[Row[Any]]) -> Left:
    """``rows``: one for each kind of file."""
    weight = sum(row.weight_measured for row in rows)
    overall = sum(row.measured for row in rows) / weight if weight else 1.0
    guessed = sum(row.unknown * _density(row.measured, row.weight_measured, overall) for row in rows)
    passages = guessed + sum(row.known for row in rows)
    return Left(
        passages=passages,
        guessed=guessed / passages if passages else 0.0,
        weight=max(0.0, sum(row.weight - row.weight_done for row in rows)),
        weight_done=sum(row.weight_done for row in rows),
    )


def _density(passages: float, weight: float, overall: float) -> float:
    """Passages for each that size and name promise, as far as files of a kind have shown it, else as all files have."""
    return (passages + _PRIOR * overall) / (weight + _PRIOR)


def _named(*endings: str) -> Any:
    lowered = func.lower(ItemRow.name)
    condition = lowered.endswith(endings[0])
    for ending in endings[1:]:
        condition |= lowered.endswith(ending)
    return condition


# Built once: it is asked for at every change of a job


_open = ItemRow.state.in_(("pending", "in_progress"))
_cut = ItemRow.chunks_total > 0
_weight = case((ItemRow.state == "skipped", 0), else_=ItemRow.weight)
_part = _weight * ItemRow.chunks_done * 1.0 / ItemRow.chunks_total
_measured = (ItemRow.state == "completed") | (_open & _cut)
_kind = case(
    (_named(".html", ".htm"), "page"),
    (_named(".pdf"), "pdf"),
    (_named(".docx", ".pptx", ".xlsx", ".epub"), "packed"),
    else_="text",
)


def _sum(value: Any) -> Any:
    return func.coalesce(func.sum(value), 0)


_LEFT = (
    select(
        ItemRow.job_id,
        _kind.label("kind"),
        _sum(_weight).label("weight"),
        _sum(case((~_open, _weight), (_cut, _part), else_=0)).label("weight_done"),
        _sum(case((_open & ~_cut, _weight), else_=0)).label("unknown"),
        _sum(case((_measured, _weight), else_=0)).label("weight_measured"),
        _sum(case((_measured, ItemRow.chunks_total), else_=0)).label("measured"),
        _sum(case((_open & _cut, ItemRow.chunks_total - ItemRow.chunks_done), else_=0)).label("known"),
    )
    .where(ItemRow.job_id.in_(bindparam("jobs", expanding=True)))
    .group_by(ItemRow.job_id, "kind")
)
