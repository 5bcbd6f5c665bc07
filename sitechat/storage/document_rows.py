"""Writes a document with its passages and their vectors."""

from collections.abc import Sequence

from sqlalchemy import insert
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from sitechat.storage.tables import ChunkRow, DocumentRow, LateVectorRow, VectorRow, new_id, now
from sitechat.storage.values import NewChunk, NewDocument


async def upsert_document(session: AsyncSession, new: NewDocument, chunk_count: int) -> str:
    values = {
        "title": new.title,
        "media_type": new.media_type,
        "blob": new.blob,
        "recipe": new.recipe,
        "text": new.text,
        "pages": list(new.pages),
        "size": new.size,
        "flags": [dict(flag) for flag in new.flags],
        "validators": dict(new.validators),
        "fingerprint": new.fingerprint,
        "source_id": new.source_id,
        "missing_since": None,
        "language": new.language,
        "chunk_count": chunk_count,
        "owner_id": new.owner_id,
        "access": list(new.access),
        "read_at": now(),
        "updated_at": now(),
    }
    statement = upsert(DocumentRow).values(
        id=new_id(), knowledge_base_id=new.knowledge_base_id, uri=new.uri, created_at=now(), **values
    )
    statement = statement.on_conflict_do_update(index_elements=["knowledge_base_id", "uri"], set_=values)
    return (await session.execute(statement.returning(DocumentRow.id))).scalar_one()


async def insert_chunks(
    session: AsyncSession,
    knowledge_base_id: str,
    document_id: str,
    chunks: Sequence[NewChunk],
    generation_id: int,
) -> None:
    if not chunks:
        return
    rows = [
        {
            "document_id": document_id,
            "knowledge_base_id": knowledge_base_id,
            "ordinal": ordinal,
            "start": chunk.start,
            "end": chunk.end,
            "text": chunk.text,
            "heading_path": list(chunk.heading_path),
            "page": chunk.page,
        }
        for ordinal, chunk in enumerate(chunks)
    ]
    # Asked for in the order of the rows, SQLite would be given one statement a row.
    stored = (await session.execute(insert(ChunkRow).returning(ChunkRow.ordinal, ChunkRow.id), rows)).all()
    ids = [chunk_id for _, chunk_id in sorted((ordinal, chunk_id) for ordinal, chunk_id in stored)]
    vectors = [
        {
            "chunk_id": chunk_id,
            "generation_id": generation_id,
            "kind": vector.kind,
            "start": vector.start,
            "end": vector.end,
            "data": vector.data,
        }
        for chunk_id, chunk in zip(ids, chunks, strict=True)
        for vector in chunk.vectors
    ]
    if vectors:
        await session.execute(insert(VectorRow), vectors)
    late = [
        {"chunk_id": chunk_id, "generation_id": generation_id, "data": chunk.late}
        for chunk_id, chunk in zip(ids, chunks, strict=True)
        if chunk.late is not None
    ]
    if late:
        await session.execute(insert(LateVectorRow), late)
