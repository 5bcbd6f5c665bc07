"""The table of sources, which jobs and documents name."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from sitechat.storage.tables import Base, new_id, now


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
