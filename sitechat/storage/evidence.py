"""What has become of the passages that a conversation cites: one query, whatever the number of citations.

A document that was read again has new passages, most of them with the same words. So a citation stands as long as the
words that it quotes are in its document.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, Select, case, func, select

from sitechat.identity import Caller
from sitechat.storage.engine import Database
from sitechat.storage.tables import ChunkRow, CitationRow, ConversationRow, DocumentRow, MessageRow
from sitechat.storage.values import Standing, Standings

AROUND = 400
"""Characters on each side of a quote that is found elsewhere than in its passage of then."""

GONE = Standing("gone")


class EvidenceReader:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def of(self, caller: Caller, conversation_id: str, message_ids: Collection[str]) -> Standings:
        """How the citations of some messages of a conversation stand; of no other's conversation anything."""
        statement = _placed(caller, conversation_id, message_ids)
        async with self._db.read() as session:
            rows = (await session.execute(statement)).all()
        found: Standings = {}
        for row in rows:
            found.setdefault(row.message_id, {})[row.number] = _standing(row, caller)
        return found


def _placed(caller: Caller, conversation_id: str, message_ids: Collection[str]) -> Select[*tuple[Any, ...]]:
    """Each citation with its passage, or else its document and where in that the quote is: from 1, 0 where not."""
    length = func.length(CitationRow.quote)
    same_place = func.substr(DocumentRow.text, CitationRow.start + 1, length) == CitationRow.quote
    at = case(
        (ChunkRow.id.is_not(None), 0),
        (same_place, CitationRow.start + 1),
        else_=func.instr(DocumentRow.text, CitationRow.quote),
    )
    placed = (
        select(
            CitationRow.message_id,
            CitationRow.number,
            CitationRow.document_id,
            CitationRow.start,
            length.label("length"),
            ChunkRow.text.label("passage"),
            ChunkRow.start.label("passage_start"),
            at.label("at"),
        )
        .join(MessageRow, MessageRow.id == CitationRow.message_id)
        .join(ConversationRow, ConversationRow.id == MessageRow.conversation_id)
        .outerjoin(DocumentRow, DocumentRow.id == CitationRow.document_id)
        .outerjoin(ChunkRow, ChunkRow.id == CitationRow.chunk_id)
        .where(
            ConversationRow.id == conversation_id,
            ConversationRow.owner_id == caller.user_id,
            ConversationRow.deleted_at.is_(None),
            MessageRow.id.in_(message_ids),
        )
        .cte("placed")
        .prefix_with("MATERIALIZED")
    )
    begin = func.max(placed.c.at - AROUND, 1)
    around = case((placed.c.at > 0, func.substr(DocumentRow.text, begin, placed.c.length + 2 * AROUND)), else_="")
    return select(
        placed,
        begin.label("begin"),
        around.label("around"),
        DocumentRow.owner_id,
        DocumentRow.access,
        DocumentRow.read_at,
        DocumentRow.updated_at,
        DocumentRow.missing_since,
    ).outerjoin(DocumentRow, DocumentRow.id == placed.c.document_id)


def _standing(row: Row[*tuple[Any, ...]], caller: Caller) -> Standing:
    if row.owner_id is None or (row.owner_id != caller.user_id and caller.principals.isdisjoint(row.access)):
        return GONE
    if row.passage is not None:
        return Standing("here", row.passage, row.start - row.passage_start, row.read_at, row.missing_since)
    if row.at:
        return Standing("here", row.around, row.at - row.begin, row.read_at, row.missing_since)
    return Standing("changed", when=row.updated_at, missing_since=row.missing_since)
