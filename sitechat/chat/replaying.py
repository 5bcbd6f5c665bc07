"""Questions of the past, answered again to see what differs. Nothing of it is kept."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from datetime import UTC, datetime

from sitechat.chat.conversations import ConversationService
from sitechat.chat.log import TurnLog
from sitechat.errors import NotFound, Unavailable
from sitechat.events import Event
from sitechat.identity import Caller
from sitechat.pipeline.again import answer_again, recorded
from sitechat.pipeline.difference import Difference, difference
from sitechat.pipeline.run import checked, run
from sitechat.pipeline.state import Tools, TurnState
from sitechat.pipeline.trace import Trace, TraceValue
from sitechat.pipeline.tracing import Course, trace_of
from sitechat.storage.conversations import ConversationStore
from sitechat.storage.engine import Database
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.turns import TurnStore


class Replay(TraceValue):
    """``today``: searched again in what the documents say now, else answered from the passages of then.

    ``history_missing``: earlier messages that were there then and are not any more. ``before`` of an answer that was
    given again is the trace of the one that it repeats.
    """

    today: bool
    history_missing: int
    before: Trace
    after: Trace
    difference: Difference


class ReplayService:
    """``tools_for`` makes the pipeline's tools for a model's name."""

    def __init__(self, db: Database, tools_for: Callable[[str], Tools]) -> None:
        self._traces = ConversationService(db)
        self._messages = ConversationStore(db)
        self._turns = TurnStore(db)
        self._knowledge = KnowledgeStore(db)
        self._tools_for = tools_for

    async def replay(self, caller: Caller, answer_id: str, *, today: bool = False, model: str | None = None) -> Replay:
        """Answer again, by the same language model or another. Raises ``SiteChatError``, also where none was kept."""
        asked = await self._traces.trace(caller, answer_id)
        before = await self._first(caller, asked.reused.message_id) if asked.reused is not None else asked
        spec = model or before.model.spec
        tools = self._tools_for(spec)
        if today or not tools.provider.capabilities.writes:
            with suppress(Unavailable):  # so that the times are those of answering, not of loading
                await tools.indexes.ready()
        state = await self._today(caller, asked) if today else recorded(before, caller)
        events = run(state, tools) if today else checked(answer_again(state, tools, before), state, tools)
        seen = await _followed(events, before.turn_id)
        course = Course(before.turn_id, spec, datetime.now(UTC), "answered", seen.finished, seen.notices)
        after = trace_of(state, tools, course)
        return Replay(
            today=today,
            history_missing=len(asked.history) - len(state.history) if today else 0,
            before=before,
            after=after,
            difference=difference(before, after),
        )

    async def _first(self, caller: Caller, answer_id: str) -> Trace:
        """How the answer came about that was given again; it may be another person's, or deleted."""
        try:
            return await self._traces.trace(caller, answer_id)
        except NotFound as error:
            raise NotFound(
                "This answer repeats an earlier one. How that was found is not kept any more, or is another person's."
            ) from error

    async def _today(self, caller: Caller, asked: Trace) -> TurnState:
        turn = await self._turns.get(caller, asked.turn_id)
        messages = await self._messages.messages(caller, turn.conversation_id)
        history = tuple(message for message in messages if message.id in asked.history)
        base = await self._knowledge.get(caller, turn.knowledge_base_id) if turn.knowledge_base_id else None
        return TurnState(caller, asked.queries.question, history, base, narrowing=asked.narrowing)


async def _followed(events: AsyncGenerator[Event, None], turn_id: str) -> TurnLog:
    seen = TurnLog(turn_id)
    async with aclosing(events):
        async for event in events:
            seen.append(event)
    return seen
