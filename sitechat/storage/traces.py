"""Traces of turns as rows: compressed JSON, gone with the answer or the question that they are of."""

import zlib

from sqlalchemy import or_, select

from sitechat.identity import Caller
from sitechat.storage.engine import Database, Transaction
from sitechat.storage.tables import ConversationRow, TraceRow, TurnRow


class TraceStore:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(self, turn_id: str, message_id: str | None, trace: str, tx: Transaction) -> None:
        """``trace`` is JSON; ``message_id`` the answer that the turn became, where it became one."""
        data = zlib.compress(trace.encode())
        async with self._db.write(tx) as session:
            session.add(TraceRow(turn_id=turn_id, message_id=message_id, data=data))

    async def get(self, caller: Caller, of: str) -> str | None:
        """By the id of an answer or of a turn; None where there is none that the caller may read."""
        statement = (
            select(TraceRow.data)
            .join(TurnRow, TurnRow.id == TraceRow.turn_id)
            .join(ConversationRow, ConversationRow.id == TurnRow.conversation_id)
            .where(
                or_(TraceRow.message_id == of, TraceRow.turn_id == of),
                TurnRow.owner_id == caller.user_id,
                ConversationRow.deleted_at.is_(None),
            )
        )
        async with self._db.read() as session:
            data = (await session.execute(statement)).scalar_one_or_none()
        return zlib.decompress(data).decode() if data is not None else None
