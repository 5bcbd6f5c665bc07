"""The journal of ingestion: sources, jobs, their items, vectors on their way, and what is told of ends."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Float,
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


class SourceRow(Base):
    """What a knowledge base is fed from and can be read again: ``kind`` site, url or files (at paths of the server).

    ``plan`` says where it is and how far to go, ``key`` what of that makes it the same source at another time.
    ``schedule`` is a cron expression and ``next_at`` when it comes next. ``grace``: days until a missing document is
    removed; null as the settings say.
    """

    __tablename__ = "sources"
    __table_args__ = (
        UniqueConstraint("knowledge_base_id", "kind", "key"),
        Index("ix_sources_next", "next_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    knowledge_base_id: Mapped[str] = mapped_column(ForeignKey("knowledge_bases.id", ondelete="CASCADE"))
    owner_id: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(20))
    key: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    plan: Mapped[dict[str, Any]]
    schedule: Mapped[str | None] = mapped_column(String(200))
    next_at: Mapped[datetime | None]
    grace: Mapped[int | None] = mapped_column(Integer)
    last_job_id: Mapped[str | None] = mapped_column(String(32))
    created_at: Mapped[datetime] = mapped_column(default=now)


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

    ``key`` is a hash of generation and embedded text: whoever finds a row under it may use it. ``late`` holds the
    vectors of the passage's parts, where there are any.
    """

    __tablename__ = "staged_vectors"

    item_id: Mapped[str] = mapped_column(ForeignKey("items.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)
    late: Mapped[bytes | None] = mapped_column(LargeBinary)


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
