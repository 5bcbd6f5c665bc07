"""Ingestion as it runs in the application, in a folder of its own, with a search model that costs nothing."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sitechat.identity import LOCAL
from sitechat.indexes.service import Indexes
from sitechat.ingestion.knowledge import KnowledgeService
from sitechat.ingestion.service import IngestionService
from sitechat.progress import ItemRecord, ProgressRecord
from sitechat.settings import Settings
from sitechat.storage.engine import Database
from sitechat.storage.values import KnowledgeBase
from sitechat.storage.vectors import VectorsStore
from tests.support.embedder import HashEmbedder


@dataclass
class Library:
    db: Database
    indexes: Indexes
    ingestion: IngestionService
    knowledge: KnowledgeService
    embedder: HashEmbedder
    settings: Settings

    async def base(self, name: str = "Papers") -> KnowledgeBase:
        return await self.knowledge.find(LOCAL, name) or await self.knowledge.create(LOCAL, name)

    async def ended(self, job_id: str) -> ProgressRecord:
        """The record with which the job ends."""
        records = [record async for record in self.ingestion.watch(LOCAL, job_id)]
        return records[-1]

    async def ingest(self, *paths: Path, name: str = "Papers") -> list[ItemRecord]:
        """Read files or folders to the end; the items as they ended."""
        base = await self.base(name)
        job_id = await self.ingestion.add_paths(LOCAL, base.id, paths)
        await self.ended(job_id)
        return await self.ingestion.items(LOCAL, job_id)

    async def again(self, job_id: str) -> str:
        """Read the source of a job again; the id of the new job."""
        source_id = (await self.ingestion.job(LOCAL, job_id)).source_id
        assert source_id is not None
        return await self.ingestion.sources.sync(LOCAL, source_id)

    async def uris(self, name: str = "Papers") -> list[str]:
        base = await self.base(name)
        return sorted(document.uri for document in await self.knowledge.documents(LOCAL, base.id))


@asynccontextmanager
async def open_library(
    folder: Path,
    *,
    serving: bool = True,
    embedder: HashEmbedder | None = None,
    workers: int = 4,
    backoff_seconds: float = 0.01,
    settings: Settings | None = None,
) -> AsyncIterator[Library]:
    """Opened as the runtime opens it, and closed likewise."""
    embedder = embedder or HashEmbedder()
    settings = settings or Settings(data_dir=folder / "data", sample=False, _env_file=None)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    db = await Database.open(settings.data_dir / "sitechat.db")
    indexes = Indexes(
        VectorsStore(db),
        settings.data_dir / "indexes",
        lambda _: embedder,
        embedder.spec,
        exact_limit=1000,
        serving=serving,
    )
    ingestion = IngestionService(
        db, indexes, settings, serving=serving, workers=workers, backoff_seconds=backoff_seconds
    )
    library = Library(db, indexes, ingestion, KnowledgeService(db, indexes, ingestion), embedder, settings)
    indexes.start()
    await ingestion.start()
    try:
        yield library
    finally:
        await ingestion.close()
        await indexes.close()
        await db.close()
