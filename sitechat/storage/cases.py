"""Questions whose right answer a person has told."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Delete, delete, select, update

from sitechat.errors import NotFound
from sitechat.identity import Caller
from sitechat.storage.engine import Database
from sitechat.storage.tables import CaseRow


@dataclass(frozen=True, slots=True)
class Case:
    """``uri`` is the page that answers it, ``wording`` what its answer should hold; with neither it is to be refused.

    ``history`` are the questions asked before it."""

    id: str
    knowledge_base_id: str
    question: str
    history: tuple[str, ...]
    uri: str | None
    wording: str
    created_at: datetime

    @property
    def answerable(self) -> bool:
        return bool(self.uri or self.wording)


class CaseStore:
    """Each caller sees and changes their own; others' are ``NotFound``."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def put(
        self,
        caller: Caller,
        message_id: str,
        knowledge_base_id: str,
        question: str,
        history: tuple[str, ...],
        uri: str | None,
        wording: str,
    ) -> None:
        """One of an answer; a later one takes its place."""
        async with self._db.write() as session:
            await session.execute(_of_message(caller, message_id))
            session.add(
                CaseRow(
                    owner_id=caller.user_id,
                    knowledge_base_id=knowledge_base_id,
                    message_id=message_id,
                    question=question,
                    history=list(history),
                    uri=uri,
                    wording=wording,
                )
            )

    async def of(self, caller: Caller, knowledge_base_id: str) -> list[Case]:
        """Newest first."""
        statement = (
            select(CaseRow)
            .where(CaseRow.owner_id == caller.user_id, CaseRow.knowledge_base_id == knowledge_base_id)
            .order_by(CaseRow.created_at.desc())
        )
        async with self._db.read() as session:
            return [_case(row) for row in (await session.execute(statement)).scalars()]

    async def change(self, caller: Caller, case_id: str, uri: str | None, wording: str) -> None:
        mine = (CaseRow.id == case_id, CaseRow.owner_id == caller.user_id)
        async with self._db.write() as session:
            statement = update(CaseRow).where(*mine).values(uri=uri, wording=wording).returning(CaseRow.id)
            if (await session.execute(statement)).scalar_one_or_none() is None:
                raise NotFound("This question does not exist, or not any more.")

    async def delete(self, caller: Caller, case_id: str) -> None:
        async with self._db.write() as session:
            mine = (CaseRow.id == case_id, CaseRow.owner_id == caller.user_id)
            await session.execute(delete(CaseRow).where(*mine))

    async def forget(self, caller: Caller, message_id: str) -> None:
        """The one of an answer, where there is one."""
        async with self._db.write() as session:
            await session.execute(_of_message(caller, message_id))


def _of_message(caller: Caller, message_id: str) -> Delete:
    return delete(CaseRow).where(CaseRow.owner_id == caller.user_id, CaseRow.message_id == message_id)


def _case(row: CaseRow) -> Case:
    return Case(row.id, row.knowledge_base_id, row.question, tuple(row.history), row.uri, row.wording, row.created_at)
