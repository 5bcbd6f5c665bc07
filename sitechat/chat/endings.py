"""How a turn ends: what is stored, and the terminal event that tells the viewers."""

import logging
from asyncio import timeout
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from sitechat.chat.answer_cache import AnswerCache, Done
from sitechat.chat.log import TurnLog
from sitechat.disk import trouble_with_disk
from sitechat.errors import NotFound, SiteChatError
from sitechat.events import (
    Answered,
    AnswerMetadata,
    Event,
    Failed,
    Snapshot,
    SourceChunk,
    Stopped,
    Terminal,
    Usage,
)
from sitechat.pipeline.cached import Reused
from sitechat.pipeline.state import Tools, TurnState
from sitechat.pipeline.trace import Outcome
from sitechat.pipeline.tracing import Course, trace_of
from sitechat.storage.cached_answers import CachedAnswer, CachedAnswerStore
from sitechat.storage.conversations import ConversationStore, NewAnswer
from sitechat.storage.engine import Database, Transaction
from sitechat.storage.traces import TraceStore
from sitechat.storage.turns import TurnStore
from sitechat.storage.values import Message, Turn

log = logging.getLogger(__name__)

ENTRY_SECONDS = 3.0
"""How long the end of a turn waits for what is kept to give its answer again."""


@dataclass(slots=True)
class RunningTurn:
    """A turn in this process: its row's values, its log, and what the pipeline knows so far."""

    turn: Turn
    state: TurnState
    tools: Tools
    log: TurnLog = field(init=False)

    def __post_init__(self) -> None:
        self.log = TurnLog(self.turn.id)


class Endings:
    """Each method stores, in one transaction, and returns the event that follows from it."""

    def __init__(self, db: Database, cache: AnswerCache | None = None) -> None:
        self._db = db
        self._cache = cache
        self._cached = CachedAnswerStore(db)
        self._turns = TurnStore(db)
        self._conversations = ConversationStore(db)
        self._traces = TraceStore(db)

    async def answered(self, running: RunningTurn) -> Answered:
        """Question and answer become messages."""
        state, metadata = running.state, _metadata(running)
        message_id = await self._keep(running, metadata, "complete")
        return Answered(
            message_id=message_id,
            content=state.content,
            metadata=metadata,
            refused=state.refused,
            closest=state.closest,
        )

    async def stopped(self, running: RunningTurn) -> Stopped:
        """Question and partial answer become messages, the latter marked as stopped."""
        message_id = await self._keep(running, _metadata(running), "stopped")
        return Stopped(message_id=message_id, content=running.state.content)

    async def failed(
        self, running: RunningTurn, error: SiteChatError, how: Literal["failed", "interrupted"] = "failed"
    ) -> Failed:
        """Nothing becomes a message; question and partial text stay with the turn."""
        failure = failure_of(running, error)
        async with self._db.write() as tx:
            await self._turns.finish(running.turn.id, how, running.state.content, running.log.steps, failure, tx)
            await self._keep_trace(running, how, tx, failure=failure)
        return failure

    async def replay(self, turn: Turn, messages: list[Message]) -> list[Event]:
        """A turn whose log is gone: what it came to. Raises ``NotFound`` where it is not over."""
        message = next((m for m in messages if m.turn_id == turn.id and m.role == "assistant"), None)
        ending = _ending_of(turn, message)
        citations = message.citations if message else ()
        shot = Snapshot(seq=1, turn_id=turn.id, content=ending.content, steps=turn.steps, citations=citations)
        return [shot, ending.model_copy(update={"seq": 2, "turn_id": turn.id})]

    async def _keep(self, running: RunningTurn, metadata: AnswerMetadata, how: Literal["complete", "stopped"]) -> str:
        state, turn, steps = running.state, running.turn, running.log.steps
        ended: Literal["answered", "stopped"] = "answered" if how == "complete" else "stopped"
        answer = NewAnswer(
            content=state.content,
            state=how,
            metadata=metadata,
            steps=steps,
            citations=state.citations,
            refused=state.refused,
            closest=state.closest,
        )
        entry = await self._entry(running, metadata, answer.message_id) if how == "complete" else None
        async with self._db.write() as tx:
            if turn.replaces is not None:
                await self._cached.withdraw(turn.replaces, tx)
            message_id = await self._conversations.add_exchange(
                turn.conversation_id, turn.id, turn.question, answer, turn.replaces, tx
            )
            if self._cache is not None and entry is not None:
                async with _spared("what is kept to give the answer again", turn.id, tx):
                    await self._cache.add(entry, tx)
            await self._turns.finish(turn.id, ended, state.content, steps, tx=tx)
            await self._keep_trace(running, ended, tx, message_id=message_id)
        return message_id

    async def _entry(self, running: RunningTurn, metadata: AnswerMetadata, message_id: str) -> CachedAnswer | None:
        state, seen = running.state, running.log
        if self._cache is None or state.narrowing:  # which is no answer from all that the question may be asked of
            return None
        done = Done(state, running.tools, metadata, message_id, seen.notices, seen.finished)
        try:
            async with timeout(ENTRY_SECONDS):
                return await self._cache.entry(done)
        except Exception:  # an answer is worth more than that it can be given again
            log.exception("the answer of turn %s could not be kept to be given again", running.turn.id)
            return None

    async def _keep_trace(
        self,
        running: RunningTurn,
        outcome: Outcome,
        tx: Transaction,
        *,
        message_id: str | None = None,
        failure: Failed | None = None,
    ) -> None:
        turn, seen = running.turn, running.log
        course = Course(turn.id, turn.model, turn.started_at, outcome, seen.finished, seen.notices, message_id, failure)
        async with _spared("the trace", turn.id, tx):
            trace = trace_of(running.state, running.tools, course)
            await self._traces.add(turn.id, message_id, trace.model_dump_json(), tx)


@asynccontextmanager
async def _spared(what: str, turn_id: str, tx: Transaction) -> AsyncIterator[None]:
    """What is written inside is undone by itself where it fails: an answer is worth more than that."""
    try:
        async with tx.begin_nested():
            yield
    except Exception as error:
        if trouble_with_disk(error):  # then nothing of the transaction may have been written
            raise
        log.exception("%s of turn %s could not be stored", what, turn_id)


def failure_of(running: RunningTurn, error: SiteChatError) -> Failed:
    """The event that an error stands for, with the text that had arrived."""
    return Failed(
        code=error.code,
        message=error.message,
        retryable=error.retryable,
        retry_after=error.retry_after,
        content=running.state.content,
    )


def _ending_of(turn: Turn, message: Message | None) -> Terminal:
    if message is not None and message.state == "stopped":
        return Stopped(message_id=message.id, content=message.content)
    if message is not None and message.metadata is not None:
        return Answered(
            message_id=message.id,
            content=message.content,
            metadata=message.metadata,
            refused=message.refused,
            closest=message.closest,
        )
    if turn.state in ("failed", "interrupted"):
        return Failed(
            code=turn.code or "UNAVAILABLE",
            message=turn.error,
            retryable=turn.retryable,
            retry_after=turn.retry_after,
            content=turn.text,
        )
    raise NotFound("This answer is being written by another process, or is no longer kept.")


def _metadata(running: RunningTurn) -> AnswerMetadata:
    state, provider = running.state, running.tools.provider
    if state.reused is not None:
        return _metadata_again(running, state.reused)
    return AnswerMetadata(
        intent=state.intent,
        conversation_id=running.turn.conversation_id,
        provider=provider.name,
        model=provider.model,
        prompt_version=state.prompt_version,
        chunks_used=len(state.hits),
        source_chunks=tuple(
            SourceChunk(
                chunk_id=hit.chunk.id,
                document_id=hit.chunk.document_id,
                title=hit.chunk.title,
                score=round(hit.score, 4),
            )
            for hit in state.hits
        ),
        usage=state.usage,
        ttft_ms=state.ttft_ms,
        duration_ms=state.duration_ms,
        truncated=state.truncated,
        caution=state.caution,
        support=state.support,
    )


def _metadata_again(running: RunningTurn, reused: Reused) -> AnswerMetadata:
    """Of an answer that is given again: what it was made from and by, and what it took this time."""
    this_time = {
        "conversation_id": running.turn.conversation_id,
        "usage": Usage(),
        "cost_usd": None,
        "ttft_ms": running.state.ttft_ms,
        "duration_ms": running.state.duration_ms,
        "cached": True,
        "cached_from": reused.message.id,
        "cached_at": reused.message.created_at,
    }
    return reused.metadata.model_copy(update=this_time)
