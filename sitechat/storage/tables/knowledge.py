"""Knowledge bases, their documents and passages, the vectors of these, and the sequence that indexes follow."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from sitechat.storage.tables.base import Base, new_id, now


class KnowledgeBaseRow(Base):
    __tablename__ = "knowledge_bases"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text, default="")
    owner_id: Mapped[str] = mapped_column(String(200), index=True)
    access: Mapped[list[str]]
    sample_questions: Mapped[list[str]] = mapped_column(default=list)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (UniqueConstraint("owner_id", "name"),)


class DocumentRow(Base):
    """``text`` is what was extracted; all offsets are into it. ``blob`` is the SHA-256 of the original bytes.

    ``flags`` are what a person should look at: kind and excerpt of each. ``validators`` are request headers that ask
    its site whether it has changed; ``fingerprint`` is a SimHash of the text as a signed 64-bit number, of pages of a
    site only. ``source_id`` is the source that it was last read from, ``missing_since`` when that no longer had it.
    ``language`` is an ISO 639-1 code, empty where it is not known.
    """

    __tablename__ = "documents"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    knowledge_base_id: Mapped[str] = mapped_column(ForeignKey("knowledge_bases.id", ondelete="CASCADE"))
    owner_id: Mapped[str] = mapped_column(String(200))
    access: Mapped[list[str]]
    uri: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    media_type: Mapped[str] = mapped_column(String(100))
    blob: Mapped[str] = mapped_column(String(64))
    recipe: Mapped[str] = mapped_column(String(100))
    text: Mapped[str] = mapped_column(Text)
    pages: Mapped[list[int]]
    chunk_count: Mapped[int] = mapped_column(Integer, default=0)
    size: Mapped[int] = mapped_column(Integer)
    flags: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    validators: Mapped[dict[str, Any]] = mapped_column(default=dict)
    fingerprint: Mapped[int | None] = mapped_column(BigInteger)
    source_id: Mapped[str | None] = mapped_column(String(32))
    missing_since: Mapped[datetime | None]
    language: Mapped[str] = mapped_column(String(8), default="")
    read_at: Mapped[datetime] = mapped_column(default=now)
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)

    __table_args__ = (
        UniqueConstraint("knowledge_base_id", "uri"),
        Index("ix_documents_source", "source_id", "missing_since"),
    )


class ChunkRow(Base):
    """A passage: ``document.text[start:end]``."""

    __tablename__ = "chunks"
    __table_args__ = (
        Index("ix_chunks_document", "document_id", "ordinal"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    document_id: Mapped[str] = mapped_column(ForeignKey("documents.id", ondelete="CASCADE"))
    knowledge_base_id: Mapped[str] = mapped_column(String(32))
    ordinal: Mapped[int] = mapped_column(Integer)
    start: Mapped[int] = mapped_column(Integer)
    end: Mapped[int] = mapped_column(Integer)
    text: Mapped[str] = mapped_column(Text)
    heading_path: Mapped[list[str]]
    page: Mapped[int | None] = mapped_column(Integer)


class GenerationRow(Base):
    """One embedding model's set of vectors. ``state``: building, active or retired; one is active at most."""

    __tablename__ = "generations"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    embedding: Mapped[str] = mapped_column(String(300))
    dimension: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(10), index=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class VectorRow(Base):
    """A stored vector of a chunk: its own (``kind`` chunk), or of a window or sentence of it.

    ``start`` and ``end`` are offsets into the chunk's text; ``data`` is little-endian float32.
    """

    __tablename__ = "vectors"
    __table_args__ = (
        Index("ix_vectors_chunk", "chunk_id", "generation_id"),
        Index("ix_vectors_generation", "generation_id", "id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    chunk_id: Mapped[int] = mapped_column(ForeignKey("chunks.id", ondelete="CASCADE"))
    generation_id: Mapped[int] = mapped_column(ForeignKey("generations.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(10), default="chunk")
    start: Mapped[int] = mapped_column(Integer)
    end: Mapped[int] = mapped_column(Integer)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class LateVectorRow(Base):
    """The vectors of a chunk's parts in one piece (:mod:`vectorstore.late`): read of candidates only, at each question.

    No row: they have not been made, or the generation's embedding model makes none.
    """

    __tablename__ = "late_vectors"

    chunk_id: Mapped[int] = mapped_column(ForeignKey("chunks.id", ondelete="CASCADE"), primary_key=True)
    generation_id: Mapped[int] = mapped_column(ForeignKey("generations.id", ondelete="CASCADE"), primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class ChangeRow(Base):
    """One step of the change sequence. ``op``: upsert or delete a document, or delete a knowledge base.

    A row says which document to look at, not what it held: who follows it reads the present state.
    """

    __tablename__ = "changes"
    __table_args__ = (
        Index("ix_changes_knowledge_base", "knowledge_base_id", "sequence"),
        {"sqlite_autoincrement": True},
    )

    sequence: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    op: Mapped[str] = mapped_column(String(24))
    knowledge_base_id: Mapped[str] = mapped_column(String(32))
    document_id: Mapped[str | None] = mapped_column(String(32))
    at: Mapped[datetime] = mapped_column(default=now)
