"""The schema: every table in one place, but for that of sources. Times are UTC; ids are random strings unless an index
needs integers.

Rows that a person owns carry ``owner_id``; rows that others may read carry ``access``, a list of principals
(``user:…``, ``group:…``, ``everyone``). Chunk and vector ids are never reused, since indexes outside the database
refer to them. ``changes`` is the sequence that those indexes follow.
"""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC, on databases that store none as well."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _: Dialect) -> datetime | None:
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, _: Dialect) -> datetime | None:
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


def new_id() -> str:
    """A random identifier that cannot be guessed."""
    return uuid4().hex


def now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    type_annotation_map = {  # noqa: RUF012 (SQLAlchemy reads it from the class)
        datetime: UtcDateTime,
        dict[str, Any]: JSON,
        list[str]: JSON,
        list[dict[str, Any]]: JSON,
        list[int]: JSON,
    }


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


class ChangeRow(Base):
    """One step of the change sequence. ``op``: upsert or delete a document, or delete a knowledge base.

    A row says which document to look at, not what it held: who follows it reads the present state.
    """

    __tablename__ = "changes"
    __table_args__ = ({"sqlite_autoincrement": True},)

    sequence: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    op: Mapped[str] = mapped_column(String(24))
    knowledge_base_id: Mapped[str] = mapped_column(String(32))
    document_id: Mapped[str | None] = mapped_column(String(32))
    at: Mapped[datetime] = mapped_column(default=now)


class ConversationRow(Base):
    __tablename__ = "conversations"

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    owner_id: Mapped[str] = mapped_column(String(200))
    access: Mapped[list[str]] = mapped_column(default=list)
    title: Mapped[str] = mapped_column(String(300))
    knowledge_base_id: Mapped[str | None] = mapped_column(ForeignKey("knowledge_bases.id", ondelete="SET NULL"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)
    deleted_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_conversations_owner", "owner_id", "updated_at"),)


class MessageRow(Base):
    """``state``: complete, or stopped by the person in mid-answer. ``extra`` is ``Answered.metadata``."""

    __tablename__ = "messages"
    __table_args__ = (Index("ix_messages_conversation", "conversation_id", "ordinal", unique=True),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    turn_id: Mapped[str] = mapped_column(String(32), index=True)
    ordinal: Mapped[int] = mapped_column(Integer)
    role: Mapped[str] = mapped_column(String(10))
    content: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(10), default="complete")
    refused: Mapped[bool] = mapped_column(default=False)
    closest: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    steps: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    extra: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)


class CitationRow(Base):
    """The evidence of a mark, as it was when the answer was given; the chunk may be gone since."""

    __tablename__ = "citations"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    chunk_id: Mapped[int] = mapped_column(Integer, index=True)
    document_id: Mapped[str] = mapped_column(String(32), index=True)
    title: Mapped[str] = mapped_column(Text)
    heading: Mapped[str] = mapped_column(Text, default="")
    url: Mapped[str] = mapped_column(Text)
    quote: Mapped[str] = mapped_column(Text)
    start: Mapped[int] = mapped_column(Integer)
    end: Mapped[int] = mapped_column(Integer)
    page: Mapped[int | None] = mapped_column(Integer)
    score: Mapped[float] = mapped_column(Float)
    read_at: Mapped[datetime | None]


class TurnRow(Base):
    """A question on its way. ``text`` is what had arrived, written about once a second (a heartbeat as well).

    ``state``: running, answered, stopped, failed, interrupted. ``runner`` says which process owns it.
    """

    __tablename__ = "turns"
    __table_args__ = (
        Index("ix_turns_conversation", "conversation_id", "started_at"),
        Index(
            "ix_turns_one_running",
            "conversation_id",
            unique=True,
            sqlite_where=text("state = 'running'"),
            postgresql_where=text("state = 'running'"),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    conversation_id: Mapped[str] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    owner_id: Mapped[str] = mapped_column(String(200))
    knowledge_base_id: Mapped[str | None] = mapped_column(String(32))
    model: Mapped[str] = mapped_column(String(300))
    question: Mapped[str] = mapped_column(Text)
    replaces: Mapped[str | None] = mapped_column(String(32))
    state: Mapped[str] = mapped_column(String(12), index=True)
    runner: Mapped[str] = mapped_column(String(40))
    text: Mapped[str] = mapped_column(Text, default="")
    code: Mapped[str | None] = mapped_column(String(20))
    error: Mapped[str] = mapped_column(Text, default="")
    retryable: Mapped[bool] = mapped_column(default=False)
    retry_after: Mapped[float | None] = mapped_column(Float)
    steps: Mapped[list[dict[str, Any]]] = mapped_column(default=list)
    started_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]


class FeedbackRow(Base):
    """One person's thumb on one message; ``rating`` is 1 or -1."""

    __tablename__ = "feedback"

    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    owner_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    rating: Mapped[int] = mapped_column(Integer)
    comment: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now)


class JobRow(Base):
    """An ingestion: a set of items of one knowledge base. ``state`` as PROTOCOL's status words.

    ``kind``: files, url, site, bucket. ``plan`` is its source's as of then: where to begin, how far to go. Counts are
    not stored: progress is a query over the items. ``error`` is the last failure.
    ``busy_seconds`` is how long items of it were being worked on, up to ``ticked_at`` (seconds since the epoch): what
    rates are measured against. ``series`` is how fast it was (``storage/series.py``). ``announced``: nobody waits to be
    told that it has ended. Of a site, ``shown_percentage`` is not to be fallen below, and ``quiet`` how many items have
    ended since pages were found.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_knowledge_base", "knowledge_base_id", "created_at"),
        Index("ix_jobs_source", "source_id", "state"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    knowledge_base_id: Mapped[str] = mapped_column(ForeignKey("knowledge_bases.id", ondelete="CASCADE"))
    owner_id: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(12), index=True)
    plan: Mapped[dict[str, Any] | None]
    source_id: Mapped[str | None] = mapped_column(String(32))
    error: Mapped[str] = mapped_column(Text, default="")
    busy_seconds: Mapped[float] = mapped_column(Float, default=0.0)
    ticked_at: Mapped[float | None] = mapped_column(Float)
    series: Mapped[dict[str, Any] | None]
    announced: Mapped[bool] = mapped_column(default=True)
    shown_percentage: Mapped[float] = mapped_column(Float, default=0.0)
    quiet: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)
    started_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(default=now)
    completed_at: Mapped[datetime | None]


class ItemRow(Base):
    """One file or URL of a job.

    ``state``: pending, in_progress, completed, skipped, failed, cancelled. ``outcome`` (of a completed item):
    indexed, unchanged or looked through (a sitemap, archive or bucket, which only leads to others). ``cause`` names
    the kind of a ``reason``. ``change`` is what became of its document: added, changed (``chunks_changed`` passages of
    it), unchanged, missing or removed. ``locator`` says where the bytes are: ``path:``, ``blob:``, ``url:``, ``page:``,
    ``sitemap:``, ``bucket:`` or ``object:``; ``gone:`` is a document that the reading did not meet; ``blob`` is the
    checksum of the stored copy that the item needs. ``depth`` counts links from where a site was begun, and is 1 for a
    file in an archive. ``lease_owner`` is drawn anew at each claim; a lease that has run out makes the item claimable
    again.
    ``attempts`` counts claims, ``failures`` those that ended in a passing trouble; ``not_before`` keeps a retry
    waiting. ``weight`` is about how many passages it will have, as far as name and size tell, and never changes.
    """

    __tablename__ = "items"
    __table_args__ = (
        Index("ix_items_job", "job_id", "ordinal"),
        Index("ix_items_claim", "job_id", "state", "attempts", "ordinal"),
        Index("ix_items_lease", "state", "lease_until"),
        Index("ix_items_source", "knowledge_base_id", "uri"),
        Index("ix_items_seen", "job_id", "uri"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    knowledge_base_id: Mapped[str] = mapped_column(String(32))
    ordinal: Mapped[int] = mapped_column(Integer)
    name: Mapped[str] = mapped_column(Text)
    uri: Mapped[str] = mapped_column(Text)
    locator: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(12))
    stage: Mapped[str] = mapped_column(String(20), default="file_processing")
    outcome: Mapped[str | None] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Text, default="")
    cause: Mapped[str] = mapped_column(String(24), default="")
    change: Mapped[str] = mapped_column(String(10), default="")
    chunks_changed: Mapped[int] = mapped_column(Integer, default=0)
    depth: Mapped[int] = mapped_column(Integer, default=0)
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    lease_owner: Mapped[str | None] = mapped_column(String(40))
    lease_until: Mapped[datetime | None]
    not_before: Mapped[datetime | None]
    blob: Mapped[str | None] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(Integer, default=0)
    weight: Mapped[float] = mapped_column(Float, default=1.0)
    chunks_total: Mapped[int] = mapped_column(Integer, default=0)
    chunks_done: Mapped[int] = mapped_column(Integer, default=0)
    batches_total: Mapped[int] = mapped_column(Integer, default=0)
    batches_done: Mapped[int] = mapped_column(Integer, default=0)
    document_id: Mapped[str | None] = mapped_column(String(32))
    started_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(default=now)
    completed_at: Mapped[datetime | None]


class StagedVectorRow(Base):
    """A vector made for an item that is not stored as a document yet, so that an interruption costs one batch at most.

    ``key`` is a hash of generation and embedded text: whoever finds a row under it may use it.
    """

    __tablename__ = "staged_vectors"

    item_id: Mapped[str] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)


class NoticeRow(Base):
    """What one channel (webhook, email) is to tell of a job's end. ``state``: waiting, sent or given_up."""

    __tablename__ = "notices"
    __table_args__ = (Index("ix_notices_waiting", "state", "not_before"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    job_id: Mapped[str] = mapped_column(String(32))
    channel: Mapped[str] = mapped_column(String(10))
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    body: Mapped[dict[str, Any]]
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    not_before: Mapped[datetime] = mapped_column(default=now)
    error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None]
