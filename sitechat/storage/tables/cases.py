"""Questions whose right answer a person has told: every later evaluation asks them."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from sitechat.storage.tables.base import Base, new_id, now


class CaseRow(Base):
    """``uri`` is the page that answers the question, ``wording`` what its answer should hold; with neither, it is to be
    refused. ``history`` are the questions asked before it, ``message_id`` the answer that was judged."""

    __tablename__ = "cases"
    __table_args__ = (
        UniqueConstraint("owner_id", "message_id"),
        Index("ix_cases_base", "knowledge_base_id", "owner_id"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    owner_id: Mapped[str] = mapped_column(String(200))
    knowledge_base_id: Mapped[str] = mapped_column(ForeignKey("knowledge_bases.id", ondelete="CASCADE"))
    message_id: Mapped[str | None] = mapped_column(ForeignKey("messages.id", ondelete="SET NULL"))
    question: Mapped[str] = mapped_column(Text)
    history: Mapped[list[str]] = mapped_column(default=list)
    uri: Mapped[str | None] = mapped_column(Text)
    wording: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(default=now)
