"""The journal: what is claimed in which order, what survives, who may touch what, and what progress says of it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from sitechat.errors import InvalidInput, NotFound
from sitechat.identity import LOCAL, Caller
from sitechat.progress import ProgressRecord
from sitechat.storage.engine import Database
from sitechat.storage.job_progress import STALL_SECONDS, UNTENDED_SECONDS, JobProgressReader
from sitechat.storage.jobs import JobsStore, NewItem
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.leases import Claim, LeaseLostError, LeaseStore
from sitechat.storage.tables import ItemRow, JobRow, StagedVectorRow, now
from sitechat.storage.values import Embedding

LEASE = timedelta(minutes=1)
STRANGER = Caller("somebody else")
MADE = Embedding(b"vector", b"late")


@dataclass
class Journal:
    db: Database
    jobs: JobsStore
    leases: LeaseStore
    progress: JobProgressReader
    base: str

    async def add(self, *names: str, caller: Caller = LOCAL) -> str:
        return await self.jobs.create(caller, self.base, "files", [item(name) for name in names])

    async def claim(self) -> Claim:
        claim = await self.leases.claim(LEASE)
        assert claim is not None
        return claim

    async def record(self, job_id: str) -> ProgressRecord:
        return await self.progress.job(LOCAL, job_id)

    async def states(self, job_id: str) -> list[str]:
        return [record.state for record in await self.jobs.items(LOCAL, job_id)]


def item(name: str, size: int = 100, skip: str = "") -> NewItem:
    return NewItem(name, f"file:{name}", f"path:/{name}", size=size, skip=skip)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    db = await Database.open(tmp_path / "sitechat.db")
    base = await KnowledgeStore(db).create(LOCAL, "Papers")
    yield Journal(db, JobsStore(db), LeaseStore(db), JobProgressReader(db), base.id)
    await db.close()


async def test_items_are_claimed_oldest_job_first_and_in_their_order(journal: Journal) -> None:
    await journal.add("a", "b")
    await journal.add("c")
    assert [(await journal.claim()).name for _ in range(3)] == ["a", "b", "c"]
    assert await journal.leases.claim(LEASE) is None


async def test_an_item_that_was_tried_before_lets_the_others_go_first(journal: Journal) -> None:
    """A file that takes the process down with it must not keep the rest from being read."""
    await journal.add("poison", "b")
    await journal.claim()
    assert await journal.leases.release_all() == 1
    assert [(await journal.claim()).name for _ in range(2)] == ["b", "poison"]


async def test_a_lease_that_ran_out_is_claimable_and_its_holder_can_write_nothing(journal: Journal) -> None:
    job = await journal.add("a")
    dead = await journal.leases.claim(timedelta(seconds=-1))
    assert dead is not None
    alive = await journal.claim()
    assert (alive.name, alive.attempt) == ("a", 2)
    for write in (
        journal.leases.renew(dead, LEASE),
        journal.leases.begin_embedding(dead, (0, 2), (0, 2)),
        journal.leases.advance(dead, (1, 2), (1, 2), {b"k": MADE}),
        journal.leases.complete(dead, "indexed", "document", 2),
        journal.leases.fail(dead, "no"),
        journal.leases.try_later(dead, "no", LEASE),
    ):
        with pytest.raises(LeaseLostError):
            await write
    assert await journal.leases.complete(alive, "indexed", "document", 2)
    assert await journal.states(job) == ["completed"]
    assert await staged(journal) == []


async def test_two_items_of_one_source_are_never_in_work_at_once(journal: Journal) -> None:
    await journal.add("a")
    await journal.add("a", "b")
    first = await journal.claim()
    assert (await journal.claim()).name == "b"
    assert await journal.leases.claim(LEASE) is None
    await journal.leases.complete(first, "indexed", "document", 1)
    assert (await journal.claim()).name == "a"


async def test_an_item_is_superseded_by_a_later_one_of_its_source(journal: Journal) -> None:
    await journal.add("a")
    old = await journal.claim()
    assert not await journal.leases.superseded(old)
    await journal.add("a")
    assert await journal.leases.superseded(old)
    await journal.leases.skip(old, "newer")
    assert not await journal.leases.superseded(await journal.claim())


async def test_passing_trouble_waits_for_its_time_and_says_why(journal: Journal) -> None:
    job = await journal.add("a")
    await journal.leases.try_later(await journal.claim(), "The site is busy.", timedelta(minutes=5))
    assert await journal.leases.claim(LEASE) is None
    record = await journal.record(job)
    assert record.waiting_for is not None
    assert record.waiting_for.endswith("s. The site is busy.")
    assert not record.stalled
    await set_item(journal, not_before=now() - LEASE)
    assert (await journal.claim()).failures == 1


async def test_a_job_ends_with_its_last_item_and_fails_only_if_nothing_was_read(journal: Journal) -> None:
    mixed, bad = await journal.add("a", "b"), await journal.add("c")
    assert not await journal.leases.fail(await journal.claim(), "It is damaged.")
    assert await journal.leases.complete(await journal.claim(), "indexed", "document", 3)
    assert await journal.leases.fail(await journal.claim(), "It is damaged.")
    assert (await journal.record(mixed)).status == "completed"
    record = await journal.record(bad)
    assert (record.status, record.stage, record.error_message) == ("failed", "failed", "c: It is damaged.")
    skipped = await journal.jobs.create(LOCAL, journal.base, "files", [item("a.png", skip="No."), item("d")])
    assert await journal.leases.fail(await journal.claim(), "It is damaged.")
    assert (await journal.record(skipped)).status == "failed"


async def test_a_job_of_files_that_are_not_read_is_done_at_once(journal: Journal) -> None:
    job = await journal.jobs.create(LOCAL, journal.base, "files", [item("a.png", skip="Pictures are not read yet.")])
    record = await journal.record(job)
    assert (record.status, record.skipped_files, record.progress_percentage) == ("completed", 1, 100.0)
    assert await journal.leases.claim(LEASE) is None


async def test_pause_takes_the_item_away_without_counting_the_attempt(journal: Journal) -> None:
    job = await journal.add("a")
    claim = await journal.claim()
    await journal.leases.advance(claim, (2, 4), (1, 2), {b"k": MADE})
    await journal.jobs.pause(LOCAL, job)
    assert not await journal.leases.holds(claim)
    assert await journal.leases.claim(LEASE) is None
    assert (await journal.record(job)).status == "paused"
    await journal.jobs.resume(LOCAL, job)
    again = await journal.claim()
    assert again.attempt == 1
    assert await journal.leases.staged(again, [b"k", b"other"]) == {b"k": MADE}, "what was done stays done"


async def test_cancel_ends_what_is_open_and_keeps_what_is_done(journal: Journal) -> None:
    job = await journal.add("a", "b", "c")
    await journal.leases.complete(await journal.claim(), "indexed", "document", 1)
    running = await journal.claim()
    await journal.leases.advance(running, (2, 4), (1, 2), {b"k": MADE})
    await journal.jobs.cancel(LOCAL, job)
    assert await journal.states(job) == ["completed", "cancelled", "cancelled"]
    assert (await journal.record(job)).status == "cancelled"
    assert not await journal.leases.holds(running)
    assert await staged(journal) == []
    with pytest.raises(InvalidInput):
        await journal.jobs.resume(LOCAL, job)


async def test_cancelling_the_last_open_item_ends_the_job(journal: Journal) -> None:
    job = await journal.add("a", "b")
    await journal.leases.complete(await journal.claim(), "indexed", "document", 1)
    items = await journal.jobs.items(LOCAL, job)
    assert await journal.jobs.cancel_item(LOCAL, items[1].id) == job
    assert (await journal.record(job)).status == "completed"
    with pytest.raises(InvalidInput):
        await journal.jobs.cancel_item(LOCAL, items[0].id)


async def test_retry_brings_a_failed_item_and_its_job_back(journal: Journal) -> None:
    job = await journal.add("a", "b")
    await journal.leases.fail(await journal.claim(), "It is damaged.")
    await journal.leases.complete(await journal.claim(), "indexed", "document", 1)
    failed, done = await journal.jobs.items(LOCAL, job)
    assert (failed.retryable, done.retryable) == (True, False)
    with pytest.raises(InvalidInput):
        await journal.jobs.retry_item(LOCAL, done.id)
    await journal.jobs.retry_item(LOCAL, failed.id)
    record = await journal.record(job)
    assert (record.status, record.error_message, record.completed_at) == ("in_progress", None, None)
    claim = await journal.claim()
    assert (claim.name, claim.attempt, claim.failures) == ("a", 1, 0)
    await journal.leases.fail(claim, "It is damaged.")
    assert await journal.jobs.retry_failed(LOCAL, job) == 1
    with pytest.raises(InvalidInput):
        await journal.jobs.retry_failed(LOCAL, job)


async def test_somebody_elses_job_reads_like_an_absent_one(journal: Journal) -> None:
    job = await journal.add("a")
    (row,) = await journal.jobs.items(LOCAL, job)
    for attempt in (
        journal.jobs.pause(STRANGER, job),
        journal.jobs.resume(STRANGER, job),
        journal.jobs.cancel(STRANGER, job),
        journal.jobs.retry_failed(STRANGER, job),
        journal.jobs.items(STRANGER, job),
        journal.progress.job(STRANGER, job),
        journal.jobs.pause(LOCAL, "absent"),
    ):
        with pytest.raises(NotFound, match=r"^This job does not exist, or not any more\.$"):
            await attempt
    for touch in (journal.jobs.retry_item(STRANGER, row.id), journal.jobs.cancel_item(STRANGER, row.id)):
        with pytest.raises(NotFound):
            await touch
    assert await journal.progress.knowledge_base(STRANGER, journal.base) == []


async def test_progress_names_the_file_in_work_and_the_jobs_ahead(journal: Journal) -> None:
    first, second = await journal.add("a", "b"), await journal.add("c")
    claim = await journal.claim()
    await journal.leases.begin_embedding(claim, (0, 64), (0, 2))
    await journal.leases.advance(claim, (32, 64), (1, 2), {})
    record, behind = await journal.record(first), await journal.record(second)
    assert (record.current_file, record.current_file_index, record.total_files) == ("a", 1, 2)
    assert (record.stage, record.current_chunk, record.total_chunks) == ("embedding", 32, 64)
    assert (record.current_batch, record.total_batches) == (1, 2)
    assert record.progress_percentage == 25.0
    assert (behind.queued_behind, behind.waiting_for) == (1, "1 earlier job")
    assert [r.id for r in await journal.progress.knowledge_base(LOCAL, journal.base)] == [second, first]


async def test_rate_and_eta_come_from_counted_work_in_busy_time(journal: Journal) -> None:
    job = await journal.jobs.create(LOCAL, journal.base, "files", [item(n, size=10_000) for n in "abcd"])
    claim = await journal.claim()
    assert (await journal.record(job)).eta_seconds is None, "unknown is not guessed"
    await journal.leases.complete(claim, "indexed", "document", 50)
    await set_job(journal, busy_seconds=5.0)
    record = await journal.record(job)
    assert record.rate_per_second == 10.0
    assert record.eta_seconds == pytest.approx(15.0)
    assert record.eta_low is not None
    assert record.eta_high is not None
    assert record.eta_low < 15.0 < record.eta_high


async def test_time_in_which_nothing_was_in_work_does_not_count_into_the_rate(journal: Journal) -> None:
    job = await journal.add("a", "b")
    claim = await journal.claim()
    await journal.leases.complete(claim, "indexed", "document", 1)
    await set_job(journal, busy_seconds=1.0, ticked_at=now().timestamp() - 300)
    await journal.claim()
    async with journal.db.read() as session:
        assert (await session.get_one(JobRow, job)).busy_seconds < 100
    await set_job(journal, ticked_at=now().timestamp() - 100)
    await journal.leases.complete(await reclaim(journal), "indexed", "document", 1)
    async with journal.db.read() as session:
        assert (await session.get_one(JobRow, job)).busy_seconds >= 100


async def test_percentage_is_whole_only_when_all_is_done_and_skipped_files_weigh_nothing(journal: Journal) -> None:
    items = [item("film.mp4", size=10**9, skip="Films are not read yet."), item("a"), item("b")]
    job = await journal.jobs.create(LOCAL, journal.base, "files", items)
    await journal.leases.complete(await journal.claim(), "indexed", "document", 1)
    assert (await journal.record(job)).progress_percentage == 50.0
    await journal.leases.complete(await journal.claim(), "unchanged", "document", 0)
    record = await journal.record(job)
    assert (record.progress_percentage, record.stage) == (100.0, "complete")
    assert record.details == {"indexed": 1, "unchanged": 1, "cancelled": 0, "pending": 0, "retrying": 0}


async def test_silence_is_shown_as_a_stall_that_says_on_what(journal: Journal) -> None:
    job = await journal.add("a")
    record = await journal.record(job)
    assert (record.stalled, record.waiting_for) == (False, None)
    await set_job(journal, updated_at=now() - timedelta(seconds=UNTENDED_SECONDS + 1))
    record = await journal.record(job)
    assert (record.stalled, record.waiting_for) == (True, "SiteChat to be running")
    claim = await journal.claim()
    async with journal.db.write() as tx:
        await journal.leases.begin_extraction(claim, "b" * 64, 10, tx)
    assert not (await journal.record(job)).stalled
    await set_item(journal, updated_at=now() - timedelta(seconds=STALL_SECONDS + 5))
    await journal.leases.renew(claim, LEASE)
    record = await journal.record(job)
    assert record.stalled, "a heartbeat is not progress"
    assert record.waiting_for is not None
    assert record.waiting_for.startswith("the text of a (")


async def test_blobs_are_needed_until_their_item_is_done_for_good(journal: Journal) -> None:
    items = [NewItem(n, f"file:{n}", f"blob:{n}", blob=n) for n in ("done", "failed", "waiting")]
    await journal.jobs.create(LOCAL, journal.base, "files", items)
    await journal.leases.complete(await journal.claim(), "indexed", "document", 1)
    await journal.leases.fail(await journal.claim(), "It is damaged.")
    assert await journal.jobs.blobs_in_use() == {"failed", "waiting"}


async def test_deleting_the_knowledge_base_takes_the_item_from_its_worker(journal: Journal) -> None:
    await journal.add("a")
    claim = await journal.claim()
    await KnowledgeStore(journal.db).delete(LOCAL, journal.base)
    async with journal.db.write() as tx:
        with pytest.raises(LeaseLostError):
            await journal.leases.hold(claim, tx)
    with pytest.raises(LeaseLostError):
        await journal.leases.begin_embedding(claim, (0, 2), (0, 1))


async def staged(journal: Journal) -> list[bytes]:
    async with journal.db.read() as session:
        return list((await session.execute(select(StagedVectorRow.key))).scalars())


async def set_item(journal: Journal, **values: object) -> None:
    async with journal.db.write() as session:
        await session.execute(update(ItemRow).values(**values))


async def set_job(journal: Journal, **values: object) -> None:
    async with journal.db.write() as session:
        await session.execute(update(JobRow).values(**values))


async def reclaim(journal: Journal) -> Claim:
    """The claim of the item in work, as its worker holds it."""
    async with journal.db.read() as session:
        row = (await session.execute(select(ItemRow).where(ItemRow.state == "in_progress"))).scalar_one()
    assert row.lease_owner is not None
    return Claim(
        row.id,
        row.lease_owner,
        row.job_id,
        row.knowledge_base_id,
        row.name,
        row.uri,
        row.locator,
        row.attempts,
        row.failures,
    )


async def test_the_percentage_of_a_site_never_falls_while_pages_are_found(journal: Journal) -> None:
    """Nor does a time appear before the site has stopped growing. The last pages lead nowhere."""
    pages = iter(range(1000))

    def page() -> NewItem:
        name = f"http://site.example/{next(pages)}"
        return NewItem(name, name, f"page:{name}")

    job = await journal.jobs.create(LOCAL, journal.base, "site", [page()])
    shown, finding = [0.0], []
    for read in range(200):
        claim = await journal.leases.claim(LEASE)
        if claim is None:
            break
        if read < 30:
            async with journal.db.write() as tx:
                await journal.leases.hold(claim, tx)
                await journal.leases.add_found(claim, [page() for _ in range(3 if read % 2 else 1)], tx)
            shown.append((await journal.record(job)).progress_percentage)
        await (journal.leases.skip(claim, "Same.") if read % 7 == 6 else journal.leases.complete(claim, "indexed", "1"))
        record = await journal.record(job)
        shown.append(record.progress_percentage)
        finding.append(bool(record.details.get("finding_pages")))
        assert record.eta_seconds is None or not finding[-1]
    assert shown == sorted(shown)
    assert 20 < shown[40] <= 50
    assert finding[:30] == [True] * 30
    assert not any(finding[-20:])
    assert shown[-1] == 100
