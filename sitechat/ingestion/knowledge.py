"""Knowledge bases and their documents as front ends see them."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from sitechat.errors import Forbidden, InvalidInput, NotFound
from sitechat.identity import Caller
from sitechat.ingestion.service import IngestionService
from sitechat.storage.engine import Database
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.values import Chunk, Document, KnowledgeBase

log = logging.getLogger(__name__)

LONGEST_NAME = 100
LONGEST_DESCRIPTION = 2000


class Followers(Protocol):
    """What follows the documents: the search indexes."""

    async def catch_up(self) -> None: ...


class KnowledgeService:
    """Who may see a knowledge base may read it; only its owner changes it. Absent and unseen are both ``NotFound``."""

    def __init__(self, db: Database, indexes: Followers, ingestion: IngestionService) -> None:
        self._store = KnowledgeStore(db)
        self._indexes = indexes
        self._ingestion = ingestion

    async def create(
        self, caller: Caller, name: str, description: str = "", sample_questions: Sequence[str] = ()
    ) -> KnowledgeBase:
        """Raises ``InvalidInput`` for a name that is empty, too long or taken."""
        description = description.strip()
        if len(description) > LONGEST_DESCRIPTION:
            raise InvalidInput(f"The description is too long; {LONGEST_DESCRIPTION:,} characters are the most.")
        return await self._store.create(caller, _checked(name), description, sample_questions)

    async def visible(self, caller: Caller) -> list[KnowledgeBase]:
        """In order of name."""
        return await self._store.visible(caller)

    async def get(self, caller: Caller, knowledge_base_id: str) -> KnowledgeBase:
        return await self._store.get(caller, knowledge_base_id)

    async def find(self, caller: Caller, name: str) -> KnowledgeBase | None:
        return await self._store.find(caller, name.strip())

    async def rename(self, caller: Caller, knowledge_base_id: str, name: str) -> None:
        """Raises ``InvalidInput`` for a name that is empty, too long or taken."""
        await self._owned(caller, knowledge_base_id)
        await self._store.rename(caller, knowledge_base_id, _checked(name))

    async def delete(self, caller: Caller, knowledge_base_id: str) -> None:
        """Gone with its documents and jobs from the moment this returns; what is being read for it is put down."""
        await self._owned(caller, knowledge_base_id)
        await self._ingestion.abandon(knowledge_base_id)
        await self._store.delete(caller, knowledge_base_id)
        await self._follow()

    async def documents(self, caller: Caller, knowledge_base_id: str) -> list[Document]:
        """In order of title."""
        return await self._store.documents(caller, knowledge_base_id)

    async def document(self, caller: Caller, document_id: str) -> Document:
        return await self._store.document(caller, document_id)

    async def text(self, caller: Caller, document_id: str) -> str:
        """What was extracted; offsets of passages and citations are into it."""
        return await self._store.text(caller, document_id)

    async def passage(self, caller: Caller, chunk_id: int) -> Chunk:
        found = await self._store.chunks(caller, [chunk_id])
        if chunk_id not in found:
            raise NotFound("This passage does not exist, or not any more.")
        return found[chunk_id]

    async def delete_document(self, caller: Caller, document_id: str) -> None:
        document = await self._store.document(caller, document_id)
        if document.owner_id != caller.user_id:
            raise Forbidden(f"“{document.title}” is shared with you for reading; only its owner can delete it.")
        await self._store.delete_document(caller, document_id)
        await self._follow()

    def blob_path(self, document: Document) -> Path:
        """Where the original file is kept."""
        return self._ingestion.blobs.path(document.blob)

    async def _owned(self, caller: Caller, knowledge_base_id: str) -> None:
        base = await self._store.get(caller, knowledge_base_id)
        if base.owner_id != caller.user_id:
            raise Forbidden(f"“{base.name}” is shared with you for reading; only its owner can change it.")

    async def _follow(self) -> None:
        try:
            await self._indexes.catch_up()
        except Exception:  # the boundary: it is deleted already, and is not served even from an index that is behind
            log.exception("the indexes could not follow a deletion")
        self._ingestion.forget_unneeded()


def _checked(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise InvalidInput("A knowledge base needs a name.")
    if len(name) > LONGEST_NAME:
        raise InvalidInput(f"This name is too long; {LONGEST_NAME} characters are the most.")
    return name
