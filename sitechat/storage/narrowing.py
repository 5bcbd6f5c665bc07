"""Which documents of a knowledge base a search is narrowed down to, by what the database knows of them."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import ColumnElement, select

from sitechat.storage.engine import Database
from sitechat.storage.tables import DocumentRow


@dataclass(frozen=True, slots=True)
class Narrowing:
    """A document must pass every part; an empty part lets all by.

    ``sources`` and ``documents`` are ids, ``languages`` ISO 639-1 codes. ``since`` and ``until`` bound when the text of
    a document last changed here, both included.
    """

    sources: frozenset[str] = frozenset()
    documents: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    since: datetime | None = None
    until: datetime | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, part.name) for part in fields(self))


EVERYTHING = Narrowing()


async def documents_within(db: Database, knowledge_base_id: str, narrowing: Narrowing) -> frozenset[str]:
    """The ids of the documents that pass."""
    statement = select(DocumentRow.id).where(DocumentRow.knowledge_base_id == knowledge_base_id, *_parts(narrowing))
    async with db.read() as session:
        return frozenset((await session.execute(statement)).scalars())


def _parts(narrowing: Narrowing) -> list[ColumnElement[bool]]:
    wanted: list[tuple[Collection[str], ColumnElement[bool]]] = [
        (narrowing.sources, DocumentRow.source_id.in_(narrowing.sources)),
        (narrowing.documents, DocumentRow.id.in_(narrowing.documents)),
        (narrowing.languages, DocumentRow.language.in_(narrowing.languages)),
    ]
    parts = [part for values, part in wanted if values]
    if narrowing.since is not None:
        parts.append(DocumentRow.updated_at >= narrowing.since)
    if narrowing.until is not None:
        parts.append(DocumentRow.updated_at <= narrowing.until)
    return parts
