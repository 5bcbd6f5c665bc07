"""A database with one knowledge base and indexes over it, for tests that search."""

from pathlib import Path

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

    def open(self, spec: str = "local/hash", *, serving: bool = True) -> Indexes:
        def make(name: str) -> HashEmbedder:
            return self.embedders.setdefault(name, HashEmbedder(name))

        return Indexes(VectorsStore(self.db), self.directory, make, spec, exact_limit=1000, serving=serving)

    async def add(self, indexes: Indexes, uri: str, *texts: str) -> str:
        made = await indexes.embed_passages([(uri, (), text) for text in texts])
        chunks = [
            NewChunk(0, len(text), text, (), None, (NewVector("chunk", 0, len(text), each.vector),), each.late)
            for text, each in zip(texts, made, strict=True)
        ]
        new = NewDocument(
            self.base_id, "local", ("user:local",), uri, uri, "text/plain", "0" * 64, "1", "\n".join(texts), (), 1
        )
        document_id = await self.knowledge.replace_document(new, chunks, indexes.generation_id)
        await indexes.catch_up()
        return document_id
