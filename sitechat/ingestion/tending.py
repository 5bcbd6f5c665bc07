"""Long work on an item under a lease: kept alive while it is done, put down when the item is taken away.

Only what passes through here is ever interrupted; between two such pieces an item's writes run to their end.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from time import monotonic
from typing import Any, TypeVar

from sitechat.ingestion.signals import Bell
from sitechat.storage.leases import Claim, LeaseLostError, LeaseStore

T = TypeVar("T")

LEASE = timedelta(minutes=1)
LOOK_SECONDS = 1.0
"""How often the journal is asked whether the item is still ours: another process may have taken it away."""


class PutDown(Exception):
    """This process is closing."""


class Tending:
    """Looks after one claim. ``bell`` rings when there is a reason to look at once."""

    def __init__(self, leases: LeaseStore, claim: Claim, bell: Bell, closing: Callable[[], bool]) -> None:
        self._leases = leases
        self._claim = claim
        self._bell = bell
        self._closing = closing
        self._renewed = monotonic()

    async def during(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``, or ``LeaseLostError`` or :class:`PutDown` with the work cancelled."""
        task = asyncio.create_task(work)
        try:
            while not task.done():
                await self._doze(task)
                if not task.done():
                    await self._look()
        finally:
            await _end(task)
        return task.result()

    async def _doze(self, task: asyncio.Task[Any]) -> None:
        rung = asyncio.create_task(self._bell.wait(LOOK_SECONDS))
        try:
            await asyncio.wait({task, rung}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end(rung)

    async def _look(self) -> None:
        if self._closing():
            raise PutDown
        if monotonic() - self._renewed > LEASE.total_seconds() / 3:
            await self._leases.renew(self._claim, LEASE)
            self._renewed = monotonic()
        elif not await self._leases.holds(self._claim):
            raise LeaseLostError


async def _end(task: asyncio.Task[Any]) -> None:
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # looked at, so that nobody warns of it
