"""Sends what the journal of notices holds, beside the workers and never in their way.

A notice is written down before it is sent and crossed out after it was taken, so a restart repeats one at most; the id
that it carries tells. A receiver that does not answer is tried again with growing pauses, and given up in the end.
"""

import asyncio
import logging
import random
from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from sitechat.errors import SiteChatError
from sitechat.ingestion.notify.message import body_of
from sitechat.storage.engine import Database
from sitechat.storage.notices import Notice, NoticeStore
from sitechat.storage.tables import now

log = logging.getLogger(__name__)

MOST_TRIES = 8
LONGEST_PAUSE = 3600.0
SEND_SECONDS = 60.0
"""One try may take this long in all."""
STUMBLE_SECONDS = 30.0


class NotTaken(Exception):
    """The other side did not take it. ``passing``: it may another time."""

    def __init__(self, message: str, *, passing: bool) -> None:
        super().__init__(message)
        self.message = message
        self.passing = passing


class Channel(Protocol):
    """One way to tell somebody."""

    async def send(self, notice: Notice, /) -> None: ...


class Outbox:
    """``channels`` by name. Start it once; :meth:`wake` it when a job has ended."""

    def __init__(self, db: Database, channels: Mapping[str, Channel], backoff_seconds: float = 5.0) -> None:
        self._notices = NoticeStore(db)
        self._channels = channels
        self._backoff = backoff_seconds
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._woken.set()
        self._task = asyncio.create_task(self._run(), name="notices")

    def wake(self) -> None:
        self._woken.set()

    async def close(self) -> None:
        """What is not sent yet is at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        pruned = False
        while True:
            try:
                if not pruned:
                    await self._notices.prune()
                    pruned = True
                await self._wait()
                await self._notices.write_down(self._channels.keys(), body_of)
                await self._send_due()
            except Exception:  # the boundary: what cannot be told now is told later, and ingestion does not care
                log.exception("telling of ended jobs failed")
                await asyncio.sleep(STUMBLE_SECONDS)

    async def _wait(self) -> None:
        """Until woken, or the next try is due."""
        next_try = await self._notices.next_try(self._channels.keys()) if self._channels else None
        seconds = None if next_try is None else max(0.0, (next_try - now()).total_seconds())
        try:
            await asyncio.wait_for(self._woken.wait(), seconds)
        except TimeoutError:
            return
        self._woken.clear()

    async def _send_due(self) -> None:
        """Channel beside channel: one that hangs does not keep the others waiting."""
        due = await self._notices.due(self._channels.keys()) if self._channels else []
        await asyncio.gather(
            *(self._send_all([notice for notice in due if notice.channel == name]) for name in self._channels)
        )

    async def _send_all(self, notices: list[Notice]) -> None:
        for notice in notices:
            await self._send(notice)

    async def _send(self, notice: Notice) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._channels[notice.channel].send(notice)
        except NotTaken as error:
            await self._not_taken(notice, error.message, passing=error.passing)
        except SiteChatError as error:
            await self._not_taken(notice, error.message, passing=error.retryable)
        except TimeoutError:
            await self._not_taken(notice, f"No answer within {SEND_SECONDS:g} seconds.", passing=True)
        else:
            await self._notices.sent(notice)

    async def _not_taken(self, notice: Notice, reason: str, *, passing: bool) -> None:
        if not passing or notice.attempts + 1 >= MOST_TRIES:
            log.warning("the end of a job could not be told by %s: %s", notice.channel, reason)
            await self._notices.give_up(notice, reason)
            return
        jitter = random.uniform(0.75, 1.25)  # noqa: S311 (spreads retries, hides nothing)
        pause = min(self._backoff * 2**notice.attempts * jitter, LONGEST_PAUSE)
        await self._notices.try_later(notice, reason, timedelta(seconds=pause))
