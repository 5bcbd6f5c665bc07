"""Answers that may be given again: what each depends on, and the changes that tell whether it still stands."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import and_, delete, func, or_, select, update

from sitechat.storage.engine import Database, Transaction
from sitechat.storage.tables import (
    CachedAnswerRow,
    ChangeRow,
    ChunkRow,
    ConversationRow,
    DocumentRow,
    GenerationRow,
    MessageRow,
)

Watch = Literal["hits", "candidates", "all"]


@dataclass(frozen=True, slots=True)
class Mark:
    """A knowledge base's newest change, 0 where nothing ever changed, and the embedding generation in use."""

    newest: int
    generation: int | None


@dataclass(frozen=True, slots=True)
class KeptPassage:
    """A passage that an answer was made from: ``digest`` is of its words, ``chunk`` where they are at present.

    ``cited_as`` is the chunk that the answer's citations name, and ``start`` where that began in the document.
    """

    chunk: int
    cited_as: int
    document: str
    start: int
    digest: str


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """As :class:`~sitechat.storage.tables.CachedAnswerRow`; ``id`` is None before it is stored."""

    message_id: str
    knowledge_base_id: str
    owner_id: str
    scope: str
    context: str
    wording: str
    meaning: str
    vector: bytes
    passages: tuple[KeptPassage, ...]
    watch: Watch
    search: dict[str, Any]
    indexed: int
    checked: int
    id: int | None = None


class CachedAnswerStore:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def mark(self, knowledge_base_id: str) -> Mark:
        newest = select(func.max(ChangeRow.sequence)).where(ChangeRow.knowledge_base_id == knowledge_base_id)
        active = select(func.max(GenerationRow.id)).where(GenerationRow.state == "active")
        async with self._db.read() as session:
            row = (await session.execute(select(newest.scalar_subquery(), active.scalar_subquery()))).one()
        return Mark(row[0] or 0, row[1])

    async def principals(self, knowledge_base_id: str, after: int) -> set[str]:
        """All that documents which changed after a change (0: all documents) name as their readers."""
        statement = select(DocumentRow.access).where(DocumentRow.knowledge_base_id == knowledge_base_id).distinct()
        if after:
            changed = select(ChangeRow.document_id).where(
                ChangeRow.knowledge_base_id == knowledge_base_id, ChangeRow.sequence > after
            )
            statement = statement.where(DocumentRow.id.in_(changed))
        async with self._db.read() as session:
            return {name for access in (await session.execute(statement)).scalars() for name in access}

    async def find(
        self,
        scope: str,
        contexts: Collection[str],
        wording: str,
        meaning: str,
        owner_id: str,
        since: datetime,
    ) -> list[CachedAnswer]:
        """Those of the same wording, of anybody, and of the same meaning, of this person; the closest first.

        None whose conversation was deleted, also while that can be undone.
        """
        same = CachedAnswerRow.wording == wording
        alike = and_(CachedAnswerRow.meaning == meaning, CachedAnswerRow.owner_id == owner_id)
        statement = (
            select(CachedAnswerRow)
            .join(MessageRow, MessageRow.id == CachedAnswerRow.message_id)
            .join(ConversationRow, ConversationRow.id == MessageRow.conversation_id)
            .where(
                CachedAnswerRow.scope == scope,
                CachedAnswerRow.context.in_(contexts),
                or_(same, alike),
                CachedAnswerRow.created_at >= since,
                ConversationRow.deleted_at.is_(None),
            )
            .order_by(same.desc(), CachedAnswerRow.context.desc(), CachedAnswerRow.id.desc())
        )
        async with self._db.read() as session:
            return [_value(row) for row in (await session.execute(statement)).scalars()]

    async def add(self, new: CachedAnswer, since: datetime, most: int, tx: Transaction) -> None:
        """In place of one for the same question; older than ``since`` and beyond the ``most`` newest are dropped."""
        here = CachedAnswerRow.knowledge_base_id == new.knowledge_base_id
        await tx.execute(
            delete(CachedAnswerRow).where(
                CachedAnswerRow.scope == new.scope,
                CachedAnswerRow.context == new.context,
                CachedAnswerRow.wording == new.wording,
            )
        )
        tx.add(_row(new))
        await tx.flush()
        beyond = select(CachedAnswerRow.id).where(here).order_by(CachedAnswerRow.id.desc()).offset(most).limit(1)
        too_many = CachedAnswerRow.id <= beyond.scalar_subquery()
        await tx.execute(delete(CachedAnswerRow).where(or_(CachedAnswerRow.created_at < since, and_(here, too_many))))

    async def drop(self, entry_id: int) -> None:
        async with self._db.write() as session:
            await session.execute(delete(CachedAnswerRow).where(CachedAnswerRow.id == entry_id))

    async def withdraw(self, message_id: str, tx: Transaction | None = None) -> None:
        """Do not give this answer again, nor the one that it repeated."""
        repeated = select(MessageRow.extra["cached_from"].as_string()).where(MessageRow.id == message_id)
        these = or_(CachedAnswerRow.message_id == message_id, CachedAnswerRow.message_id == repeated.scalar_subquery())
        async with self._db.write(tx) as session:
            await session.execute(delete(CachedAnswerRow).where(these))

    async def confirm(self, entry_id: int, passages: Sequence[KeptPassage], checked: int) -> None:
        """The entry stands as of a change; ``passages`` are where they are now."""
        values = {"passages": [asdict(each) for each in passages], "checked": checked}
        async with self._db.write() as session:
            await session.execute(update(CachedAnswerRow).where(CachedAnswerRow.id == entry_id).values(**values))

    async def written_since(
        self, knowledge_base_id: str, sequence: int, document_ids: Collection[str] | None = None
    ) -> set[str]:
        """Of these documents, or of all, those that were written after a change."""
        statement = select(ChangeRow.document_id).where(
            ChangeRow.knowledge_base_id == knowledge_base_id, ChangeRow.sequence > sequence, ChangeRow.op == "upsert"
        )
        if document_ids is not None:
            statement = statement.where(ChangeRow.document_id.in_(document_ids))
        async with self._db.read() as session:
            return {each for each in (await session.execute(statement.distinct())).scalars() if each is not None}

    async def chunks_of(self, document_ids: Collection[str]) -> list[int]:
        """Ids of all passages of these documents."""
        statement = select(ChunkRow.id).where(ChunkRow.document_id.in_(document_ids))
        async with self._db.read() as session:
            return list((await session.execute(statement)).scalars())


def _row(new: CachedAnswer) -> CachedAnswerRow:
    return CachedAnswerRow(
        message_id=new.message_id,
        knowledge_base_id=new.knowledge_base_id,
        owner_id=new.owner_id,
        scope=new.scope,
        context=new.context,
        wording=new.wording,
        meaning=new.meaning,
        vector=new.vector,
        passages=[asdict(each) for each in new.passages],
        watch=new.watch,
        search=new.search,
        indexed=new.indexed,
        checked=new.checked,
    )


def _value(row: CachedAnswerRow) -> CachedAnswer:
    return CachedAnswer(
        id=row.id,
        message_id=row.message_id,
        knowledge_base_id=row.knowledge_base_id,
        owner_id=row.owner_id,
        scope=row.scope,
        context=row.context,
        wording=row.wording,
        meaning=row.meaning,
        vector=row.vector,
        passages=tuple(KeptPassage(**each) for each in row.passages),
        watch=row.watch,  # type: ignore[arg-type]
        search=row.search,
        indexed=row.indexed,
        checked=row.checked,
    )
