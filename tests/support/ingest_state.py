"""What a data directory holds, once its parts have been found to agree: what must not depend on kills and faults."""

import hashlib
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sqlalchemy import func, select, text

from sitechat.ingestion.blobs import BlobStore
from sitechat.storage.engine import Database
from sitechat.storage.tables import ChunkRow, DocumentRow, ItemRow, LateVectorRow, StagedVectorRow, VectorRow
from sitechat.storage.vectors import Generation, VectorsStore
from vectorstore.base import Filter
from vectorstore.factory import open_store, open_text_index

Place = tuple[str, int]
"""A passage: the source of its document, and its number there."""


@dataclass(frozen=True)
class State:
    """Documents by their source, the items of a job, and passages with their vectors and those of their parts."""

    documents: dict[str, tuple[str, str, str, int]]
    items: list[tuple[str, str, str]]
    passages: dict[Place, str]
    vectors: dict[Place, bytes]
    late: dict[Place, bytes]

    def outside(self, *prefixes: str) -> "State":
        """Without the sources whose names begin so."""
        return State(
            {uri: document for uri, document in self.documents.items() if not uri.startswith(prefixes)},
            [item for item in self.items if not item[0].startswith(prefixes)],
            {place: passage for place, passage in self.passages.items() if not place[0].startswith(prefixes)},
            {place: vector for place, vector in self.vectors.items() if not place[0].startswith(prefixes)},
            {place: parts for place, parts in self.late.items() if not place[0].startswith(prefixes)},
        )


async def state_of(home: Path, name: str) -> State:
    """The state that a process which has ended left behind; NAME is that of the last job.

    Raises ``AssertionError`` where database, indexes and originals do not agree with each other.
    """
    data, job = home / "data", (home / f"{name}.job").read_text()
    db = await Database.open(data / "sitechat.db")
    try:
        return await _state(db, data, job)
    finally:
        await db.close()


async def _state(db: Database, data: Path, job: str) -> State:
    async with db.read() as session:
        assert (await session.execute(text("PRAGMA integrity_check"))).scalar_one() == "ok"
        assert (await session.execute(text("PRAGMA foreign_key_check"))).all() == []
        documents = (await session.execute(select(DocumentRow))).scalars().all()
        items = (await session.execute(select(ItemRow))).scalars().all()
        chunks = (await session.execute(select(ChunkRow))).scalars().all()
        vectors = (await session.execute(select(VectorRow.chunk_id, VectorRow.data))).all()
        late = (await session.execute(select(LateVectorRow.chunk_id, LateVectorRow.data))).all()
        staged = (await session.execute(select(func.count()).select_from(StagedVectorRow))).scalar_one()
    ended = ("completed", "skipped", "failed", "cancelled")
    assert not [item.name for item in items if item.state not in ended], "every item has ended"
    assert not staged, "no vector waits for a document"
    assert Counter(chunk_id for chunk_id, _ in vectors) == Counter(c.id for c in chunks), "one vector for each passage"
    assert Counter(chunk_id for chunk_id, _ in late) == Counter(c.id for c in chunks), "and those of its parts"
    texts = {document.id: document.text for document in documents}
    assert all(texts[chunk.document_id][chunk.start : chunk.end] == chunk.text for chunk in chunks)
    assert Counter(chunk.document_id for chunk in chunks) == Counter({d.id: d.chunk_count for d in documents})
    uris = {document.id: document.uri for document in documents}
    places = {chunk.id: (uris[chunk.document_id], chunk.ordinal) for chunk in chunks}
    stored = {chunk_id: bytes(vector) for chunk_id, vector in vectors}
    needed = {d.blob for d in documents} | {i.blob for i in items if i.blob is not None and i.state == "failed"}
    assert _originals(data / "blobs") == needed, "an original for each document, and no other"
    await _indexes_agree(db, data / "indexes", {d.id: d.chunk_count for d in documents}, stored)
    return State(
        documents={d.uri: (d.blob, d.text, d.title, d.chunk_count) for d in documents},
        items=sorted((item.name, item.state, item.reason) for item in items if item.job_id == job),
        passages={places[chunk.id]: chunk.text for chunk in chunks},
        vectors={places[chunk_id]: vector for chunk_id, vector in stored.items()},
        late={places[chunk_id]: bytes(parts) for chunk_id, parts in late},
    )


async def _indexes_agree(db: Database, folder: Path, sizes: dict[str, int], vectors: dict[int, bytes]) -> None:
    """Both indexes, as they lie on the disk, hold exactly what the database holds."""
    store = VectorsStore(db)
    head = await store.head()
    (generation,) = await store.generations()
    _dense_agrees(folder, generation, head, sizes, vectors)
    words = open_text_index(folder / "fulltext", read_only=True)
    assert words.sequence == head
    assert words.count() == len(vectors)
    assert {i: words.count(Filter(document_ids=frozenset({i}))) for i in sizes} == sizes
    assert sorted(os.listdir(folder)) == [f"dense-{generation.id}.faiss", "fulltext"]


def _dense_agrees(
    folder: Path, generation: Generation, head: int, sizes: dict[str, int], vectors: dict[int, bytes]
) -> None:
    facts = {"spec": generation.embedding, "dimension": generation.dimension, "exact_limit": 1000}
    dense = open_store(folder / f"dense-{generation.id}.faiss", generation=generation.id, **facts)  # type: ignore[arg-type]
    try:
        assert dense.sequence == head
        assert dense.count() == len(vectors)
        assert {i: dense.count(Filter(document_ids=frozenset({i}))) for i in sizes} == sizes
        found = dense.vectors_of(vectors)
        assert {i: np.ascontiguousarray(found[i], "<f4").tobytes() for i in vectors} == vectors
    finally:
        dense.close()


def _originals(folder: Path) -> set[str]:
    blobs = BlobStore(folder)
    kept = blobs.kept()
    assert all(hashlib.sha256(blobs.path(name).read_bytes()).hexdigest() == name for name in kept)
    assert [path.name for path in (folder / "incoming").glob("*")] == [], "nothing is left of interrupted writes"
    return kept
