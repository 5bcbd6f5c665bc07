"""What a person's jobs are doing, pushed: at once, once for all who look, and not at all while nothing changes."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from sitechat.identity import LOCAL, Caller
from sitechat.ingestion import activity
from sitechat.ingestion.activity import Activity
from tests.support.embedder import HashEmbedder
from tests.support.library import Library, open_library


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number:02}.md").write_text(f"# Paper {number}\n\nA text about pump {number}.\n")
    return folder


async def next_change(library: Library, seen: Activity, seconds: float = 5) -> Activity:
    return await asyncio.wait_for(library.ingestion.activity.changed(LOCAL, seen.version), seconds)


async def test_a_job_is_seen_from_its_beginning_to_its_end(library: Library, papers: Path) -> None:
    base = await library.base()
    seen = await library.ingestion.activity.now(LOCAL)
    assert seen.jobs == ()
    job = await library.ingestion.add_paths(LOCAL, base.id, [papers])
    statuses: list[str] = []
    while not statuses or statuses[-1] not in ("completed", "failed"):
        seen = await next_change(library, seen)
        statuses += [each.status for each in seen.of(base.id) if each.id == job]
    assert statuses[-1] == "completed"
    assert seen.of(base.id)[0].processed_files == 12


async def test_changes_come_bundled_and_not_faster_than_people_can_read(tmp_path: Path, papers: Path) -> None:
    async with open_library(tmp_path, embedder=HashEmbedder(seconds=0.05)) as library:
        base = await library.base()
        seen = await library.ingestion.activity.now(LOCAL)
        await library.ingestion.add_paths(LOCAL, base.id, [papers])
        begun, times = asyncio.get_running_loop().time(), 0
        while not any(job.status == "completed" for job in seen.jobs):
            seen = await next_change(library, seen)
            times += 1
        assert times <= 2 + (asyncio.get_running_loop().time() - begun) / activity.QUIET_SECONDS


async def test_a_command_is_seen_at_once_by_who_asks_and_by_who_waits(tmp_path: Path, papers: Path) -> None:
    embedder = HashEmbedder()
    async with open_library(tmp_path, embedder=embedder) as library:
        embedder.gate.clear()
        base = await library.base()
        job = await library.ingestion.add_paths(LOCAL, base.id, [papers])
        seen = await library.ingestion.activity.now(LOCAL)
        waiting = asyncio.create_task(next_change(library, seen))
        await asyncio.sleep(0)
        await library.ingestion.pause(LOCAL, job)
        asked = await library.ingestion.activity.now(LOCAL)
        assert [each.status for each in asked.jobs] == ["paused"]
        told = await waiting
        while told.jobs[0].status != "paused":
            told = await next_change(library, told)
        assert told.endings > seen.endings
        embedder.gate.set()


async def test_what_another_process_journals_is_seen(tmp_path: Path, papers: Path) -> None:
    embedder = HashEmbedder()
    async with open_library(tmp_path, embedder=embedder) as library:
        embedder.gate.clear()
        base = await library.base()
        seen = await library.ingestion.activity.now(LOCAL)
        waiting = asyncio.create_task(next_change(library, seen))
        async with open_library(tmp_path, serving=False) as beside:
            job = await beside.ingestion.add_paths(LOCAL, base.id, [papers])
            told = await waiting
            assert [each.id for each in told.jobs] == [job]
            await beside.ingestion.cancel(LOCAL, job)
            while told.jobs[0].status != "cancelled":
                told = await next_change(library, told)
        embedder.gate.set()


async def test_nobody_else_sees_it(library: Library, papers: Path) -> None:
    base = await library.base()
    await library.ingestion.add_paths(LOCAL, base.id, [papers])
    assert (await library.ingestion.activity.now(Caller("somebody else"))).jobs == ()


async def test_many_who_wait_cost_one_reading_and_leave_nothing_behind(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In idleness: one statement a second for all tabs together; when they are closed, none."""
    monkeypatch.setattr(activity, "LINGER_SECONDS", 0.2)
    monkeypatch.setattr(activity, "PULSE_SECONDS", 0.1)
    board = library.ingestion.activity
    seen = await board.now(LOCAL)
    before = len(asyncio.all_tasks())
    tabs = [asyncio.create_task(board.changed(LOCAL, seen.version)) for _ in range(20)]
    await asyncio.sleep(0.3)
    assert board.watching == 1
    statements: list[str] = []

    def count(_: object, __: object, statement: str, *___: object) -> None:
        if "max(jobs.updated_at)" in statement:
            statements.append(statement)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        await asyncio.sleep(1.0)
    finally:
        event.remove(Engine, "before_cursor_execute", count)
    assert 1 <= len(statements) <= 11
    assert not any(tab.done() for tab in tabs), "nothing has changed, so nobody is told anything"
    for tab in tabs:
        tab.cancel()
    await asyncio.gather(*tabs, return_exceptions=True)
    for _ in range(200):
        if not board.watching:
            break
        await asyncio.sleep(0.05)
    assert board.watching == 0
    assert len(asyncio.all_tasks()) <= before
