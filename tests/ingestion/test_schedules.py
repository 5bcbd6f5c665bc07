"""When sources are read by themselves: expressions, the clock, and times that went by."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from sitechat.errors import InvalidInput
from sitechat.identity import LOCAL
from sitechat.ingestion import schedules
from sitechat.ingestion.scheduler import Scheduler
from sitechat.ingestion.signals import Signals
from sitechat.storage.tables import SourceRow, now
from sitechat.storage.values import KnowledgeSource
from tests.support.library import Library, open_library

BERLIN = ZoneInfo("Europe/Berlin")


def at(written: str) -> datetime:
    return datetime.fromisoformat(written).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("expression", "after", "comes"),
    [
        ("0 6 * * *", "2026-05-01 07:00", "2026-05-02 06:00"),
        ("30 7 * * 1", "2026-05-01 07:00", "2026-05-04 07:30"),
        ("0 * * * *", "2026-05-01 07:00", "2026-05-01 08:00"),
        ("30 2 * * *", "2026-03-28 12:00", "2026-03-29 03:00"),  # 02:30 does not exist that night
        ("30 2 * * *", "2026-10-25 02:30", "2026-10-26 02:30"),  # it comes twice that night, and is taken once
    ],
)
def test_the_next_time_is_by_the_clock_on_the_wall(expression: str, after: str, comes: str) -> None:
    assert schedules.next_time(expression, at(after), BERLIN) == at(comes)


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("0 25 * * *", "the part for the hour is not valid"),
        ("0 0 31 2 *", "the part for the day of the month is not valid"),
        ("daily", "there are 1 parts instead of five"),
        ("* * * * * *", "there are 6 parts instead of five"),
        ("", "there are 0 parts instead of five"),
    ],
)
def test_what_is_no_schedule_says_how_one_is_written(expression: str, told: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        schedules.checked(expression)
    assert told in refused.value.message
    assert schedules.EXAMPLE in refused.value.message


def test_a_schedule_in_words() -> None:
    assert schedules.checked(" 0   6 * * * ") == "0 6 * * *"
    assert schedules.described("0 6 * * *") == "At 06:00 every day"


def with_a_file(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "a.md").write_text("# Otters\n\nOtters hold hands while they sleep.", "utf-8")
    return folder


async def scheduled(library: Library, folder: Path, cron: str = "0 6 * * *") -> KnowledgeSource:
    await library.ingest(with_a_file(folder))
    (source,) = await library.ingestion.sources.of(LOCAL, (await library.base()).id)
    return await library.ingestion.sources.schedule(LOCAL, source.id, cron)


async def jobs(library: Library) -> list[str]:
    return [record.id for record in await library.ingestion.progress(LOCAL, (await library.base()).id)]


async def second_job(library: Library) -> str:
    """The id of a job that begins by itself."""
    async for _ in polled(30):
        if len(found := await jobs(library)) > 1:
            return found[0]
    raise AssertionError("no other job has begun")


async def polled(seconds: float) -> AsyncIterator[None]:
    end = monotonic() + seconds
    while monotonic() < end:
        yield
        await asyncio.sleep(0.01)


async def test_a_source_is_read_when_its_time_has_come(library: Library, tmp_path: Path) -> None:
    source = await scheduled(library, tmp_path / "docs")
    assert source.next_at is not None
    service = library.ingestion.sources
    await service.run_due(source.next_at - timedelta(minutes=1))
    assert len(await jobs(library)) == 1
    assert await service.run_due(source.next_at) == source.next_at + timedelta(days=1)
    latest, _ = await jobs(library)
    assert (await library.ended(latest)).details["unchanged"] == 1
    assert (await service.of(LOCAL, source.knowledge_base_id))[0].last_job_id == latest


async def test_times_that_went_by_are_made_up_for_once(library: Library, tmp_path: Path) -> None:
    source = await scheduled(library, tmp_path / "docs", "0 * * * *")
    assert source.next_at is not None
    late = source.next_at + timedelta(days=3, minutes=5)
    assert await library.ingestion.sources.run_due(late) == source.next_at + timedelta(days=3, hours=1)
    await library.ingestion.sources.run_due(late)
    assert len(await jobs(library)) == 2


async def test_a_reading_that_still_goes_on_is_not_begun_again(tmp_path: Path) -> None:
    async with open_library(tmp_path, serving=False) as library:
        base = await library.base()
        job = await library.ingestion.add_paths(LOCAL, base.id, [with_a_file(tmp_path / "docs")])
        await library.ingestion.pause(LOCAL, job)
        (source,) = await library.ingestion.sources.of(LOCAL, base.id)
        source = await library.ingestion.sources.schedule(LOCAL, source.id, "0 6 * * *")
        assert source.next_at is not None
        assert await library.ingestion.sources.run_due(source.next_at) == source.next_at + timedelta(days=1)
        assert await jobs(library) == [job]


async def test_without_a_schedule_nothing_is_due(library: Library, tmp_path: Path) -> None:
    source = await scheduled(library, tmp_path / "docs")
    source = await library.ingestion.sources.schedule(LOCAL, source.id, None)
    assert (source.schedule, source.next_at) == (None, None)
    assert await library.ingestion.sources.run_due(now() + timedelta(days=9)) is None
    assert len(await jobs(library)) == 1


async def test_a_source_in_trouble_keeps_no_other_from_being_read(library: Library, tmp_path: Path) -> None:
    broken = await scheduled(library, tmp_path / "docs")
    async with library.db.write() as tx:
        await tx.execute(update(SourceRow).where(SourceRow.id == broken.id).values(plan={}))
    await library.ingest(tmp_path / "docs" / "a.md")
    sources = await library.ingestion.sources.of(LOCAL, broken.knowledge_base_id)
    other = await library.ingestion.sources.schedule(LOCAL, sources[1].id, "0 6 * * *")
    assert other.next_at is not None
    assert await library.ingestion.sources.run_due(other.next_at) == other.next_at + timedelta(days=1)
    assert len(await jobs(library)) == 3


async def test_the_scheduler_notices_a_new_schedule_and_reads_at_its_time(library: Library, tmp_path: Path) -> None:
    """With a clock that has stood at an hour when everything is due."""
    source = await scheduled(library, tmp_path / "docs")
    signals = Signals()
    scheduler = Scheduler(library.ingestion.sources, signals, lambda: datetime(2099, 1, 1, tzinfo=UTC))
    scheduler.start()
    await second_job(library)
    await scheduler.close()
    (after,) = await library.ingestion.sources.of(LOCAL, source.knowledge_base_id)
    assert after.next_at is not None
    assert after.next_at > datetime(2099, 1, 1, tzinfo=UTC)


async def test_what_was_missed_while_sitechat_was_off_is_read_at_the_start(tmp_path: Path) -> None:
    async with open_library(tmp_path) as library:
        source = await scheduled(library, tmp_path / "docs")
        async with library.db.write() as tx:
            await tx.execute(update(SourceRow).values(next_at=now() - timedelta(days=2)))
    async with open_library(tmp_path) as library:
        assert (await library.ended(await second_job(library))).status == "completed"
        (after,) = await library.ingestion.sources.of(LOCAL, source.knowledge_base_id)
        assert after.next_at is not None
        assert after.next_at > now()
