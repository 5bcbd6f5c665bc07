"""What goes on behind the workers is tried again where it fails."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from sitechat.ingestion.blobs import BlobStore
from sitechat.ingestion.housekeeping import Housekeeping
from sitechat.storage.engine import Database
from sitechat.storage.values import Embedding


class FailingIndexes:
    """``SearchIndexes`` that cannot follow for some times; ``saved`` is set when they were saved after all."""

    generation_id = 1

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.saved = asyncio.Event()

    async def ready(self) -> None: ...

    async def embed_passages(self, _: Sequence[tuple[str, Sequence[str], str]]) -> list[Embedding]:
        return []

    async def catch_up(self) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("not now")

    async def save(self) -> None:
        self.saved.set()


async def opened(folder: Path, indexes: FailingIndexes) -> tuple[Database, Housekeeping]:
    db = await Database.open(folder / "sitechat.db")
    housekeeping = Housekeeping(db, indexes, BlobStore(folder / "blobs"))
    housekeeping.start()
    return db, housekeeping


async def test_an_index_that_could_not_follow_does_so_without_being_asked_again(tmp_path: Path) -> None:
    indexes = FailingIndexes(1)
    db, housekeeping = await opened(tmp_path, indexes)
    async with asyncio.timeout(20):
        await indexes.saved.wait()
    await housekeeping.close()
    await db.close()


async def test_closing_does_not_wait_for_better_times(tmp_path: Path) -> None:
    indexes = FailingIndexes(1_000_000)
    db, housekeeping = await opened(tmp_path, indexes)
    housekeeping.stored()
    async with asyncio.timeout(20):
        await housekeeping.close()
    assert not indexes.saved.is_set()
    await db.close()
