"""Answers that may be given again."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from sitechat.storage.tables.base import Base, now


class CachedAnswerRow(Base):
    """A message that answers whoever asks the same in the same ``scope`` again; it goes when the message goes.

    ``scope``, ``context`` (what was said before, empty where nothing), ``wording`` and ``meaning`` are hashes.
    ``vector`` is the question's, little-endian float32. ``passages`` are those that the answer was made from.
    ``watch`` says among which passages a newer one is looked for, ``search`` how to search again for that.
    ``indexed`` is the newest change that was searched; ``checked`` that up to which the entry is known to stand.
    """

    __tablename__ = "cached_answers"
    __table_args__ = (
        UniqueConstraint("scope", "context", "wording"),
        Index("ix_cached_answers_meaning", "scope", "meaning"),
        Index("ix_cached_answers_knowledge_base", "knowledge_base_id", "id"),
        Index("ix_cached_answers_message", "message_id"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    message_id: Mapped[str] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"))
    knowledge_base_id: Mapped[str] = mapped_column(ForeignKey("knowledge_bases.id", ondelete="CASCADE"))
    owner_id: Mapped[str] = mapped_column(String(200))
    scope: Mapped[str] = mapped_column(String(64))
    context: Mapped[str] = mapped_column(String(64))
    wording: Mapped[str] = mapped_column(String(64))
    meaning: Mapped[str] = mapped_column(String(64))
    vector: Mapped[bytes] = mapped_column(LargeBinary)
    passages: Mapped[list[dict[str, Any]]]
    watch: Mapped[str] = mapped_column(String(10))
    search: Mapped[dict[str, Any]]
    indexed: Mapped[int] = mapped_column(Integer)
    checked: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(default=now)
