"""Conversations, their messages with citations, and feedback."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, Select, and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from sitechat.errors import NotFound
from sitechat.events import AnswerMetadata, Citation, Closest, Status
from sitechat.identity import Caller
from sitechat.storage.engine import Database, Transaction
from sitechat.storage.tables import CitationRow, ConversationRow, FeedbackRow, MessageRow, TurnRow, new_id, now
from sitechat.storage.turns import turn_value
from sitechat.storage.values import Conversation, Feedback, Message, Pulse, Turn

KEEP_DELETED = timedelta(hours=24)
"""How long a deleted conversation can be brought back."""

_GONE = "This conversation does not exist, or not any more."
_CITATION_FIELDS = (
    "number",
    "chunk_id",
    "document_id",
    "title",
    "heading",
    "url",
    "quote",
    "start",
    "end",
    "page",
    "score",
    "read_at",
)


@dataclass(frozen=True, slots=True)
class NewAnswer:
    """What a turn leaves behind: the assistant's message, whole or stopped."""

    content: str
    state: Literal["complete", "stopped"]
    metadata: AnswerMetadata
    steps: Sequence[Status]
    citations: Sequence[Citation]
    refused: bool = False
    closest: Sequence[Closest] = ()
    message_id: str = field(default_factory=new_id)


class ConversationStore:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def create(
        self, caller: Caller, title: str, knowledge_base_id: str | None, tx: Transaction | None = None
    ) -> Conversation:
        row = ConversationRow(
            id=new_id(), owner_id=caller.user_id, access=[], title=title, knowledge_base_id=knowledge_base_id
        )
        async with self._db.write(tx) as session:
            session.add(row)
            await session.flush()
        return _conversation(row)

    async def get(self, caller: Caller, conversation_id: str) -> Conversation:
        async with self._db.read() as session:
            row = await session.get(ConversationRow, conversation_id)
        if row is None or row.owner_id != caller.user_id or row.deleted_at is not None:
            raise NotFound(_GONE)
        return _conversation(row)

    async def with_turn(self, caller: Caller, conversation_id: str) -> tuple[Conversation, Turn | None]:
        """The conversation and its latest turn, whatever became of that."""
        conversation, turn = await self._with_latest(select(ConversationRow, TurnRow), caller, conversation_id)
        return _conversation(conversation), turn_value(turn) if turn is not None else None

    async def pulse(self, caller: Caller, conversation_id: str) -> Pulse:
        """Raises ``NotFound``."""
        columns = select(ConversationRow.title, ConversationRow.updated_at, TurnRow.id, TurnRow.state)
        return Pulse(*await self._with_latest(columns, caller, conversation_id))

    async def recent(self, caller: Caller, search: str, limit: int) -> list[Conversation]:
        """Newest first; ``search`` finds words in titles and messages."""
        where: list[ColumnElement[bool]] = [
            ConversationRow.owner_id == caller.user_id,
            ConversationRow.deleted_at.is_(None),
        ]
        for word in search.split():
            inside = select(MessageRow.id).where(
                MessageRow.conversation_id == ConversationRow.id,
                MessageRow.content.icontains(word, autoescape=True),
            )
            where.append(or_(ConversationRow.title.icontains(word, autoescape=True), inside.exists()))
        statement = select(ConversationRow).where(*where).order_by(ConversationRow.updated_at.desc()).limit(limit)
        async with self._db.read() as session:
            return [_conversation(row) for row in (await session.execute(statement)).scalars()]

    async def rename(self, caller: Caller, conversation_id: str, title: str) -> None:
        await self.get(caller, conversation_id)
        await self._set(conversation_id, title=title)

    async def use(self, conversation_id: str, knowledge_base_id: str | None) -> None:
        """The knowledge base that the next questions go to."""
        await self._set(conversation_id, knowledge_base_id=knowledge_base_id)

    async def delete(self, caller: Caller, conversation_id: str) -> None:
        """Gone from sight; can be brought back for a day, then it is gone for good."""
        await self.get(caller, conversation_id)
        await self._set(conversation_id, deleted_at=now())

    async def restore(self, caller: Caller, conversation_id: str) -> None:
        async with self._db.write() as session:
            row = await session.get(ConversationRow, conversation_id)
            if row is None or row.owner_id != caller.user_id:
                raise NotFound("This conversation can no longer be brought back.")
            row.deleted_at = None

    async def purge(self) -> None:
        """Remove for good what was deleted long enough ago."""
        async with self._db.write() as session:
            await session.execute(delete(ConversationRow).where(ConversationRow.deleted_at < now() - KEEP_DELETED))

    async def messages(self, caller: Caller, conversation_id: str, last: int | None = None) -> list[Message]:
        """In order; the ``last`` few only, where given."""
        statement = (
            select(MessageRow, FeedbackRow)
            .outerjoin(
                FeedbackRow, and_(FeedbackRow.message_id == MessageRow.id, FeedbackRow.owner_id == caller.user_id)
            )
            .where(MessageRow.conversation_id == conversation_id)
            .order_by(MessageRow.ordinal.desc())
            .limit(last)
        )
        async with self._db.read() as session:
            rows = list(reversed((await session.execute(statement)).all()))
            citations = await _citations(session, [row.id for row, _ in rows if row.role == "assistant"])
        return [_message(row, citations.get(row.id, []), _feedback(thumb) if thumb else None) for row, thumb in rows]

    async def answer(self, message_id: str) -> Message | None:
        """An answer by whomever it was asked for, to be given again; without what they thought of it."""
        async with self._db.read() as session:
            row = await session.get(MessageRow, message_id)
            citations = await _citations(session, [message_id])
        return _message(row, citations.get(message_id, []), None) if row is not None else None

    async def conversation_of(self, caller: Caller, message_id: str) -> str:
        statement = (
            select(MessageRow.conversation_id)
            .join(ConversationRow, ConversationRow.id == MessageRow.conversation_id)
            .where(
                MessageRow.id == message_id,
                ConversationRow.owner_id == caller.user_id,
                ConversationRow.deleted_at.is_(None),
            )
        )
        async with self._db.read() as session:
            found = (await session.execute(statement)).scalar_one_or_none()
        if found is None:
            raise NotFound("This message does not exist, or not any more.")
        return found

    async def add_exchange(
        self,
        conversation_id: str,
        turn_id: str,
        question: str,
        answer: NewAnswer,
        replaces: str | None,
        tx: Transaction | None = None,
    ) -> str:
        """Store question and answer, in one transaction; a regenerated answer takes the place of ``replaces``."""
        async with self._db.write(tx) as session:
            top = select(func.max(MessageRow.ordinal)).where(MessageRow.conversation_id == conversation_id)
            last = (await session.execute(top)).scalar_one()
            ordinal = 0 if last is None else last + 1
            replaced = await session.get(MessageRow, replaces) if replaces else None
            if replaced is not None:
                ordinal = replaced.ordinal
                await session.delete(replaced)
                await session.flush()
            else:
                session.add(
                    MessageRow(
                        id=new_id(),
                        conversation_id=conversation_id,
                        turn_id=turn_id,
                        ordinal=ordinal,
                        role="user",
                        content=question,
                    )
                )
                ordinal += 1
            session.add(_answer_row(conversation_id, turn_id, ordinal, answer))
            await session.flush()
            session.add_all(
                CitationRow(
                    message_id=answer.message_id,
                    **{name: getattr(citation, name) for name in _CITATION_FIELDS},
                )
                for citation in answer.citations
            )
            await session.execute(
                update(ConversationRow).where(ConversationRow.id == conversation_id).values(updated_at=now())
            )
        return answer.message_id

    async def set_feedback(self, caller: Caller, message_id: str, rating: int | None, comment: str) -> None:
        """One thumb a person and message; ``None`` takes it back."""
        await self.conversation_of(caller, message_id)
        async with self._db.write() as session:
            row = await session.get(FeedbackRow, (message_id, caller.user_id))
            if rating is None:
                if row is not None:
                    await session.delete(row)
            elif row is None:
                session.add(FeedbackRow(message_id=message_id, owner_id=caller.user_id, rating=rating, comment=comment))
            else:
                row.rating, row.comment, row.updated_at = rating, comment, now()

    async def _with_latest(
        self, wanted: Select[*tuple[Any, ...]], caller: Caller, conversation_id: str
    ) -> Row[*tuple[Any, ...]]:
        """``wanted`` of a conversation and its latest turn. Raises ``NotFound``."""
        statement = (
            wanted.outerjoin(TurnRow, TurnRow.conversation_id == ConversationRow.id)
            .where(
                ConversationRow.id == conversation_id,
                ConversationRow.owner_id == caller.user_id,
                ConversationRow.deleted_at.is_(None),
            )
            .order_by(TurnRow.started_at.desc())
            .limit(1)
        )
        async with self._db.read() as session:
            found = (await session.execute(statement)).one_or_none()
        if found is None:
            raise NotFound(_GONE)
        return found

    async def _set(self, conversation_id: str, **values: Any) -> None:
        async with self._db.write() as session:
            await session.execute(update(ConversationRow).where(ConversationRow.id == conversation_id).values(**values))


async def _citations(session: AsyncSession, message_ids: Sequence[str]) -> dict[str, list[Citation]]:
    found: dict[str, list[Citation]] = {}
    if message_ids:
        statement = select(CitationRow).where(CitationRow.message_id.in_(message_ids)).order_by(CitationRow.number)
        for row in (await session.execute(statement)).scalars():
            citation = Citation(**{name: getattr(row, name) for name in _CITATION_FIELDS})
            found.setdefault(row.message_id, []).append(citation)
    return found


def _answer_row(conversation_id: str, turn_id: str, ordinal: int, answer: NewAnswer) -> MessageRow:
    return MessageRow(
        id=answer.message_id,
        conversation_id=conversation_id,
        turn_id=turn_id,
        ordinal=ordinal,
        role="assistant",
        content=answer.content,
        state=answer.state,
        refused=answer.refused,
        closest=[page.model_dump(mode="json") for page in answer.closest],
        steps=[step.model_dump(mode="json", exclude_none=True) for step in answer.steps],
        extra=answer.metadata.model_dump(mode="json"),
    )


def _conversation(row: ConversationRow) -> Conversation:
    return Conversation(row.id, row.owner_id, row.title, row.knowledge_base_id, row.created_at, row.updated_at)


def _feedback(row: FeedbackRow) -> Feedback:
    return Feedback(rating=1 if row.rating > 0 else -1, comment=row.comment)


def _message(row: MessageRow, citations: Sequence[Citation], feedback: Feedback | None) -> Message:
    return Message(
        id=row.id,
        turn_id=row.turn_id,
        role="assistant" if row.role == "assistant" else "user",
        content=row.content,
        state="stopped" if row.state == "stopped" else "complete",
        refused=row.refused,
        closest=tuple(Closest.model_validate(page) for page in row.closest),
        steps=tuple(Status.model_validate(step) for step in row.steps),
        metadata=AnswerMetadata.model_validate(row.extra) if row.extra else None,
        citations=tuple(citations),
        feedback=feedback,
        created_at=row.created_at,
    )
