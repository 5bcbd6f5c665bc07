"""Knowledge bases, documents and chunks, and the change sequence that their indexes follow."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Row, Select, and_, delete, func, select, tuple_, update
from sqlalchemy.exc import IntegrityError

from sitechat.errors import InvalidInput, NotFound
from sitechat.identity import Caller
from sitechat.storage.document_rows import insert_chunks, upsert_document
from sitechat.storage.engine import Database, Transaction
from sitechat.storage.narrowing import Narrowing, documents_within
from sitechat.storage.tables import (
    ChangeRow,
    ChunkRow,
    DocumentRow,
    KnowledgeBaseRow,
    LateVectorRow,
    VectorRow,
    new_id,
    now,
)
from sitechat.storage.values import Chunk, Document, Embedding, KnowledgeBase, NewChunk, NewDocument


@dataclass(frozen=True, slots=True)
class StoredVector:
    """A passage's vector, and those of its parts, with what they were made from."""

    title: str
    headings: tuple[str, ...]
    text: str
    embedding: Embedding


class KnowledgeStore:
    """Reads are limited to what the caller may see; absent and forbidden are both ``NotFound``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def create(
        self, caller: Caller, name: str, description: str = "", sample_questions: Sequence[str] = ()
    ) -> KnowledgeBase:
        """Raises ``InvalidInput`` where the owner already has one of that name."""
        identifier = new_id()
        row = KnowledgeBaseRow(
            id=identifier,
            name=name,
            description=description,
            owner_id=caller.user_id,
            access=[f"user:{caller.user_id}"],
            sample_questions=list(sample_questions),
        )
        try:
            async with self._db.write() as session:
                session.add(row)
        except IntegrityError:
            raise _name_taken(name) from None
        return await self.get(caller, identifier)

    async def rename(self, caller: Caller, knowledge_base_id: str, name: str) -> None:
        await self.get(caller, knowledge_base_id)
        statement = (
            update(KnowledgeBaseRow).where(KnowledgeBaseRow.id == knowledge_base_id).values(name=name, updated_at=now())
        )
        try:
            async with self._db.write() as session:
                await session.execute(statement)
        except IntegrityError:
            raise _name_taken(name) from None

    async def visible(self, caller: Caller) -> list[KnowledgeBase]:
        """In order of name."""
        async with self._db.read() as session:
            rows = await session.execute(_bases().order_by(KnowledgeBaseRow.name))
            found = [_knowledge_base(row) for row in rows]
        return [base for base in found if _may_see(caller, base.owner_id, base.access)]

    async def get(self, caller: Caller, knowledge_base_id: str) -> KnowledgeBase:
        async with self._db.read() as session:
            row = (await session.execute(_bases().where(KnowledgeBaseRow.id == knowledge_base_id))).one_or_none()
        base = _knowledge_base(row) if row else None
        if base is None or not _may_see(caller, base.owner_id, base.access):
            raise NotFound("This knowledge base does not exist, or not any more.")
        return base

    async def find(self, caller: Caller, name: str) -> KnowledgeBase | None:
        return next((base for base in await self.visible(caller) if base.name == name), None)

    async def delete(self, caller: Caller, knowledge_base_id: str) -> None:
        """Gone, with all it holds, from the moment this returns."""
        await self.get(caller, knowledge_base_id)
        async with self._db.write() as session:
            await session.execute(delete(KnowledgeBaseRow).where(KnowledgeBaseRow.id == knowledge_base_id))
            session.add(ChangeRow(op="delete_knowledge_base", knowledge_base_id=knowledge_base_id))

    async def documents(self, caller: Caller, knowledge_base_id: str) -> list[Document]:
        """In order of title."""
        await self.get(caller, knowledge_base_id)
        async with self._db.read() as session:
            statement = _documents().where(DocumentRow.knowledge_base_id == knowledge_base_id)
            rows = (await session.execute(statement.order_by(DocumentRow.title))).all()
        found = [_document(row) for row in rows]
        return [document for document in found if _may_see(caller, document.owner_id, document.access)]

    async def document(self, caller: Caller, document_id: str) -> Document:
        async with self._db.read() as session:
            row = (await session.execute(_documents().where(DocumentRow.id == document_id))).one_or_none()
        document = _document(row) if row else None
        if document is None or not _may_see(caller, document.owner_id, document.access):
            raise NotFound("This document does not exist, or not any more.")
        return document

    async def document_at(self, knowledge_base_id: str, uri: str) -> Document | None:
        """The document of a source, for ingestion."""
        statement = _documents().where(DocumentRow.knowledge_base_id == knowledge_base_id, DocumentRow.uri == uri)
        async with self._db.read() as session:
            row = (await session.execute(statement)).one_or_none()
        return _document(row) if row else None

    async def text(self, caller: Caller, document_id: str) -> str:
        await self.document(caller, document_id)
        async with self._db.read() as session:
            return (await session.execute(select(DocumentRow.text).where(DocumentRow.id == document_id))).scalar_one()

    async def chunks(self, caller: Caller, chunk_ids: Collection[int]) -> dict[int, Chunk]:
        """Those of ``chunk_ids`` that still exist and the caller may read."""
        async with self._db.read() as session:
            rows = (await session.execute(_chunks().where(ChunkRow.id.in_(chunk_ids)))).all()
        return {row.id: _chunk(row) for row in rows if _may_see(caller, row.owner_id, row.access)}

    async def neighbours(self, caller: Caller, chunks: Sequence[Chunk]) -> list[Chunk]:
        """The passages right before and after these, without these themselves, in reading order."""
        places = {(chunk.document_id, chunk.ordinal) for chunk in chunks}
        beside = {(document_id, ordinal + step) for document_id, ordinal in places for step in (-1, 1)} - places
        statement = _chunks().where(tuple_(ChunkRow.document_id, ChunkRow.ordinal).in_(sorted(beside)))
        async with self._db.read() as session:
            rows = (await session.execute(statement.order_by(ChunkRow.document_id, ChunkRow.ordinal))).all()
        return [_chunk(row) for row in rows if _may_see(caller, row.owner_id, row.access)]

    async def narrowed(self, knowledge_base_id: str, narrowing: Narrowing) -> frozenset[str] | None:
        """The documents that a search is narrowed down to, for both indexes; None: all of them."""
        return await documents_within(self._db, knowledge_base_id, narrowing) if narrowing else None

    async def chunk_ids(
        self, caller: Caller, knowledge_base_id: str, uris: Sequence[str] | None = None
    ) -> dict[str, list[int]]:
        """By the source of their document, in order; ``uris``: of these alone."""
        await self.get(caller, knowledge_base_id)
        statement = (
            select(DocumentRow.uri, DocumentRow.owner_id, DocumentRow.access, ChunkRow.id)
            .join(ChunkRow, ChunkRow.document_id == DocumentRow.id)
            .where(DocumentRow.knowledge_base_id == knowledge_base_id)
            .order_by(ChunkRow.id)
        )
        if uris is not None:
            statement = statement.where(DocumentRow.uri.in_(uris))
        found: dict[str, list[int]] = {}
        async with self._db.read() as session:
            for uri, owner_id, access, chunk_id in (await session.execute(statement)).all():
                if _may_see(caller, owner_id, access):
                    found.setdefault(uri, []).append(chunk_id)
        return found

    async def some_chunks(self, caller: Caller, knowledge_base_id: str, documents: int, each: int = 50) -> list[Chunk]:
        """The first ``each`` passages of up to ``documents`` documents, these evenly spread over their addresses."""
        await self.get(caller, knowledge_base_id)
        statement = (
            select(DocumentRow.id, DocumentRow.owner_id, DocumentRow.access)
            .where(DocumentRow.knowledge_base_id == knowledge_base_id)
            .order_by(DocumentRow.uri)
        )
        async with self._db.read() as session:
            rows = (await session.execute(statement)).all()
            seen = [row.id for row in rows if _may_see(caller, row.owner_id, row.access)]
            count = min(documents, len(seen))
            chosen = [seen[place * len(seen) // count] for place in range(count)]
            wanted = _chunks().where(ChunkRow.document_id.in_(chosen), ChunkRow.ordinal < each)
            found = (await session.execute(wanted.order_by(DocumentRow.uri, ChunkRow.ordinal))).all()
        return [_chunk(row) for row in found]

    async def delete_document(self, caller: Caller, document_id: str) -> Document:
        document = await self.document(caller, document_id)
        async with self._db.write() as session:
            await session.execute(delete(DocumentRow).where(DocumentRow.id == document_id))
            session.add(_change("delete", document.knowledge_base_id, document_id))
        return document

    async def remove(self, knowledge_base_id: str, uri: str, tx: Transaction | None = None) -> bool:
        """Delete what a source held before, for ingestion; tells whether there was something."""
        statement = delete(DocumentRow).where(
            DocumentRow.knowledge_base_id == knowledge_base_id, DocumentRow.uri == uri
        )
        async with self._db.write(tx) as session:
            document_id = (await session.execute(statement.returning(DocumentRow.id))).scalar_one_or_none()
            if document_id is not None:
                session.add(_change("delete", knowledge_base_id, document_id))
        return document_id is not None

    async def kept(self, knowledge_base_id: str, uris: Sequence[str], recipe: str) -> dict[str, tuple[str, str]]:
        """Of these sources the document and the blob, where they were read by ``recipe``; for ingestion."""
        statement = select(DocumentRow.uri, DocumentRow.id, DocumentRow.blob).where(
            DocumentRow.knowledge_base_id == knowledge_base_id, DocumentRow.uri.in_(uris), DocumentRow.recipe == recipe
        )
        async with self._db.read() as session:
            return {uri: (document_id, blob) for uri, document_id, blob in (await session.execute(statement)).all()}

    async def touch(
        self,
        document_ids: Sequence[str],
        source_id: str | None,
        tx: Transaction,
        validators: Mapping[str, str] | None = None,
    ) -> None:
        """The sources of these were read again and had not changed; ``validators`` are what one said this time."""
        found: dict[str, Any] = {"validators": dict(validators)} if validators else {}
        values = found | {"read_at": now(), "source_id": source_id, "missing_since": None}
        await tx.execute(update(DocumentRow).where(DocumentRow.id.in_(document_ids)).values(**values))

    async def vectors(self, knowledge_base_id: str, uri: str, generation_id: int) -> list[StoredVector]:
        """What a source's passages were embedded from, and to, for ingestion: the same again need not be embedded."""
        statement = (
            select(
                DocumentRow.title,
                ChunkRow.heading_path,
                ChunkRow.text,
                VectorRow.data,
                LateVectorRow.data.label("late"),
            )
            .join(ChunkRow, ChunkRow.document_id == DocumentRow.id)
            .join(VectorRow, VectorRow.chunk_id == ChunkRow.id)
            .outerjoin(
                LateVectorRow,
                and_(LateVectorRow.chunk_id == ChunkRow.id, LateVectorRow.generation_id == generation_id),
            )
            .where(
                DocumentRow.knowledge_base_id == knowledge_base_id,
                DocumentRow.uri == uri,
                VectorRow.generation_id == generation_id,
                VectorRow.kind == "chunk",
            )
        )
        async with self._db.read() as session:
            rows = (await session.execute(statement)).all()
        return [
            StoredVector(row.title, tuple(row.heading_path), row.text, Embedding(row.data, row.late)) for row in rows
        ]

    async def fingerprints(self, knowledge_base_id: str) -> list[tuple[str, int]]:
        """Address and fingerprint of every page of a site, for ingestion."""
        statement = select(DocumentRow.uri, DocumentRow.fingerprint).where(
            DocumentRow.knowledge_base_id == knowledge_base_id, DocumentRow.fingerprint.is_not(None)
        )
        async with self._db.read() as session:
            return [(uri, mark) for uri, mark in (await session.execute(statement)).all() if mark is not None]

    async def replace_document(
        self, new: NewDocument, chunks: Sequence[NewChunk], generation_id: int, tx: Transaction | None = None
    ) -> str:
        """Store ``new`` in place of whatever its source held before; one transaction. Returns the document's id."""
        async with self._db.write(tx) as session:
            document_id = await upsert_document(session, new, len(chunks))
            await session.execute(delete(ChunkRow).where(ChunkRow.document_id == document_id))
            await insert_chunks(session, new.knowledge_base_id, document_id, chunks, generation_id)
            await session.execute(
                update(KnowledgeBaseRow).where(KnowledgeBaseRow.id == new.knowledge_base_id).values(updated_at=now())
            )
            session.add(_change("upsert", new.knowledge_base_id, document_id))
        return document_id

    async def blobs_in_use(self) -> set[str]:
        """Checksums of the originals that some document needs."""
        async with self._db.read() as session:
            return set((await session.execute(select(DocumentRow.blob).distinct())).scalars())


def _change(op: str, knowledge_base_id: str, document_id: str) -> ChangeRow:
    return ChangeRow(op=op, knowledge_base_id=knowledge_base_id, document_id=document_id)


def _name_taken(name: str) -> InvalidInput:
    return InvalidInput(f"There is already a knowledge base called “{name}”. Choose another name.")


def _may_see(caller: Caller, owner_id: str, access: Iterable[str]) -> bool:
    return owner_id == caller.user_id or not caller.principals.isdisjoint(access)


def _bases() -> Select[*tuple[Any, ...]]:
    counts = (
        select(
            DocumentRow.knowledge_base_id,
            func.count().label("documents"),
            func.sum(DocumentRow.chunk_count).label("chunks"),
        )
        .group_by(DocumentRow.knowledge_base_id)
        .subquery()
    )
    return select(
        KnowledgeBaseRow,
        func.coalesce(counts.c.documents, 0).label("documents"),
        func.coalesce(counts.c.chunks, 0).label("chunks"),
    ).outerjoin(counts, counts.c.knowledge_base_id == KnowledgeBaseRow.id)


def _knowledge_base(row: Row[*tuple[Any, ...]]) -> KnowledgeBase:
    base, documents, chunks = row
    return KnowledgeBase(
        id=base.id,
        name=base.name,
        description=base.description,
        owner_id=base.owner_id,
        access=tuple(base.access),
        sample_questions=tuple(base.sample_questions),
        documents=documents,
        chunks=chunks,
        created_at=base.created_at,
        updated_at=base.updated_at,
    )


_DOCUMENT_COLUMNS = tuple(field.name for field in fields(Document))


def _documents() -> Select[*tuple[Any, ...]]:
    return select(*(getattr(DocumentRow, name) for name in _DOCUMENT_COLUMNS))


def _document(row: Row[*tuple[Any, ...]]) -> Document:
    values = dict(zip(_DOCUMENT_COLUMNS, row, strict=True))
    values["access"] = tuple(row.access)
    values["pages"] = tuple(row.pages)
    return Document(**values)


def _chunks() -> Select[*tuple[Any, ...]]:
    document = (
        DocumentRow.title,
        DocumentRow.uri,
        DocumentRow.media_type,
        DocumentRow.language,
        DocumentRow.read_at,
        DocumentRow.updated_at,
        DocumentRow.owner_id,
        DocumentRow.access,
    )
    chunk = (
        ChunkRow.id,
        ChunkRow.document_id,
        ChunkRow.knowledge_base_id,
        ChunkRow.ordinal,
        ChunkRow.start,
        ChunkRow.end,
        ChunkRow.text,
        ChunkRow.heading_path,
        ChunkRow.page,
    )
    return select(*chunk, *document).join(DocumentRow, DocumentRow.id == ChunkRow.document_id)


def _chunk(row: Row[*tuple[Any, ...]]) -> Chunk:
    return Chunk(
        id=row.id,
        document_id=row.document_id,
        knowledge_base_id=row.knowledge_base_id,
        ordinal=row.ordinal,
        start=row.start,
        end=row.end,
        text=row.text,
        heading_path=tuple(row.heading_path),
        page=row.page,
        title=row.title,
        uri=row.uri,
        media_type=row.media_type,
        read_at=row.read_at,
        changed_at=row.updated_at,
        language=row.language,
    )
