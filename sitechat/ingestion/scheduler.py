"""Reads sources when their time has come, and lets go of what has been missing for long enough.

A task of the process that owns the data directory. Times that went by while SiteChat was not running are made up for
once at the start. The clock is looked at every half minute at least, so that one that was set is noticed, and so are
schedules that another process has written.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

from sitechat.ingestion.signals import SCHEDULE, Signals
from sitechat.ingestion.syncing import SourceService
from sitechat.storage.tables import now

log = logging.getLogger(__name__)

LOOK_SECONDS = 30.0


class Scheduler:
    """``clock`` tells the time, aware; another one is for tests."""

    def __init__(self, sources: SourceService, signals: Signals, clock: Callable[[], datetime] = now) -> None:
        self._sources = sources
        self._signals = signals
        self._clock = clock
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="scheduler")

    async def close(self) -> None:
        self._closing = True
        self._signals.ring(SCHEDULE)
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        with self._signals.listen(SCHEDULE) as bell:
            while not self._closing:
                await bell.wait(await self._look())

    async def _look(self) -> float:
        """Do what is due; the seconds until it is worth looking again."""
        try:
            at = self._clock()
            await self._sources.expire(at)
            next_at = await self._sources.run_due(at)
        except Exception:  # the boundary: a database that cannot be written now may be at the next look
            log.exception("the scheduler stumbled")
            return LOOK_SECONDS
        return LOOK_SECONDS if next_at is None else min(LOOK_SECONDS, max(0.0, (next_at - at).total_seconds()))
