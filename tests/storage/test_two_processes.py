"""Two processes on one journal: no item is claimed by both, and what a dead one held is taken over."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from datetime import timedelta
from pathlib import Path

from sitechat.identity import LOCAL
from sitechat.storage.engine import Database
from sitechat.storage.jobs import JobsStore, NewItem
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.leases import LeaseStore

ROOT = Path(__file__).parents[2]
ITEMS = 120


async def process(path: Path, lease: float, *more: str) -> Process:
    arguments = ("-m", "tests.support.claiming_process", str(path), str(lease), *more)
    started = await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT, stdin=PIPE, stdout=PIPE)
    assert started.stdout is not None
    assert await started.stdout.readline() == b"ready\n"
    return started


async def go(started: Process) -> str:
    """All that it claims, a line each."""
    output, _ = await started.communicate(b"go\n")
    return output.decode()


async def journal(db: Database, items: int) -> str:
    base = await KnowledgeStore(db).create(LOCAL, "Papers")
    new = [NewItem(f"{n}", f"file:{n}", f"path:/{n}") for n in range(items)]
    return await JobsStore(db).create(LOCAL, base.id, "files", new)


async def test_no_item_is_claimed_by_two_processes(db: Database) -> None:
    job = await journal(db, ITEMS)
    one, two = [await process(db.path, 60) for _ in range(2)]
    claimed = [output.splitlines() for output in await asyncio.gather(go(one), go(two))]
    assert Counter(name for names in claimed for name in names) == Counter(str(n) for n in range(ITEMS))
    assert all(claimed), "both took part"
    items = await JobsStore(db).items(LOCAL, job)
    assert {(item.state, item.attempts) for item in items} == {("completed", 1)}


async def test_what_a_dead_process_held_is_taken_over_when_its_lease_has_run_out(db: Database) -> None:
    job = await journal(db, 1)
    dying = await process(db.path, 3, "hang")
    assert dying.stdin is not None
    assert dying.stdout is not None
    dying.stdin.write(b"go\n")
    assert await dying.stdout.readline() == b"0\n"
    dying.kill()
    await dying.wait()
    leases = LeaseStore(db)
    assert await leases.claim(timedelta(minutes=1)) is None, "its lease still runs"
    for _ in range(100):
        if (claim := await leases.claim(timedelta(minutes=1))) is not None:
            break
        await asyncio.sleep(0.1)
    assert claim is not None
    assert (claim.name, claim.attempt) == ("0", 2)
    assert await leases.complete(claim, "indexed", "document", 1)
    (item,) = await JobsStore(db).items(LOCAL, job)
    assert item.state == "completed"
