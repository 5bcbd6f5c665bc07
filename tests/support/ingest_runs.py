"""Runs ``tests.support.ingest_process`` and watches it, kills it where it is told to, or has its calls fail."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from tests.support.faults import Fault, Supervisor

ROOT = Path(__file__).parents[2]
MODULE = "tests.support.ingest_process"
WORK = ("crawling", "file_processing", "text_extraction", "embedding", "vector_storage")
"""Stages in which an item is being worked on."""
SAVING = "saving"
AFTER_JOB = "job end"
HANGS_SECONDS = 300
"""By then a process has ended, also on a busy machine; otherwise it hangs."""
BETWEEN_STAGES = "between stages"


@dataclass(frozen=True, slots=True)
class Event:
    """A line that the process told. ``at``: seconds of the monotonic clock."""

    at: float
    mark: str
    what: str


@dataclass(frozen=True, slots=True)
class Aim:
    """Kill ``delay`` seconds after ``stage`` has begun for the ``nth`` time."""

    stage: str
    nth: int
    delay: float


@dataclass(frozen=True)
class Run:
    """A process that is over. ``stderr`` is what it logged, ``begun`` when it was started on the monotonic clock."""

    begun: float
    events: tuple[Event, ...]
    code: int
    pid: int
    stderr: str

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL

    def told(self, what: str) -> list[str]:
        """What was said of it, such as the reasons behind ``failed``."""
        return [e.what.removeprefix(what).strip() for e in self.events if e.mark == "!" and e.what.startswith(what)]

    def durations(self) -> dict[str, float]:
        """The longest time that each stage took."""
        begun: dict[str, list[float]] = {}
        longest: dict[str, float] = {}
        for event in self.events:
            if event.mark == "+":
                begun.setdefault(event.what, []).append(event.at)
            elif event.mark == "-" and begun.get(event.what):
                longest[event.what] = max(longest.get(event.what, 0.0), event.at - begun[event.what].pop(0))
        return longest

    def stage(self) -> str:
        """Where the process was when it ended."""
        open_stages: list[str] = []
        after_job = False
        for event in self.events:
            if event.mark == "+":
                open_stages.append(event.what)
            elif event.mark == "-":
                open_stages.remove(event.what)
                after_job = after_job and event.what != SAVING
            else:
                after_job = after_job or event.what == AFTER_JOB
        if SAVING in open_stages:
            return SAVING
        if after_job:
            return "between job end and index save"
        return open_stages[-1] if open_stages else BETWEEN_STAGES

    def resumed(self) -> tuple[float, float] | None:
        """Seconds from being ready and from its start to the first work on an item, or to finding that none is left."""
        ready = next((event.at for event in self.events if event.what == "ready"), None)
        at_work = [e.at for e in self.events if (e.mark == "+" and e.what in WORK) or e.what.startswith("ended")]
        if ready is None or not at_work:
            return None
        return max(0.0, min(at_work) - ready), min(at_work) - self.begun


async def run(
    home: Path,
    source: str,
    name: str,
    *options: str,
    aim: Aim | None = None,
    fault: Fault | None = None,
    seconds: float = HANGS_SECONDS,
) -> Run:
    """Run the process to its end, or until it is killed. Raises ``TimeoutError`` after ``seconds``: it hangs."""
    await asyncio.to_thread(home.mkdir, exist_ok=True)
    arguments = (str(home), source, name, *options)
    supervisor = Supervisor(fault) if fault is not None else None
    command = (sys.executable, "-m", MODULE, *arguments)
    passed: tuple[int, ...] = ()
    if supervisor is not None:
        command, passed = supervisor.command(MODULE, *arguments), (supervisor.socket.fileno(),)
    errors, begun = home / f"{name}.log", monotonic()
    with errors.open("ab") as log:
        begin = log.tell()
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=PIPE, stderr=log, pass_fds=passed)
    try:
        async with asyncio.timeout(seconds):
            events = await _follow(process, aim)
            code = await process.wait()
    finally:
        _kill(process)
        await process.wait()
        if supervisor is not None:
            await asyncio.to_thread(supervisor.close)
    logged = (await asyncio.to_thread(errors.read_bytes))[begin:]
    return Run(begun, tuple(events), code, process.pid, logged.decode(errors="replace"))


async def _follow(process: Process, aim: Aim | None) -> list[Event]:
    assert process.stdout is not None
    events: list[Event] = []
    met = 0
    while (line := await process.stdout.readline()).endswith(b"\n"):
        at, mark, what = line.decode().rstrip("\n").split(" ", 2)
        events.append(Event(float(at), mark, what))
        if aim is not None and mark in "+!" and what == aim.stage:
            met += 1
            if met == aim.nth:
                asyncio.get_running_loop().call_later(aim.delay, _kill, process)
    return events


def _kill(process: Process) -> None:
    """Nothing happens if it has ended: its number may be another's by now."""
    with suppress(ProcessLookupError):
        process.kill()


def embedded(home: Path, name: str) -> list[tuple[int, list[str]]]:
    """What was embedded for one job: process and passages of each call that was answered, in order."""
    path = home / f"{name}.embedded"
    lines = path.read_bytes().splitlines() if path.exists() else []
    return [(pid, names) for pid, names in map(json.loads, lines)]


def done_twice(calls: Sequence[tuple[int, list[str]]], clean: Sequence[tuple[int, list[str]]]) -> Counter[int]:
    """Passages that a process had embedded and another one embedded again, by the process whose work was lost.

    Passages that a clean run embeds more than once, since two documents share them, are counted beyond that.
    """
    usual = Counter(name for _, names in clean for name in names)
    by: dict[str, list[int]] = {}
    lost: Counter[int] = Counter()
    for pid, names in calls:
        for name in names:
            earlier = by.setdefault(name, [])
            if len(earlier) >= max(1, usual[name]):
                lost[next((other for other in reversed(earlier) if other != pid), pid)] += 1
            earlier.append(pid)
    return lost
