"""The journal of ingestion as workers see it: claim an item, tell how far it is, end it.

A claim is a lease under a token that is drawn anew each time. Every write names the token and raises
:class:`LeaseLostError` where the item was taken away meanwhile (paused, cancelled, deleted, or expired and claimed by
another), so that no two workers can finish the same item and a cancelled one leaves nothing behind.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, case, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from sitechat.storage.claiming import END_UNCHANGED, NEXT, TAKE, WAITING_FILES
from sitechat.storage.engine import Database, Transaction
from sitechat.storage.jobs import NewItem, finish_if_done, give_back, item_values
from sitechat.storage.missing import settle
from sitechat.storage.series import added
from sitechat.storage.site_progress import note_found
from sitechat.storage.tables import (
    GenerationRow,
    ItemRow,
    JobRow,
    KnowledgeBaseRow,
    StagedVectorRow,
    new_id,
    now,
)
from sitechat.storage.values import Embedding

_MANY = 500
LONGEST_TICK = timedelta(minutes=10)
"""A longer silence was a sleeping machine, not work; it does not count into the rates."""


class LeaseLostError(Exception):
    """The item is no longer this worker's: put it down, write nothing."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An item in work. ``token`` is the lease; ``attempt`` counts claims, ``failures`` those that met trouble.

    ``begun``: an earlier claim had finished a batch, so there may be staged vectors.
    """

    item_id: str
    token: str
    job_id: str
    knowledge_base_id: str
    name: str
    uri: str
    locator: str
    attempt: int
    failures: int
    begun: bool = False
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Scope:
    """Whom a document of the knowledge base belongs to, who may read it, and which generation of vectors serves.

    ``source_id`` is what the item was read from, if that can be read again.
    """

    owner_id: str
    access: tuple[str, ...]
    generation_id: int | None
    source_id: str | None


class LeaseStore:
    """``grace_days``: how long what a source does not have any more is kept."""

    def __init__(self, db: Database, grace_days: int = 7) -> None:
        self._db = db
        self._grace = grace_days
        self._idle = True

    async def claim(self, lease: timedelta) -> Claim | None:
        """Take the next item: oldest job first, least tried and then first in its order. None where nothing waits."""
        if self._idle and not await self._any():
            return None
        token, at = new_id(), now()
        async with self._db.write() as session:
            taking = await session.execute(TAKE, {"token": token, "at": at, "until": at + lease})
            item = taking.scalar_one_or_none()
            if item is not None:
                await _tick(session, item.job_id, began=item.id)
        self._idle = item is None
        return None if item is None else _claim(item, token)

    async def _any(self) -> bool:
        """Whether something waits; asked without the lock for writing, since it mostly does not."""
        async with self._db.read() as session:
            return (await session.execute(NEXT, {"at": now()})).scalar_one() is not None

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
        active = select(GenerationRow.id).where(GenerationRow.state == "active").limit(1).scalar_subquery()
        statement = (
            select(KnowledgeBaseRow.owner_id, KnowledgeBaseRow.access, active.label("generation_id"), JobRow.source_id)
            .join(ItemRow, ItemRow.knowledge_base_id == KnowledgeBaseRow.id)
            .join(JobRow, JobRow.id == ItemRow.job_id)
            .where(*_mine(claim))
        )
        row = (await tx.execute(statement)).one_or_none()
        if row is None:
            raise LeaseLostError
        return Scope(row.owner_id, tuple(row.access), row.generation_id, row.source_id)

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

    async def begin_embedding(self, claim: Claim, chunks: tuple[int, int], batches: tuple[int, int]) -> None:
        """``chunks`` and ``batches``: done already, and in all."""
        async with self._db.write() as session:
            await _write(session, claim, updated_at=now(), **_counts(chunks, batches))

    async def advance(
        self, claim: Claim, chunks: tuple[int, int], batches: tuple[int, int], made: Mapping[bytes, Embedding]
    ) -> None:
        """A batch is done: count it and keep what was made, by key, together."""
        rows = [
            {"item_id": claim.item_id, "key": key, "data": each.vector, "late": each.late} for key, each in made.items()
        ]
        async with self._db.write() as session:
            before = await _done(session, claim)
            await _write(session, claim, updated_at=now(), **_counts(chunks, batches))
            if rows:
                await session.execute(insert(StagedVectorRow).prefix_with("OR IGNORE", dialect="sqlite"), rows)
            await _tick(session, claim.job_id, passages=chunks[0] - before)

    async def staged(self, claim: Claim, keys: Collection[bytes]) -> dict[bytes, Embedding]:
        """What an earlier attempt had finished."""
        columns = (StagedVectorRow.key, StagedVectorRow.data, StagedVectorRow.late)
        statement = select(*columns).where(StagedVectorRow.item_id == claim.item_id)
        async with self._db.read() as session:
            rows = (await session.execute(statement)).all()
        wanted = frozenset(keys)
        return {row.key: Embedding(row.data, row.late) for row in rows if row.key in wanted}

    # Ends: each returns whether the job has ended with it

    async def complete(
        self,
        claim: Claim,
        outcome: str,
        document_id: str,
        chunks: int = 0,
        tx: Transaction | None = None,
        change: tuple[str, int] = ("unchanged", 0),
    ) -> bool:
        """``change``: what became of the document, and how many of its passages are different."""
        async with self._db.write(tx) as session:
            counts = {"chunks_total": chunks, "chunks_done": chunks, "change": change[0], "chunks_changed": change[1]}
            counts["batches_done"] = ItemRow.batches_total
            return await self._end(session, claim, "completed", outcome=outcome, document_id=document_id, **counts)

    async def waiting_files(self, claim: Claim, most: int) -> list[tuple[str, str, str]]:
        """Files of the claim's job that nobody has tried yet, in their order: id, path and uri."""
        async with self._db.read() as session:
            rows = (await session.execute(WAITING_FILES, {"job": claim.job_id, "most": most})).all()
        return [(row.id, row.locator.removeprefix("path:"), row.uri) for row in rows]

    async def complete_unchanged(self, items: Sequence[tuple[str, str]], tx: Transaction) -> None:
        """End items that still wait, without a claim, with the document of each; before :meth:`complete` of a claim
        of their job in the same ``tx``."""
        at = now()
        rows = [{"item": item_id, "document": document_id, "at": at} for item_id, document_id in items]
        if rows:
            await tx.execute(END_UNCHANGED, rows)

    async def skip(
        self, claim: Claim, reason: str, tx: Transaction | None = None, cause: str = "", change: str = ""
    ) -> bool:
        async with self._db.write(tx) as session:
            return await self._end(session, claim, "skipped", reason=reason, cause=cause, change=change)

    async def looked_through(self, claim: Claim, tx: Transaction) -> bool:
        """It was no document, but led to others."""
        return await self._end(tx, claim, "completed", outcome="looked through")

    async def fail(self, claim: Claim, reason: str, cause: str = "") -> bool:
        """What was staged is kept for a retry."""
        async with self._db.write() as session:
            return await self._end(session, claim, "failed", reason=reason, cause=cause)

    async def _end(self, session: AsyncSession, claim: Claim, state: str, **values: object) -> bool:
        """A job that ends tells what its source does not have any more."""
        ended = await _end(session, claim, state, **values)
        if ended:
            await settle(session, claim.job_id, self._grace)
        return ended

    async def add_found(self, claim: Claim, found: Sequence[NewItem], tx: Transaction) -> None:
        """Journal what a page of a site led to, except what the job has seen; after :meth:`hold` in the same ``tx``."""
        by_uri = {item.uri: item for item in reversed(found)}
        uris = [item.uri for item in found if by_uri.get(item.uri) is item]
        seen: set[str] = set()
        for at in range(0, len(uris), _MANY):
            known = select(ItemRow.uri).where(ItemRow.job_id == claim.job_id, ItemRow.uri.in_(uris[at : at + _MANY]))
            seen.update((await tx.execute(known)).scalars())
        fresh = [by_uri[uri] for uri in uris if uri not in seen]
        if fresh:
            await note_found(tx, claim.job_id, sum(not item.skip for item in fresh))
            top = select(func.max(ItemRow.ordinal)).where(ItemRow.job_id == claim.job_id)
            begin = (await tx.execute(top)).scalar_one() + 1
            rows = [item_values(item, claim.job_id, claim.knowledge_base_id, begin + i) for i, item in enumerate(fresh)]
            await tx.execute(insert(ItemRow), rows)

    async def leave_out(self, claim: Claim, uris: Sequence[str], reason: str, cause: str) -> None:
        """Addresses of a site that wait and have not been tried are not read, for the reason that ``claim`` is not."""
        at = now()
        ended = {"state": "skipped", "stage": "complete", "reason": reason, "cause": cause}
        async with self._db.write() as session:
            for start in range(0, len(uris), _MANY):
                which = (ItemRow.job_id == claim.job_id, ItemRow.uri.in_(uris[start : start + _MANY]))
                statement = update(ItemRow).where(*which, ItemRow.state == "pending", ItemRow.attempts == 0)
                statement = statement.values(**ended, updated_at=at, completed_at=at)
                await session.execute(statement.execution_options(synchronize_session=False))

    async def found_so_far(self, claim: Claim, kind: str) -> tuple[int, str | None]:
        """How many items of a ``kind`` of locator the job has been led to, and the last one's address."""
        mine = (ItemRow.job_id == claim.job_id, ItemRow.locator.startswith(f"{kind}:"))
        last = select(ItemRow.uri).where(*mine).order_by(ItemRow.ordinal.desc()).limit(1).scalar_subquery()
        async with self._db.read() as session:
            row = (await session.execute(select(func.count().label("count"), last.label("last")).where(*mine))).one()
        return int(row._mapping["count"]), row.last

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
    passages = int(str(values.get("chunks_done", 0)))
    passages -= await _done(session, claim) if passages else 0
    await _write(
        session,
        claim,
        state=state,
        stage=stage,
        lease_owner=None,
        lease_until=None,
        updated_at=at,
        completed_at=at,
        **{"reason": "", "cause": "", **values},
    )
    if state == "failed":
        error = f"{claim.name}: {values['reason']}"
        await session.execute(update(JobRow).where(JobRow.id == claim.job_id).values(error=error))
    else:
        await session.execute(delete(StagedVectorRow).where(StagedVectorRow.item_id == claim.item_id))
    await _tick(session, claim.job_id, passages=passages, ended=1)
    return await finish_if_done(session, claim.job_id)


async def _done(session: AsyncSession, claim: Claim) -> int:
    """Passages of the item that were counted before."""
    counted = await session.execute(select(ItemRow.chunks_done).where(ItemRow.id == claim.item_id))
    return counted.scalar_one_or_none() or 0


async def _tick(
    session: AsyncSession, job_id: str, *, began: str | None = None, passages: int = 0, ended: int = 0
) -> None:
    """Something happened in the job. The time since the last happening counts as work, unless nothing was in work.

    ``passages`` and ``ended`` items: done since then.
    """
    at = now()
    since = at.timestamp() - func.coalesce(JobRow.ticked_at, at.timestamp())
    spent = case((since < 0, 0.0), (since > LONGEST_TICK.total_seconds(), LONGEST_TICK.total_seconds()), else_=since)
    values: dict[str, object] = {"ticked_at": at.timestamp(), "updated_at": at, "quiet": JobRow.quiet + ended}
    if began is not None:
        others = select(ItemRow.id).where(ItemRow.job_id == job_id, ItemRow.state == "in_progress", ItemRow.id != began)
        spent = case((others.exists(), spent), else_=0.0)
        values |= {"state": "in_progress", "started_at": func.coalesce(JobRow.started_at, at)}
    statement = update(JobRow).where(JobRow.id == job_id).values(busy_seconds=JobRow.busy_seconds + spent, **values)
    ticked = await session.execute(
        statement.returning(JobRow.busy_seconds, JobRow.series).execution_options(synchronize_session=False)
    )
    if passages > 0 and (job := ticked.one_or_none()) is not None:
        grown = added(job.series, job.busy_seconds, passages)
        statement = update(JobRow).where(JobRow.id == job_id).values(series=grown)
        await session.execute(statement.execution_options(synchronize_session=False))


def _counts(chunks: tuple[int, int], batches: tuple[int, int]) -> dict[str, object]:
    return {
        "stage": "embedding" if chunks[0] < chunks[1] else "vector_storage",
        "chunks_done": chunks[0],
        "chunks_total": chunks[1],
        "batches_done": batches[0],
        "batches_total": batches[1],
    }


def _claim(item: ItemRow, token: str) -> Claim:
    return Claim(
        item_id=item.id,
        token=token,
        job_id=item.job_id,
        knowledge_base_id=item.knowledge_base_id,
        name=item.name,
        uri=item.uri,
        locator=item.locator,
        attempt=item.attempts,
        failures=item.failures,
        begun=item.chunks_done > 0,
        depth=item.depth,
    )
