"""Failing storage: calls that write, sync or rename files fail one after the other, or for as long as a disk is full.

Whichever call it is, the process goes on or says in words for people why it does not; and once the fault is gone, a
restart and a retry of what failed lead to what a clean run leads to. The same holds for a ``kill -9`` at such a call.
"""

import asyncio
import errno
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import pytest

from sitechat.storage.migrations import upgrade
from tests.support.faults import Call, Fault, Kind, Supervisor
from tests.support.ingest_runs import ROOT, Run, run
from tests.support.ingest_state import State, state_of
from tests.support.shelf import fill_small_shelf

JOB = "papers"
FULL_SECONDS = 1.5
ERRORS = (errno.ENOSPC, errno.EIO)
FOR_PEOPLE = ("The disk is full.", "The disk cannot be written")
SILENT_DEATHS = ("never retrieved", "PanicException", "unexpectedly")
"""What a log says of tasks and items that ended otherwise than foreseen."""
PARTS = {
    "originals": "/data/blobs",
    "full-text index": "/data/indexes/fulltext",
    "search index": "/data/indexes",
    "database": "/data/sitechat.db",
}
"""The parts of a data directory and how the paths begin that belong to them; the first that fits counts."""


@dataclass(frozen=True)
class Point:
    """The ``first``-th call of a kind that reaches a part fails, as do those of the next ``seconds``.

    ``error`` None: the process is killed there instead.
    """

    part: str
    kind: Kind
    first: int
    error: int | None
    seconds: float = 0.0

    def __str__(self) -> str:
        fate = "kill" if self.error is None else errno.errorcode[self.error]
        return f"{self.kind} {self.first} of the {self.part}: {fate}{f' for {self.seconds} s' if self.seconds else ''}"

    def fault(self, home: Path) -> Fault:
        def here(call: Call) -> bool:
            return call.kind == self.kind and part_of(call, home) == self.part

        return Fault(here, self.first, self.error, self.seconds)


def part_of(call: Call, home: Path) -> str | None:
    """The part of the data directory in ``home`` that a call reaches."""
    place = call.path.removeprefix(str(home))
    return next((part for part, prefix in PARTS.items() if place.startswith(prefix)), None)


class Sweep:
    """Reads a few files in a new home for each point; ``fates`` counts what became of the processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.shelf = str(fill_small_shelf(folder / "shelf"))
        self._clean: State | None = None
        self.calls: Counter[tuple[str, Kind]] = Counter()
        self.fates: Counter[str] = Counter()
        self.wrong: dict[str, str] = {}

    async def rehearse(self) -> list[Point]:
        """A clean run; returns all points that there are, parts and kinds in turn while they last."""
        home = self._folder / "clean"
        watching = Fault(lambda call: part_of(call, home) is not None)
        ran = await run(home, self.shelf, JOB, fault=watching)
        assert ran.code == 0, ran.stderr
        self._clean = await state_of(home, JOB)
        self.calls = Counter((str(part_of(call, home)), call.kind) for call in watching.calls)
        groups = [_points(part, kind, count) for (part, kind), count in self.calls.items()]
        return [point for row in zip_longest(*groups) for point in row if point is not None]

    async def strike(self, points: Sequence[Point]) -> None:
        """Try each point."""
        for number, point in enumerate(points):
            home = self._folder / f"home-{number}"
            try:
                self.fates[await self._survives(point, home)] += 1
            except (AssertionError, TimeoutError) as error:
                self.wrong[str(point)] = f"{type(error).__name__}: {error}"[:2000]
            await asyncio.to_thread(shutil.rmtree, home)
            print(f"{number + 1} of {len(points)}: {point}; {len(self.wrong)} went wrong", flush=True)

    async def _survives(self, point: Point, home: Path) -> str:
        fault = point.fault(home)
        struck = await run(home, self.shelf, JOB, fault=fault)
        fate = _fate(struck) if fault.failed else "ended before the call was made"
        await self.mended(home)
        return fate

    async def mended(self, home: Path) -> None:
        """Start again without a fault, and retry what failed: everything is as it should be."""
        again = await run(home, self.shelf, JOB, "--retry")
        assert again.code == 0, again.stderr
        assert await state_of(home, JOB) == self._clean

    def __str__(self) -> str:
        calls = "; ".join(f"{count} {kind} of the {part}" for (part, kind), count in sorted(self.calls.items()))
        fates = "".join(f"\n  {count:4} {fate}" for fate, count in self.fates.most_common())
        return f"{self.fates.total()} points of: {calls}{fates}\n  {len(self.wrong)} went wrong"


def _points(part: str, kind: Kind, count: int) -> list[Point]:
    faults = [(error, seconds) for error in ERRORS for seconds in (0.0, FULL_SECONDS)]
    points = [Point(part, kind, first, *fault) for first in range(1, count + 1) for fault in (*faults, (None, 0.0))]
    return random.sample(points, len(points))


def _fate(ran: Run) -> str:
    """What became of a process whose calls failed; each must be one that its log and its messages explain."""
    if ran.killed:
        return "killed at the call"
    assert not [death for death in SILENT_DEATHS if death in ran.stderr], ran.stderr
    if ran.code == 3:
        (message,) = ran.told("refused")
        assert any(sentence in message for sentence in FOR_PEOPLE), message
        return "said that it cannot begin"
    assert ran.code == 0, ran.stderr
    reasons = [reason for reason in ran.told("failed") if not reason.startswith("It is damaged")]
    assert all(reason.startswith(FOR_PEOPLE) for reason in reasons), reasons
    return "said of files why they failed" if reasons else "got over it by itself"


@pytest.mark.timeout(400)
async def test_failing_calls_are_got_over_or_explained(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path)
    points = await sweep.rehearse()
    await sweep.strike(points[:5])
    print(sweep)
    assert sweep.wrong == {}


@pytest.mark.soak
@pytest.mark.timeout(3 * 3600)
async def test_100_failing_calls(tmp_path: Path) -> None:
    sweep = Sweep(tmp_path)
    points = await sweep.rehearse()
    await sweep.strike(points[:100])
    print(sweep)
    assert sweep.wrong == {}


# A disk that is really full


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[None]:
    """A file system of so many megabytes at ``place``; skips where one cannot be mounted."""
    place.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_a_disk_that_is_full_until_room_is_made(tmp_path: Path) -> None:
    """A file fills all of the disk but so many kB, and is deleted after some seconds."""
    sweep = Sweep(tmp_path)
    await sweep.rehearse()
    for room in (8, 64, 150, 250, 400, 600, 900, 1300, 1800, 2500):
        home = tmp_path / f"home-{room}"
        with small_disk(home / "data", 16):
            filler = home / "data" / "filler"
            await asyncio.to_thread(filler.write_bytes, bytes((16 << 20) - (room << 10)))
            asyncio.get_running_loop().call_later(8, filler.unlink)
            struck = await run(home, sweep.shelf, JOB)
            sweep.fates[_fate(struck)] += 1
            filler.unlink(missing_ok=True)
            await sweep.mended(home)
    print(f"A disk with little room: {dict(sweep.fates)}")


# The schema is made whole or not at all


def alone(fault: Fault, module: str, *arguments: str) -> int:
    """Run a module in a process of its own; its exit status."""
    supervisor = Supervisor(fault)
    command = supervisor.command(module, *arguments)
    try:
        return subprocess.run(command, cwd=ROOT, pass_fds=(supervisor.socket.fileno(),), check=False).returncode
    finally:
        supervisor.close()


def test_a_first_start_that_dies_leaves_nothing_in_the_way_of_the_next(tmp_path: Path) -> None:
    whole = Fault(lambda call: str(tmp_path) in call.path)
    assert alone(whole, "tests.support.schema_process", str(tmp_path / "whole.db")) == 0
    for share in (0.2, 0.6, 0.95):
        path = tmp_path / f"killed-{share}.db"
        there = Fault(lambda call: str(tmp_path) in call.path, int(share * len(whole.calls)), error=None)
        assert alone(there, "tests.support.schema_process", str(path)) < 0
        upgrade(path)


# Originals are on the disk before anyone relies on them


def keep(root: Path, file: Path, fault: Fault) -> int:
    """Keep ``file`` in a process of its own."""
    return alone(fault, "tests.support.keep_process", str(root), str(file))


def test_an_original_is_synced_under_its_name_even_if_somebody_died_over_it(tmp_path: Path) -> None:
    root, file = tmp_path / "data" / "blobs", tmp_path / "letter.txt"
    file.write_text("Dear reader")

    def ours(call: Call) -> bool:
        return call.path.startswith(str(tmp_path / "data"))

    whole = Fault(ours)
    assert keep(root, file, whole) == 0
    place = Path(next(call.path for call in whole.calls if call.kind == "rename"))
    folders = [Call("fsync", str(folder)) for folder in (place.parent, root, root.parent)]
    kinds = [call.kind for call in whole.calls]
    assert kinds == ["write", "fsync", "rename", "fsync", "fsync", "fsync"]
    assert whole.calls[3:] == folders

    shutil.rmtree(root)
    assert keep(root, file, Fault(ours, first=4, error=None)) < 0
    assert place.is_file()
    after = Fault(ours)
    assert keep(root, file, after) == 0
    assert [call for call in after.calls if call in folders] == folders
