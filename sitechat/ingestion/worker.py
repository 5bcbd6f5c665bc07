"""The workers: tasks on the engine loop that claim items from the journal and see each to its end.

An item that fails says why and never stops the others. Trouble that passes by itself (a busy host, a search model
that does not answer) puts the item back with a growing delay; anything else is for a person to retry.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from sitechat.disk import trouble_with_disk
from sitechat.errors import SiteChatError
from sitechat.ingestion.blobs import TooLargeToKeep
from sitechat.ingestion.causes import LeftOut, cause_of
from sitechat.ingestion.fetch_errors import PageTooLarge
from sitechat.ingestion.formats.base import NotExtracted
from sitechat.ingestion.indexing import SearchIndexes
from sitechat.ingestion.signals import STOP, WORK, Bell, Signals, command, progress
from sitechat.ingestion.stages import Stages
from sitechat.ingestion.tending import LEASE, PutDown, Tending
from sitechat.storage.leases import Claim, LeaseLostError, LeaseStore
from vectorstore.base import EmbeddingError

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""How often the journal is asked for work that another process has written."""
MODEL_RETRY_SECONDS = 15.0
MAX_FAILURES = 5
"""Passing troubles of one item before it counts as failed."""
MAX_ATTEMPTS = 20
"""Claims of one item: more than this means that the process died over it again and again."""
LONGEST_DELAY = 300.0
LONGEST_STUMBLE = 60.0
_LEFT_OUT = (TooLargeToKeep, PageTooLarge, LeftOut)
UNEXPECTED = "Something unexpected went wrong; the log says what. You can retry it."


class Workers:
    """``count`` tasks; ``on_job_end`` is called when the last item of a job has ended."""

    def __init__(
        self,
        leases: LeaseStore,
        stages: Stages,
        indexes: SearchIndexes,
        signals: Signals,
        on_job_end: Callable[[], None],
        *,
        count: int = 2,
        backoff_seconds: float = 2.0,
    ) -> None:
        self.waiting_for: str | None = None
        """What keeps all items waiting, for a person; None while work goes on."""
        self.stuck = False
        """Whether that needs a person."""
        self._leases = leases
        self._stages = stages
        self._indexes = indexes
        self._signals = signals
        self._on_job_end = on_job_end
        self._count = count
        self._backoff = backoff_seconds
        self._closing = False
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Take back what a killed process had in work, and begin."""
        if left := await self._leases.release_all():
            log.info("taking up %d files that were being read when SiteChat stopped", left)
        self._tasks = [asyncio.create_task(self._work(), name=f"ingestion-{n}") for n in range(self._count)]

    async def close(self) -> None:
        """Put down what is in work, to be taken up at the next start."""
        self._closing = True
        self._signals.ring(STOP, WORK)
        _, late = await asyncio.wait(self._tasks, timeout=10) if self._tasks else (set(), set())
        for task in late:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self) -> None:
        stumbles = 0
        claim: Claim | None = None
        with self._signals.listen(STOP, WORK) as bell:
            await self._search_model(bell)
            while not self._closing:
                try:
                    if claim is not None:
                        await self._hand_back(claim)
                    claim = await self._leases.claim(LEASE)
                    if claim is None:
                        await bell.wait(POLL_SECONDS)
                    else:
                        await self._attend(claim)
                        claim = None
                    if stumbles:
                        stumbles, self.waiting_for, self.stuck = 0, None, False
                except Exception as error:  # a worker outlives whatever happens to one item, and hands it back
                    stumbles += 1
                    log.warning("an ingestion worker stumbled", exc_info=error)
                    self.waiting_for, self.stuck = f"the journal. {_explain(error)[0]}", True
                    await bell.wait(min(2.0 ** (stumbles - 1), LONGEST_STUMBLE))

    async def _hand_back(self, claim: Claim) -> None:
        """The end of the item could not be written: it is tried again, and that counts as one of its troubles."""
        with suppress(LeaseLostError):
            await self._leases.try_later(claim, "", timedelta())

    async def _search_model(self, bell: Bell) -> None:
        """Nothing can be embedded before the search model is there, and no file is to blame if it is not."""
        while not self._closing:
            self.waiting_for = self.waiting_for or "the search model to load"
            loading = asyncio.ensure_future(self._indexes.ready())
            stop = asyncio.create_task(self._stopped(bell))
            await asyncio.wait({loading, stop}, return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()
            if not loading.done():
                loading.cancel()
                return
            try:
                loading.result()
            except Exception as error:  # noqa: BLE001 (the boundary: it is told, and tried again)
                self.waiting_for, self.stuck = f"the search model. {_explain(error)[0]}", True
                await bell.wait(MODEL_RETRY_SECONDS)
            else:
                self.waiting_for, self.stuck = None, False
                return

    async def _stopped(self, bell: Bell) -> None:
        while not self._closing:
            await bell.wait(POLL_SECONDS)

    # One item

    async def _attend(self, claim: Claim) -> None:
        with self._signals.listen(STOP, command(claim.job_id)) as bell:
            tending = Tending(self._leases, claim, bell, lambda: self._closing)
            try:
                ended = await self._see_to(claim, tending)
            except LeaseLostError:
                ended = False
            except PutDown:
                with suppress(LeaseLostError):
                    await self._leases.release(claim)
                return
        self._signals.ring(progress(claim.job_id), WORK)
        if ended:
            self._on_job_end()

    async def _see_to(self, claim: Claim, tending: Tending) -> bool:
        """Whether the job has ended with this item."""
        if claim.attempt > MAX_ATTEMPTS:
            return await self._leases.fail(claim, f"SiteChat was stopped {MAX_ATTEMPTS} times while reading it.")
        try:
            return await self._stages.run(claim, tending)
        except (LeaseLostError, PutDown):
            raise
        except Exception as error:  # noqa: BLE001 (the boundary: it is told, and the next item follows)
            return await self._end_badly(claim, error)

    async def _end_badly(self, claim: Claim, error: Exception) -> bool:
        cause = cause_of(error)
        if isinstance(error, _LEFT_OUT) or (isinstance(error, NotExtracted) and error.skips):
            return await self._stages.skip(claim, error.message, cause)
        reason, passing, retry_after = _explain(error)
        if not passing or claim.failures + 1 >= MAX_FAILURES:
            return await self._leases.fail(claim, reason, cause)
        await self._leases.try_later(claim, reason, self._delay(claim.failures, retry_after))
        return False

    def _delay(self, failures: int, retry_after: float | None) -> timedelta:
        jitter = random.uniform(0.75, 1.25)  # noqa: S311 (spreads retries, hides nothing)
        seconds = min(self._backoff * 2**failures * jitter, LONGEST_DELAY)
        return timedelta(seconds=max(seconds, retry_after or 0))


def _explain(error: Exception) -> tuple[str, bool, float | None]:
    """The reason for a person, whether it may pass by itself, and when the other side asks to come back (seconds)."""
    if isinstance(error, SiteChatError):
        return error.message, error.retryable, error.retry_after
    if isinstance(error, EmbeddingError):
        return error.message, error.transient, error.retry_after
    if isinstance(error, OSError):
        return trouble_with_disk(error) or f"It could not be read or stored ({error.strerror or error}).", True, None
    log.error("reading a file failed unexpectedly", exc_info=error)
    return UNEXPECTED, False, None
