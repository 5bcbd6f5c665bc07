"""What a person's jobs are doing, read once for all who look: pages, sockets, tabs.

As long as somebody waits for changes, one task a person reads the journal when something rings in this process, once a
second asks in one statement whether another process has written, and at times where only the clock has changed
something (a time left, a stall). Nobody waiting: no task, no statement.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

from sitechat.errors import SiteChatError
from sitechat.identity import Caller
from sitechat.ingestion.signals import PROGRESS, Bell, Signals
from sitechat.progress import ProgressRecord

log = logging.getLogger(__name__)

QUIET_SECONDS = 0.4
"""Shortest time between two readings: a folder of small files ends many items a second."""
PULSE_SECONDS = 1.0
"""How often another process' writing is looked for."""
CLOCK_SECONDS = 5.0
"""How often a job that waits is read again though nothing was written: times left and stalls change by themselves."""
LINGER_SECONDS = 10.0
"""How long reading goes on with nobody waiting: a page that has just taken a change comes back for the next."""
REMEMBER = timedelta(minutes=10)
"""How long a job that has ended is still told of."""
_NOT_YET = datetime.max.replace(tzinfo=UTC)

Read = Callable[[Caller, datetime], Awaitable[list[ProgressRecord]]]
"""The caller's jobs that are open, or have ended since then."""
Pulse = Callable[[], Awaitable[object]]
"""Something that differs whenever a job was written."""


@dataclass(frozen=True, slots=True)
class Activity:
    """``jobs``: the open ones, and those that ended a short while ago; newest first.

    ``version`` grows with every change, ``endings`` with every one that begins or ends a job or changes its status.
    """

    version: int = 0
    endings: int = 0
    jobs: tuple[ProgressRecord, ...] = ()

    def of(self, knowledge_base_id: str) -> list[ProgressRecord]:
        return [job for job in self.jobs if job.knowledge_base_id == knowledge_base_id]


class ActivityBoard:
    """Use on one event loop only."""

    def __init__(self, read: Read, pulse: Pulse, signals: Signals, now: Callable[[], datetime]) -> None:
        self._read = read
        self._pulse = pulse
        self._signals = signals
        self._now = now
        self._lookouts: dict[str, _Lookout] = {}

    async def now(self, caller: Caller) -> Activity:
        """As it is at this moment."""
        return await self._lookout(caller).now()

    async def changed(self, caller: Caller, version: int) -> Activity:
        """As soon as it is another than ``version``; waits for as long as it takes."""
        return await self._lookout(caller).changed(version)

    @property
    def watching(self) -> int:
        """Tasks that read at the moment."""
        return sum(lookout.running for lookout in self._lookouts.values())

    async def close(self) -> None:
        for lookout in self._lookouts.values():
            await lookout.close()

    def _lookout(self, caller: Caller) -> "_Lookout":
        if caller.user_id not in self._lookouts:
            self._lookouts[caller.user_id] = _Lookout(caller, self._read, self._pulse, self._signals, self._now)
        return self._lookouts[caller.user_id]


class _Lookout:
    """One person's."""

    def __init__(self, caller: Caller, read: Read, pulse: Pulse, signals: Signals, now: Callable[[], datetime]) -> None:
        self._caller = caller
        self._read = read
        self._pulse = pulse
        self._signals = signals
        self._now = now
        self._latest = Activity()
        self._read_to = now()
        self._read_at = 0.0
        self._reading = asyncio.Lock()
        self._news = asyncio.Event()
        self._waiting = 0
        self._left_at = monotonic()
        self._bell: Bell | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    async def now(self) -> Activity:
        if not self.running or self._bell is None or self._bell.rung:
            await self._refresh()
        async with self._reading:
            return self._latest

    async def changed(self, version: int) -> Activity:
        self._waiting += 1
        try:
            if not self.running:
                await self._refresh()
                self._start()
            while self._latest.version == version:
                await self._news.wait()
            return self._latest
        finally:
            self._waiting -= 1
            self._left_at = monotonic()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def _start(self) -> None:
        if not self.running:
            self._task = asyncio.create_task(self._watch(), name="ingestion-activity")

    async def _watch(self) -> None:
        pulse: object = None
        with self._signals.listen(PROGRESS) as bell:
            self._bell = bell
            bell.ring()  # for what happened before the listening began
            while self._waiting or monotonic() - self._left_at < LINGER_SECONDS:
                try:
                    rang = await bell.wait(PULSE_SECONDS)
                    if not rang:
                        before, pulse = pulse, await self._pulse()
                        rang = pulse != before
                    if rang or self._clock_matters():
                        await self._refresh()
                        await asyncio.sleep(QUIET_SECONDS)
                except SiteChatError:  # the boundary: a database that is busy for a moment must not end the watching
                    log.warning("the progress of jobs could not be read", exc_info=True)
                    await asyncio.sleep(PULSE_SECONDS)
        self._bell = None

    def _clock_matters(self) -> bool:
        moving = any(job.status in ("pending", "in_progress") for job in self._latest.jobs)
        return moving and monotonic() - self._read_at >= CLOCK_SECONDS

    async def _refresh(self) -> None:
        async with self._reading:
            begun = self._now()
            found = {job.id: job for job in await self._read(self._caller, self._read_to - timedelta(seconds=2))}
            self._read_to, self._read_at = begun, monotonic()
            before = {job.id: job for job in self._latest.jobs}
            for job in self._latest.jobs:
                if job.id not in found and job.completed_at and begun - job.completed_at < REMEMBER:
                    found[job.id] = job
            self._tell(before, found)

    def _tell(self, before: dict[str, ProgressRecord], found: dict[str, ProgressRecord]) -> None:
        vanished = any(job.is_open for job in before.values() if job.id not in found)
        if not vanished and all(before.get(job.id) == job for job in found.values()):
            return
        turned = vanished or any(job.id not in before or before[job.id].status != job.status for job in found.values())
        latest = self._latest
        jobs = sorted(found.values(), key=lambda job: job.started_at or _NOT_YET, reverse=True)
        self._latest = Activity(latest.version + 1, latest.endings + turned, tuple(jobs))
        self._news.set()
        self._news = asyncio.Event()
