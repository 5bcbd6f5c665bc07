"""Documents that their source no longer has: marked at the end of a reading, removed when their grace is over.

Only a reading that has seen the whole source may say that something is missing. All of this happens in the transaction
that ends the job, so whoever sees the job ended sees what it found missing as well.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from sitechat.storage.jobs import OPEN_JOB, NewItem, item_values
from sitechat.storage.tables import ChangeRow, DocumentRow, ItemRow, JobRow, SourceRow, now

CANCELLED = "It was cancelled before everything had been looked at, so nothing was marked as missing."
LIMITED = "It reached its limit of pages or time, so nothing was marked as missing."
NOT_BEGUN = "Its first page could not be read, so nothing was marked as missing."
MOSTLY_FAILED = "More than half of it could not be read, so nothing was marked as missing."
NO_SITEMAP = "A sitemap could not be read, so only what its site says is gone was marked as missing."
TOO_DEEP = "It reached its limit of links, so only what its site says is gone was marked as missing."

_PARTLY = (NO_SITEMAP, TOO_DEEP)
_DEFINITE = ("not_found",)
_ELSEWHERE = ("out_of_scope",)
"""Causes for which an address that was read once is not read any more."""
_FIRST_PAGE = ("noindex", "duplicate", "empty")
"""Causes for which a first page is not kept although it led on to the others."""
_MANY = 500
_Row = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class _Reading:
    """A job that has ended and what it read. ``grace`` is in days; ``met_all``: what it did not meet is not there."""

    job_id: str
    knowledge_base_id: str
    kind: str
    created_at: datetime
    grace: int
    met_all: bool


async def settle(session: AsyncSession, job_id: str, grace: int) -> None:
    """Mark or remove what the source of a job that has just ended does not have any more.

    ``grace`` is in days, for sources without one of their own. With none, what is known to be gone is removed at once,
    and what only is not linked any more, once a second reading has not met it either.
    """
    statement = (
        select(JobRow.knowledge_base_id, JobRow.kind, JobRow.created_at, SourceRow.grace, SourceRow.id)
        .join(SourceRow, SourceRow.id == JobRow.source_id)
        .where(JobRow.id == job_id)
    )
    job = (await session.execute(statement)).one_or_none()
    doubt = await why_not_judged(session, job_id)
    if job is None or doubt not in ("", *_PARTLY):
        return
    days = grace if job.grace is None else job.grace
    reading = _Reading(job_id, job.knowledge_base_id, job.kind, job.created_at, days, met_all=not doubt)
    await _apply(session, reading, await _unmet(session, reading, job.id))


async def expire(session: AsyncSession, grace: int, at: datetime) -> int:
    """Remove what has been missing for longer than its grace, of sources that nothing reads at present."""
    reads = select(JobRow.id).where(JobRow.source_id == SourceRow.id, JobRow.state.in_(OPEN_JOB))
    statement = (
        select(*_DOCUMENT, DocumentRow.knowledge_base_id, SourceRow.grace, SourceRow.last_job_id)
        .join(SourceRow, SourceRow.id == DocumentRow.source_id)
        .where(DocumentRow.missing_since.is_not(None), ~reads.exists())
    )
    removed = 0
    for document in (await session.execute(statement)).all():
        days = grace if document.grace is None else document.grace
        if days and document.missing_since <= at - timedelta(days=days):
            await _delete(session, document.knowledge_base_id, [document.id])
            if document.last_job_id is not None:
                await _record(session, document.last_job_id, document.knowledge_base_id, [_expired(document)])
            removed += 1
    return removed


async def why_not_judged(session: AsyncSession, job_id: str) -> str:
    """Why an ended job cannot tell all that is missing, as a sentence for people; empty where it can.

    An endless part of a site (a calendar) is left at the limit of links by every reading, which must not keep
    everything else from ever being missed: then an address that answers that it is gone still is.
    """
    not_found = ItemRow.cause.in_(_DEFINITE)
    sitemap = ItemRow.locator.startswith("sitemap:")
    read = and_(ItemRow.attempts > 0, ~sitemap)
    bad_start = and_(
        ItemRow.locator.startswith("page:"),
        ItemRow.depth == 0,
        ItemRow.state != "completed",
        ItemRow.cause.not_in(_FIRST_PAGE),
    )
    job = (await session.execute(select(JobRow.state, JobRow.plan).where(JobRow.id == job_id))).one()
    deepest = (job.plan or {}).get("max_depth", 0)
    statement = select(
        func.count().filter(ItemRow.state == "cancelled").label("cancelled"),
        func.count().filter(ItemRow.cause == "budget").label("limited"),
        func.count().filter(and_(ItemRow.cause == "budget", ItemRow.depth > deepest)).label("too_deep"),
        func.count().filter(bad_start).label("bad_start"),
        func.count().filter(and_(read, ItemRow.state == "failed", ~not_found)).label("failed"),
        func.count().filter(read).label("read"),
        func.count().filter(and_(sitemap, ItemRow.state == "failed")).label("no_sitemap"),
    ).where(ItemRow.job_id == job_id)
    counts = (await session.execute(statement)).one()
    if job.state == "cancelled" or counts.cancelled:
        return CANCELLED
    if counts.bad_start:
        return NOT_BEGUN
    if counts.limited > counts.too_deep:
        return LIMITED
    if counts.failed * 2 > counts.read:
        return MOSTLY_FAILED
    if counts.no_sitemap:
        return NO_SITEMAP
    return TOO_DEEP if counts.too_deep else ""


_DOCUMENT = (DocumentRow.id, DocumentRow.uri, DocumentRow.title, DocumentRow.missing_since)


async def _unmet(session: AsyncSession, reading: _Reading, source_id: str) -> list[_Row]:
    """Documents of the source that the job did not meet, or met as gone, with the item that says so."""
    met = and_(ItemRow.job_id == reading.job_id, ItemRow.uri == DocumentRow.uri)
    gone: ColumnElement[bool] = ItemRow.cause.in_(_DEFINITE)
    if reading.met_all:
        gone = or_(gone, ItemRow.id.is_(None), ItemRow.cause.in_(_ELSEWHERE))
    statement = (
        select(*_DOCUMENT, ItemRow.id.label("item_id"), ItemRow.cause)
        .outerjoin(ItemRow, met)
        .where(
            DocumentRow.source_id == source_id,
            DocumentRow.read_at < reading.created_at,  # another job of the source may have read it meanwhile
            gone,
        )
    )
    found = list((await session.execute(statement)).all())
    if reading.kind == "site" or not found:
        return found
    unread = select(ItemRow.uri).where(ItemRow.job_id == reading.job_id, ItemRow.state.in_(("skipped", "failed")))
    shut = set((await session.execute(unread)).scalars())
    return [document for document in found if not _lies_in(document.uri, shut)]


def _lies_in(uri: str, shut: Collection[str]) -> bool:
    """Whether a folder or archive above it could not be opened: then nobody knows what is in there."""
    parts = uri.split("/")
    return any("/".join(parts[:end]) in shut for end in range(1, len(parts)))


async def _apply(session: AsyncSession, reading: _Reading, unmet: Sequence[_Row]) -> None:
    at = now()
    removed = [document for document in unmet if _is_over(reading, document, at)]
    marked = [document for document in unmet if document.missing_since is None and document not in removed]
    await _delete(session, reading.knowledge_base_id, [document.id for document in removed])
    for ids in _portions([document.id for document in marked]):
        await session.execute(update(DocumentRow).where(DocumentRow.id.in_(ids)).values(missing_since=at))
    for change, documents in (("removed", removed), ("missing", marked)):
        for ids in _portions([document.item_id for document in documents if document.item_id is not None]):
            await session.execute(update(ItemRow).where(ItemRow.id.in_(ids)).values(change=change))
        rows = [_gone(reading, document, change) for document in documents if document.item_id is None]
        await _record(session, reading.job_id, reading.knowledge_base_id, rows)


def _is_over(reading: _Reading, document: _Row, at: datetime) -> bool:
    since = document.missing_since
    if reading.grace:
        return since is not None and since <= at - timedelta(days=reading.grace)
    definite = reading.kind != "site" or document.cause in _DEFINITE
    return definite or (since is not None and since < reading.created_at)


def _gone(reading: _Reading, document: _Row, change: str) -> dict[str, Any]:
    reason = "No page and no sitemap leads to it any more." if reading.kind == "site" else "It is not there any more."
    if change == "removed":
        reason += " It has been removed."
    elif reading.grace:
        reason += f" It will be removed in {reading.grace} {'day' if reading.grace == 1 else 'days'} unless it is back."
    else:
        reason += " It will be removed if the next reading does not find it either."
    return _row(document, change, reason)


def _expired(document: _Row) -> dict[str, Any]:
    return _row(document, "removed", f"It has been missing since {document.missing_since:%Y-%m-%d} and was removed.")


def _row(document: _Row, change: str, reason: str) -> dict[str, Any]:
    name = document.uri.removeprefix("file:")
    item = NewItem(name, document.uri, f"gone:{document.uri}", skip=reason, cause="missing")
    return {"item": item, "change": change, "document_id": document.id}


async def _record(session: AsyncSession, job_id: str, knowledge_base_id: str, gone: Sequence[dict[str, Any]]) -> None:
    """Write down in the job what is missing, behind all that it met."""
    if not gone:
        return
    top = select(func.coalesce(func.max(ItemRow.ordinal), -1)).where(ItemRow.job_id == job_id)
    begin = (await session.execute(top)).scalar_one() + 1
    rows = [
        item_values(row["item"], job_id, knowledge_base_id, begin + at)
        | {"change": row["change"], "document_id": row["document_id"]}
        for at, row in enumerate(gone)
    ]
    await session.execute(insert(ItemRow), rows)


async def _delete(session: AsyncSession, knowledge_base_id: str, document_ids: Sequence[str]) -> None:
    for ids in _portions(document_ids):
        await session.execute(delete(DocumentRow).where(DocumentRow.id.in_(ids)))
    session.add_all(
        ChangeRow(op="delete", knowledge_base_id=knowledge_base_id, document_id=each) for each in document_ids
    )


def _portions(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[at : at + _MANY] for at in range(0, len(ids), _MANY)]
