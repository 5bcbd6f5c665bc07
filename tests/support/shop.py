"""A database with one knowledge base and indexes over it, for tests that search."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import accumulate
from pathlib import Path

from sitechat.identity import LOCAL
from sitechat.indexes.service import Indexes
from sitechat.storage.engine import Database
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.values import NewChunk, NewDocument, NewVector
from sitechat.storage.vectors import VectorsStore
from tests.support.embedder import HashEmbedder


class Shop:
    """A database with one knowledge base, and indexes over it that can be opened again and again."""

    def __init__(self, db: Database, directory: Path) -> None:
        self.db = db
        self.directory = directory
        self.knowledge = KnowledgeStore(db)
        self.embedders: dict[str, HashEmbedder] = {}
        self.base_id = ""

    @classmethod
    @asynccontextmanager
    async def made(cls, folder: Path, name: str = "Shop") -> AsyncIterator["Shop"]:
        """A new one, with an empty knowledge base of that name."""
        db = await Database.open(folder / "sitechat.db")
        shop = cls(db, folder / "indexes")
        shop.base_id = (await shop.knowledge.create(LOCAL, name)).id
        try:
            yield shop
        finally:
            await db.close()

    def open(self, spec: str = "local/hash", *, serving: bool = True, kind: type[Indexes] = Indexes) -> Indexes:
        def make(name: str) -> HashEmbedder:
            return self.embedders.setdefault(name, HashEmbedder(name))

        return kind(VectorsStore(self.db), self.directory, make, spec, exact_limit=1000, serving=serving)

    async def add(self, indexes: Indexes, uri: str, *texts: str, access: Sequence[str] = ("user:local",)) -> str:
        """Write a document of these passages, in place of what it held before, and bring the indexes up to it."""
        document_id = await self.write(indexes, uri, *texts, access=access)
        await indexes.catch_up()
        return document_id

    async def write(self, indexes: Indexes, uri: str, *texts: str, access: Sequence[str] = ("user:local",)) -> str:
        """As :meth:`add`, but the indexes are left behind."""
        made = await indexes.embed_passages([(uri, (), text) for text in texts])
        starts = accumulate((len(text) + 1 for text in texts), initial=0)
        chunks = [
            NewChunk(
                start, start + len(text), text, (), None, (NewVector("chunk", 0, len(text), each.vector),), each.late
            )
            for start, text, each in zip(starts, texts, made, strict=False)
        ]
        new = NewDocument(
            self.base_id, "local", tuple(access), uri, uri, "text/plain", "0" * 64, "1", "\n".join(texts), (), 1
        )
        return await self.knowledge.replace_document(new, chunks, indexes.generation_id)
