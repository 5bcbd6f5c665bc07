"""Turns as rows: what a crash leaves behind, and what a page shows of a question that became no message."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import bindparam, delete, or_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from sitechat.errors import InvalidInput, NotFound
from sitechat.events import Failed, Status
from sitechat.identity import Caller
from sitechat.storage.engine import Database, Transaction
from sitechat.storage.tables import TurnRow, now
from sitechat.storage.values import Turn, TurnState

STALE = timedelta(seconds=15)
"""A running turn is written about once a second; one silent for this long has lost its process."""

_ORPHAN = "SiteChat was restarted while this answer was being written."


class TurnStore:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def start(self, turn: Turn, runner: str, *, fresh: bool = False, tx: Transaction | None = None) -> None:
        """Raises ``InvalidInput`` where the conversation already has a running turn; a ``fresh`` one has none."""
        row = TurnRow(
            id=turn.id,
            conversation_id=turn.conversation_id,
            owner_id=turn.owner_id,
            knowledge_base_id=turn.knowledge_base_id,
            model=turn.model,
            question=turn.question,
            replaces=turn.replaces,
            state="running",
            runner=runner,
            started_at=turn.started_at,
            updated_at=turn.updated_at,
        )
        try:
            async with self._db.write(tx) as session:
                if not fresh:
                    await _make_way(session, turn.conversation_id)
                session.add(row)
        except IntegrityError:
            raise InvalidInput(
                "This conversation is still answering. Wait for the answer or stop it, then ask again."
            ) from None

    async def save_texts(self, texts: Sequence[tuple[str, str]]) -> None:
        """Text so far of running turns, all in one transaction; also their heartbeat."""
        async with self._db.write() as session:
            connection = await session.connection()
            await connection.execute(
                update(TurnRow)
                .where(TurnRow.id == bindparam("turn"), TurnRow.state == "running")
                .values(text=bindparam("so_far"), updated_at=now()),
                [{"turn": turn_id, "so_far": text} for turn_id, text in texts],
            )

    async def finish(
        self,
        turn_id: str,
        state: TurnState,
        text: str,
        steps: Sequence[Status],
        failure: Failed | None = None,
        tx: Transaction | None = None,
    ) -> None:
        values: dict[str, object] = {
            "state": state,
            "text": text,
            "steps": [step.model_dump(mode="json", exclude_none=True) for step in steps],
            "updated_at": now(),
            "finished_at": now(),
        }
        if failure is not None:
            values |= {
                "code": failure.code,
                "error": failure.message,
                "retryable": failure.retryable,
                "retry_after": failure.retry_after,
            }
        async with self._db.write(tx) as session:
            await session.execute(update(TurnRow).where(TurnRow.id == turn_id).values(**values))

    async def get(self, caller: Caller, turn_id: str) -> Turn:
        async with self._db.read() as session:
            row = await session.get(TurnRow, turn_id)
        if row is None or row.owner_id != caller.user_id:
            raise NotFound("This question does not exist, or not any more.")
        return turn_value(row)

    async def discard(self, turn_id: str) -> None:
        """Forget a question that came to nothing."""
        async with self._db.write() as session:
            await session.execute(
                delete(TurnRow).where(TurnRow.id == turn_id, TurnRow.state.in_(("failed", "interrupted")))
            )

    async def interrupt_orphans(self, owned_runner: str | None) -> int:
        """Mark turns whose process is gone; ``owned_runner`` is a name that only this process may now hold."""
        silent = TurnRow.updated_at < now() - STALE
        gone = or_(silent, TurnRow.runner == owned_runner) if owned_runner else silent
        async with self._db.write() as session:
            result = await session.execute(
                update(TurnRow)
                .where(TurnRow.state == "running", gone)
                .values(
                    state="interrupted",
                    error=_ORPHAN,
                    retryable=True,
                    finished_at=now(),
                )
                .returning(TurnRow.id)
            )
            return len(result.all())


async def _make_way(session: AsyncSession, conversation_id: str) -> None:
    """Forget the question that came to nothing, and give up one whose process fell silent."""
    here = TurnRow.conversation_id == conversation_id
    await session.execute(delete(TurnRow).where(here, TurnRow.state.in_(("failed", "interrupted"))))
    await session.execute(
        update(TurnRow)
        .where(here, TurnRow.state == "running", TurnRow.updated_at < now() - STALE)
        .values(state="interrupted", error=_ORPHAN, retryable=True, finished_at=now())
    )


def turn_value(row: TurnRow) -> Turn:
    return Turn(
        id=row.id,
        conversation_id=row.conversation_id,
        owner_id=row.owner_id,
        knowledge_base_id=row.knowledge_base_id,
        model=row.model,
        question=row.question,
        replaces=row.replaces,
        state=row.state,  # type: ignore[arg-type]
        text=row.text,
        code=row.code,  # type: ignore[arg-type]
        error=row.error,
        retryable=row.retryable,
        retry_after=row.retry_after,
        steps=tuple(Status.model_validate(step) for step in row.steps),
        started_at=row.started_at,
        updated_at=row.updated_at,
    )
