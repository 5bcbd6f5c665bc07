"""Questions become turns: tasks on the engine loop that no page, request or socket owns.

``ask`` starts a turn and returns; ``watch`` replays it and follows it live, for as many viewers as come. ``stop``
cancels it down to the provider's socket and keeps what had arrived. A failure adds no message: the question and the
partial text stay with the turn. Texts of running turns are written about once a second, so that a crash loses little.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, replace

from sitechat.chat.answer_cache import AnswerCache
from sitechat.chat.endings import Endings, RunningTurn, failure_of
from sitechat.chat.log import TurnLog
from sitechat.errors import InvalidInput, SiteChatError, Unavailable
from sitechat.events import Event, Terminal
from sitechat.identity import Caller
from sitechat.pipeline.prompts import HISTORY_MESSAGES
from sitechat.pipeline.route import is_small_talk
from sitechat.pipeline.run import run
from sitechat.pipeline.state import Tools, TurnState
from sitechat.storage.conversations import ConversationStore
from sitechat.storage.engine import Database
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.narrowing import EVERYTHING, Narrowing
from sitechat.storage.tables import new_id, now
from sitechat.storage.turns import TurnStore
from sitechat.storage.values import KnowledgeBase, Message, Turn

log = logging.getLogger(__name__)

MAX_QUESTION = 20_000
"""Characters of a question."""

FINISHED_TURNS = 200
"""Logs of ended turns that are kept for viewers who come late."""

_SAVE_EVERY = 1.0
_TITLE = 60
_SHUT_DOWN = Unavailable("SiteChat was stopped while this answer was being written. Ask again to get all of it.")
_BUG = SiteChatError("Something went wrong inside SiteChat. Please retry; the log says more.", retryable=True)


@dataclass(slots=True)
class _Task:
    """A running turn, the task that answers it, and whether its owner pressed Stop."""

    running: RunningTurn
    task: asyncio.Task[None]
    stopped: bool = False


class ChatService:
    """``tools_for`` makes the pipeline's tools for a model's name. ``runner`` names this process in turn rows.

    ``cache`` holds answers that may be given again.
    """

    def __init__(
        self,
        db: Database,
        tools_for: Callable[[str], Tools],
        default_model: str,
        runner: str,
        cache: AnswerCache | None = None,
    ) -> None:
        self._db = db
        self._cache = cache
        self._turns = TurnStore(db)
        self._conversations = ConversationStore(db)
        self._knowledge = KnowledgeStore(db)
        self._endings = Endings(db, cache)
        self._tools_for = tools_for
        self._default_model = default_model
        self._runner = runner
        self._tasks: dict[str, _Task] = {}
        self._finished: OrderedDict[str, tuple[str, TurnLog]] = OrderedDict()
        self._saver: asyncio.Task[None] | None = None

    # What front ends call

    async def ask(
        self,
        caller: Caller,
        content: str,
        *,
        conversation_id: str | None = None,
        knowledge_base_id: str | None = None,
        model: str | None = None,
        narrowing: Narrowing = EVERYTHING,
    ) -> Turn:
        """Start answering. Raises ``InvalidInput`` (also while the conversation still answers) or ``Unavailable``.

        ``narrowing``: which documents are searched this once; asking again or writing anew searches all.
        """
        question = _clean(content)
        if conversation_id is not None:
            conversation = await self._conversations.get(caller, conversation_id)
            knowledge_base_id = knowledge_base_id or conversation.knowledge_base_id
        base = await self._base(caller, knowledge_base_id, question)
        if conversation_id is None:
            return await self._start(caller, None, question, base, model, [], narrowing=narrowing)
        if knowledge_base_id != conversation.knowledge_base_id:
            await self._conversations.use(conversation_id, knowledge_base_id)
        history = await self._conversations.messages(caller, conversation_id, last=HISTORY_MESSAGES)
        return await self._start(caller, conversation_id, question, base, model, history, narrowing=narrowing)

    async def retry(self, caller: Caller, turn_id: str, model: str | None = None) -> Turn:
        """Ask a failed or interrupted turn's question again."""
        turn = await self._turns.get(caller, turn_id)
        if turn.state not in ("failed", "interrupted"):
            raise InvalidInput("This question has been answered already.")
        history = await self._conversations.messages(caller, turn.conversation_id, last=HISTORY_MESSAGES)
        if turn.replaces is not None:
            history = _before(history, turn.replaces)
        base = await self._base(caller, turn.knowledge_base_id, turn.question)
        return await self._start(
            caller, turn.conversation_id, turn.question, base, model or turn.model, history, turn.replaces
        )

    async def regenerate(self, caller: Caller, message_id: str, model: str | None = None) -> Turn:
        """Answer again; the new answer takes the old one's place when it is complete."""
        conversation_id = await self._conversations.conversation_of(caller, message_id)
        messages = await self._conversations.messages(caller, conversation_id)
        place = next(i for i, message in enumerate(messages) if message.id == message_id)
        if messages[place].role != "assistant" or place == 0:
            raise InvalidInput("Only an answer can be written again.")
        question = messages[place - 1].content
        conversation = await self._conversations.get(caller, conversation_id)
        base = await self._base(caller, conversation.knowledge_base_id, question)
        history = messages[max(0, place - 1 - HISTORY_MESSAGES) : place - 1]
        return await self._start(caller, conversation_id, question, base, model, history, replaces=message_id)

    async def stop(self, caller: Caller, turn_id: str) -> None:
        """Returns once the provider's connection is closed and the partial text is kept."""
        mine = self._tasks.get(turn_id)
        if mine is None or mine.running.turn.owner_id != caller.user_id:
            await self._turns.get(caller, turn_id)
            return
        mine.stopped = True
        mine.task.cancel()
        await asyncio.wait([mine.task])

    async def discard(self, caller: Caller, turn_id: str) -> None:
        """Forget a question that failed or was interrupted."""
        await self._turns.get(caller, turn_id)
        await self._turns.discard(turn_id)

    async def watch(self, caller: Caller, turn_id: str, after: int = 0) -> AsyncGenerator[Event, None]:
        """Replay from a sequence number, then live, to the terminal event."""
        async for batch in self.batches(caller, turn_id, after):
            for event in batch:
                yield event

    async def batches(self, caller: Caller, turn_id: str, after: int = 0) -> AsyncGenerator[list[Event], None]:
        """As :meth:`watch`, each time with all that came since the last."""
        held = self._log_of(caller, turn_id)
        if held is None:
            turn = await self._turns.get(caller, turn_id)
            messages = await self._conversations.messages(caller, turn.conversation_id)
            yield await self._endings.replay(turn, messages)
            return
        async with aclosing(held.batches(after)) as batches:
            async for batch in batches:
                yield batch

    # Life

    def start(self) -> None:
        """Begin writing running turns' texts."""
        self._saver = asyncio.create_task(self._save_texts(), name="save-turns")

    async def close(self) -> None:
        """Interrupt what is running; what had arrived is kept."""
        tasks = [mine.task for mine in self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._saver is not None:
            self._saver.cancel()
            await asyncio.gather(self._saver, return_exceptions=True)

    # Inside

    async def _base(self, caller: Caller, knowledge_base_id: str | None, question: str) -> KnowledgeBase | None:
        if knowledge_base_id is None:
            return None
        base = await self._knowledge.get(caller, knowledge_base_id)
        if not base.ready and not is_small_talk(question):
            raise Unavailable(
                f"“{base.name}” has nothing to answer from yet. Add documents, or wait until its first ones are ready."
            )
        return base

    async def _start(
        self,
        caller: Caller,
        conversation_id: str | None,
        question: str,
        base: KnowledgeBase | None,
        model: str | None,
        history: list[Message],
        replaces: str | None = None,
        narrowing: Narrowing = EVERYTHING,
    ) -> Turn:
        name = model or self._default_model
        tools = replace(self._tools_for(name), cache=None if replaces or narrowing else self._cache)
        async with self._db.write() as tx:
            fresh = conversation_id is None
            if conversation_id is None:
                created = await self._conversations.create(caller, _title(question), base.id if base else None, tx)
                conversation_id = created.id
            turn = _new_turn(caller, conversation_id, question, base, name, replaces)
            await self._turns.start(turn, self._runner, fresh=fresh, tx=tx)
        state = TurnState(caller, question, tuple(history), base, narrowing=narrowing)
        running = RunningTurn(turn, state, tools)
        task = asyncio.create_task(self._answer(running), name=f"turn-{turn.id}")
        self._tasks[turn.id] = _Task(running, task)
        await asyncio.sleep(0)  # a task that is cancelled before its first step would end without a word
        return turn

    async def _answer(self, running: RunningTurn) -> None:
        """The turn's whole life; every path ends in exactly one terminal event."""
        ending: Coroutine[None, None, Terminal]
        try:
            async with aclosing(run(running.state, running.tools)) as events:
                async for event in events:
                    running.log.append(event)
            ending = self._endings.answered(running)
        except asyncio.CancelledError:
            if self._tasks[running.turn.id].stopped:
                ending = self._endings.stopped(running)
            else:
                ending = self._endings.failed(running, _SHUT_DOWN, "interrupted")
        except SiteChatError as error:
            ending = self._endings.failed(running, error)
        except Exception:  # a bug in a step must end the turn, not the engine; its cause belongs in the log
            log.exception("turn %s failed", running.turn.id)
            ending = self._endings.failed(running, _BUG)
        task = asyncio.create_task(self._end(running, ending))
        while not task.done():  # a second cancel must not lose what had arrived
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError:
                continue

    async def _end(self, running: RunningTurn, ending: Coroutine[None, None, Terminal]) -> None:
        try:
            terminal = await ending
        except SiteChatError as error:
            log.warning("turn %s could not be stored: %s", running.turn.id, error.message)
            terminal = failure_of(running, error)
        except Exception:  # the viewers must learn that it ended, whatever happened
            log.exception("turn %s could not be stored", running.turn.id)
            terminal = failure_of(running, _BUG)
        running.log.append(terminal)
        del self._tasks[running.turn.id]
        self._finished[running.turn.id] = (running.turn.owner_id, running.log)
        while len(self._finished) > FINISHED_TURNS:
            self._finished.popitem(last=False)

    def _log_of(self, caller: Caller, turn_id: str) -> TurnLog | None:
        if turn_id in self._tasks:
            running = self._tasks[turn_id].running
            return running.log if running.turn.owner_id == caller.user_id else None
        owner, held = self._finished.get(turn_id, (None, None))
        return held if owner == caller.user_id else None

    async def _save_texts(self) -> None:
        while True:
            await asyncio.sleep(_SAVE_EVERY)
            texts = [(turn_id, mine.running.state.content) for turn_id, mine in self._tasks.items()]
            if texts:
                try:
                    await self._turns.save_texts(texts)
                except SiteChatError as error:
                    log.warning("the texts of running answers could not be written: %s", error.message)


def _new_turn(
    caller: Caller, conversation_id: str, question: str, base: KnowledgeBase | None, model: str, replaces: str | None
) -> Turn:
    begun = now()
    return Turn(
        id=new_id(),
        conversation_id=conversation_id,
        owner_id=caller.user_id,
        knowledge_base_id=base.id if base else None,
        model=model,
        question=question,
        replaces=replaces,
        state="running",
        text="",
        code=None,
        error="",
        retryable=False,
        retry_after=None,
        steps=(),
        started_at=begun,
        updated_at=begun,
    )


def _clean(content: str) -> str:
    question = content.replace("\x00", "").strip()
    if not question:
        raise InvalidInput("Type a question first.")
    if len(question) > MAX_QUESTION:
        raise InvalidInput(
            f"The question has {len(question):,} characters; {MAX_QUESTION:,} is the most. Shorten it, or add the "
            "text as a document."
        )
    return question


def _title(question: str) -> str:
    words = " ".join(question.split())
    return words if len(words) <= _TITLE else words[:_TITLE].rsplit(" ", 1)[0].rstrip(",;:.") + "…"


def _before(history: list[Message], message_id: str) -> list[Message]:
    place = next((i for i, message in enumerate(history) if message.id == message_id), len(history))
    return history[: max(0, place - 1)]
