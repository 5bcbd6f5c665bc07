"""Embedding generations, stored vectors, and the change sequence as the indexes read it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, func, insert, or_, select, update

from sitechat.storage.engine import Database
from sitechat.storage.tables import ChangeRow, ChunkRow, DocumentRow, GenerationRow, LateVectorRow, VectorRow
from sitechat.storage.values import Embedding
from vectorstore.base import Scope, TextRecord, VectorRecord

HEADING_SEPARATOR = " › "
Op = Literal["upsert", "delete", "delete_knowledge_base"]


@dataclass(frozen=True, slots=True)
class Generation:
    """One embedding model's set of vectors. ``state``: building, active or retired."""

    id: int
    embedding: str
    dimension: int
    state: Literal["building", "active", "retired"]


@dataclass(frozen=True, slots=True)
class Change:
    sequence: int
    op: Op
    knowledge_base_id: str
    document_id: str | None


@dataclass(frozen=True, slots=True)
class PlainChunk:
    """A chunk that waits for its vector in a generation or, where it has that (``known``), for those of its parts."""

    id: int
    title: str
    heading_path: tuple[str, ...]
    text: str
    known: bool = False


class VectorsStore:
    def __init__(self, db: Database) -> None:
        self._db = db

    # Generations

    async def generations(self) -> list[Generation]:
        """All that are not retired, oldest first."""
        statement = select(GenerationRow).where(GenerationRow.state != "retired").order_by(GenerationRow.id)
        async with self._db.read() as session:
            return [_generation(row) for row in (await session.execute(statement)).scalars()]

    async def add_generation(self, embedding: str, dimension: int, state: Literal["building", "active"]) -> Generation:
        row = GenerationRow(embedding=embedding, dimension=dimension, state=state)
        async with self._db.write() as session:
            session.add(row)
            await session.flush()
        return _generation(row)

    async def activate(self, generation_id: int) -> None:
        """Serve from this generation; the others' vectors are deleted in the same transaction."""
        async with self._db.write() as session:
            await session.execute(update(GenerationRow).values(state="retired"))
            await session.execute(update(GenerationRow).where(GenerationRow.id == generation_id).values(state="active"))
            for table in (VectorRow, LateVectorRow):
                await session.execute(delete(table).where(table.generation_id != generation_id))

    async def discard(self, generation_id: int) -> None:
        """Give up a generation that is no longer wanted."""
        async with self._db.write() as session:
            for table in (VectorRow, LateVectorRow):
                await session.execute(delete(table).where(table.generation_id == generation_id))
            await session.execute(
                update(GenerationRow).where(GenerationRow.id == generation_id).values(state="retired")
            )

    async def chunks_without(
        self, generation_id: int, limit: int, *, after: int = 0, late: bool = False
    ) -> list[PlainChunk]:
        """Chunks with ids above ``after`` that have no vector of their own in the generation, oldest first.

        ``late``: also those that have none of their parts.
        """
        own = select(VectorRow.id).where(
            VectorRow.chunk_id == ChunkRow.id,
            VectorRow.generation_id == generation_id,
            VectorRow.kind == "chunk",
        )
        parts = select(LateVectorRow.chunk_id).where(
            LateVectorRow.chunk_id == ChunkRow.id, LateVectorRow.generation_id == generation_id
        )
        known = own.exists()
        statement = (
            select(ChunkRow.id, DocumentRow.title, ChunkRow.heading_path, ChunkRow.text, known.label("known"))
            .join(DocumentRow, DocumentRow.id == ChunkRow.document_id)
            .where(ChunkRow.id > after, or_(~known, ~parts.exists()) if late else ~known)
            .order_by(ChunkRow.id)
            .limit(limit)
        )
        async with self._db.read() as session:
            rows = (await session.execute(statement)).all()
        return [PlainChunk(row.id, row.title, tuple(row.heading_path), row.text, row.known) for row in rows]

    async def add_vectors(self, generation_id: int, made: Sequence[tuple[PlainChunk, Embedding]]) -> None:
        """Give chunks the vectors that they waited for. Chunks deleted meanwhile are left out.

        Documents that got vectors enter the change sequence, so that the indexes look at them again.
        """
        async with self._db.write() as session:
            wanted = [chunk.id for chunk, _ in made]
            present = set((await session.execute(select(ChunkRow.id).where(ChunkRow.id.in_(wanted)))).scalars())
            there = [(chunk, each) for chunk, each in made if chunk.id in present]
            new = [(chunk, each.vector) for chunk, each in there if not chunk.known]
            late = [
                {"chunk_id": chunk.id, "generation_id": generation_id, "data": each.late}
                for chunk, each in there
                if each.late is not None
            ]
            if new:
                await session.execute(insert(VectorRow), [_vector(generation_id, *each) for each in new])
                ids = [chunk.id for chunk, _ in new]
                touched = select(ChunkRow.knowledge_base_id, ChunkRow.document_id).where(ChunkRow.id.in_(ids))
                for base_id, document_id in (await session.execute(touched.distinct())).all():
                    session.add(ChangeRow(op="upsert", knowledge_base_id=base_id, document_id=document_id))
            if late:
                await session.execute(insert(LateVectorRow).prefix_with("OR REPLACE", dialect="sqlite"), late)

    async def late(self, generation_id: int, chunk_ids: Collection[int]) -> dict[int, bytes]:
        """The vectors of these chunks' parts, of those that have them."""
        statement = select(LateVectorRow.chunk_id, LateVectorRow.data).where(
            LateVectorRow.chunk_id.in_(chunk_ids), LateVectorRow.generation_id == generation_id
        )
        async with self._db.read() as session:
            return {row.chunk_id: row.data for row in (await session.execute(statement)).all()}

    # The change sequence

    async def head(self) -> int:
        """The newest sequence number; 0 where nothing ever changed."""
        async with self._db.read() as session:
            return (await session.execute(select(func.max(ChangeRow.sequence)))).scalar_one() or 0

    async def changes(self, after: int, limit: int = 500) -> list[Change]:
        statement = select(ChangeRow).where(ChangeRow.sequence > after).order_by(ChangeRow.sequence).limit(limit)
        async with self._db.read() as session:
            rows = (await session.execute(statement)).scalars().all()
        return [Change(r.sequence, r.op, r.knowledge_base_id, r.document_id) for r in rows]  # type: ignore[arg-type]

    async def document_ids(self) -> list[str]:
        async with self._db.read() as session:
            return list((await session.execute(select(DocumentRow.id).order_by(DocumentRow.id))).scalars())

    async def vector_records(
        self, generation: Generation, document_ids: Sequence[str]
    ) -> tuple[list[VectorRecord], NDArray[np.float32]]:
        """The stored vectors of these documents: records, and an array of shape ``(len(records), dimension)``."""
        statement = (
            select(
                VectorRow.id,
                VectorRow.chunk_id,
                VectorRow.kind,
                VectorRow.data,
                DocumentRow.id.label("document_id"),
                DocumentRow.knowledge_base_id,
                DocumentRow.owner_id,
                DocumentRow.access,
            )
            .join(ChunkRow, ChunkRow.id == VectorRow.chunk_id)
            .join(DocumentRow, DocumentRow.id == ChunkRow.document_id)
            .where(VectorRow.generation_id == generation.id, ChunkRow.document_id.in_(document_ids))
            .order_by(VectorRow.id)
        )
        async with self._db.read() as session:
            rows = (await session.execute(statement)).all()
        records = [
            VectorRecord(
                row.id,
                row.chunk_id,
                row.kind,
                Scope(row.knowledge_base_id, row.document_id, row.owner_id, tuple(row.access)),
            )
            for row in rows
        ]
        data = b"".join(row.data for row in rows)
        vectors = np.frombuffer(data, dtype="<f4").astype(np.float32, copy=False)
        return records, vectors.reshape(len(rows), generation.dimension)

    async def text_records(self, document_ids: Sequence[str]) -> list[TextRecord]:
        statement = (
            select(ChunkRow, DocumentRow.title, DocumentRow.owner_id, DocumentRow.access, DocumentRow.language)
            .join(DocumentRow, DocumentRow.id == ChunkRow.document_id)
            .where(ChunkRow.document_id.in_(document_ids))
            .order_by(ChunkRow.id)
        )
        async with self._db.read() as session:
            rows = (await session.execute(statement)).all()
        return [
            TextRecord(
                chunk.id,
                Scope(chunk.knowledge_base_id, chunk.document_id, owner_id, tuple(access)),
                title,
                HEADING_SEPARATOR.join(chunk.heading_path),
                chunk.text,
                language,
            )
            for chunk, title, owner_id, access, language in rows
        ]


def _vector(generation_id: int, chunk: PlainChunk, data: bytes) -> dict[str, object]:
    return {
        "chunk_id": chunk.id,
        "generation_id": generation_id,
        "kind": "chunk",
        "start": 0,
        "end": len(chunk.text),
        "data": data,
    }


def _generation(row: GenerationRow) -> Generation:
    return Generation(row.id, row.embedding, row.dimension, row.state)  # type: ignore[arg-type]
