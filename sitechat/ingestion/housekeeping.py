"""What goes on behind the workers: the indexes follow, unneeded originals go, the index is saved after each job.

Documents that are stored while the indexes follow, or within a second of it, are followed together at the next turn:
a commit of the full-text index costs as much for one as for twenty. The same holds for jobs that end while one is being
tidied up after.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from sitechat.ingestion.blobs import BlobStore
from sitechat.ingestion.indexing import SearchIndexes
from sitechat.storage.engine import Database
from sitechat.storage.jobs import JobsStore
from sitechat.storage.knowledge import KnowledgeStore

log = logging.getLogger(__name__)
LONGEST_PAUSE = 60.0
"""Seconds between two tries of what cannot be done, as on a full disk."""

_REST_SECONDS = 1.0


class Housekeeping:
    """``stored`` and ``ended`` only wake it up; call them from the loop."""

    def __init__(self, db: Database, indexes: SearchIndexes, blobs: BlobStore) -> None:
        self._db = db
        self._indexes = indexes
        self._blobs = blobs
        self._jobs = JobsStore(db)
        self._knowledge = KnowledgeStore(db)
        self._following = _Chore(indexes.catch_up, rest=_REST_SECONDS)
        self._tidying = _Chore(self._tidy)

    def stored(self) -> None:
        """A document has been stored."""
        self._following.ask()

    def ended(self) -> None:
        """A job has ended, or documents were deleted."""
        self._tidying.ask()

    def start(self) -> None:
        self._following.start()
        self._tidying.start()
        self._tidying.ask()

    async def close(self) -> None:
        """Finish what has been asked for."""
        await self._following.close()
        await self._tidying.close()

    async def sweep(self) -> None:
        """Delete originals that neither a document nor an item needs.

        The journal is locked for writing meanwhile: whoever keeps an original looks whether it is there in the very
        transaction that makes it needed, in this process or another.
        """
        kept = await asyncio.to_thread(self._blobs.kept)
        async with self._db.write() as tx:
            needed = await self._jobs.blobs_in_use(tx) | await self._knowledge.blobs_in_use()
            for blob in kept - needed:
                await asyncio.to_thread(self._blobs.delete, blob)

    async def _tidy(self) -> None:
        await self._indexes.catch_up()
        await self._indexes.save()
        await self.sweep()
        await asyncio.to_thread(self._blobs.tidy)


class _Chore:
    """Done once however often it was asked for while it had not begun, with ``rest`` seconds after each time.

    What fails is tried again, ever more rarely.
    """

    def __init__(self, do: Callable[[], Awaitable[None]], rest: float = 0.0) -> None:
        self._do = do
        self._rest = rest
        self._asked = False
        self._wake = asyncio.Event()
        self._closed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def ask(self) -> None:
        self._asked = True
        self._wake.set()

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        self._closed.set()
        self._wake.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        failures = 0
        while self._asked or not self._closed.is_set():
            if not self._asked:
                await self._pause(None)
                continue
            self._asked = False
            failures = 0 if await self._try() else failures + 1
            if failures and not self._closed.is_set():
                await self._pause(min(2.0 ** (failures - 1), LONGEST_PAUSE))
                self._asked = True
            elif self._rest:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._closed.wait(), self._rest)

    async def _pause(self, seconds: float | None) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), seconds)
        self._wake.clear()

    async def _try(self) -> bool:
        try:
            await self._do()
        except Exception as error:  # the boundary: what cannot be done now is done later, or after the next start
            log.warning("housekeeping after an ingestion failed", exc_info=error)
            return False
        return True
