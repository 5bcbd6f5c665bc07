"""Conversations as people keep them: listed, read, renamed, deleted, exported, judged."""

from collections.abc import Collection
from typing import Literal

from sitechat.errors import InvalidInput, NotFound
from sitechat.identity import Caller
from sitechat.pipeline.marks import split_marks
from sitechat.pipeline.trace import Trace
from sitechat.storage.cached_answers import CachedAnswerStore
from sitechat.storage.cases import CaseStore
from sitechat.storage.conversations import ConversationStore
from sitechat.storage.engine import Database
from sitechat.storage.evidence import EvidenceReader
from sitechat.storage.traces import TraceStore
from sitechat.storage.values import Conversation, Message, Pulse, Standings, Thread

MAX_TITLE = 200


class ConversationService:
    def __init__(self, db: Database) -> None:
        self._store = ConversationStore(db)
        self._evidence = EvidenceReader(db)
        self._cached = CachedAnswerStore(db)
        self._traces = TraceStore(db)
        self._cases = CaseStore(db)

    async def recent(self, caller: Caller, search: str = "", limit: int = 200) -> list[Conversation]:
        """Newest first; ``search`` finds words in titles and messages."""
        return await self._store.recent(caller, search, limit)

    async def thread(self, caller: Caller, conversation_id: str) -> Thread:
        """A conversation with its messages, and its latest turn where that has not become messages."""
        conversation, latest = await self._store.with_turn(caller, conversation_id)
        messages = await self._store.messages(caller, conversation_id)
        turn = latest if latest is not None and latest.state not in ("answered", "stopped") else None
        pulse = Pulse(
            conversation.title,
            conversation.updated_at,
            latest.id if latest is not None else None,
            latest.state if latest is not None else None,
        )
        return Thread(conversation, tuple(messages), turn, pulse)

    async def pulse(self, caller: Caller, conversation_id: str) -> Pulse:
        """As in the conversation's ``Thread``; another one tells that the conversation has changed since."""
        return await self._store.pulse(caller, conversation_id)

    async def evidence(self, caller: Caller, conversation_id: str, message_ids: Collection[str]) -> Standings:
        """What has become of the passages that some of its messages cite."""
        return await self._evidence.of(caller, conversation_id, message_ids) if message_ids else {}

    async def rename(self, caller: Caller, conversation_id: str, title: str) -> None:
        title = " ".join(title.split())
        if not title or len(title) > MAX_TITLE:
            raise InvalidInput(f"A title has 1 to {MAX_TITLE} characters.")
        await self._store.rename(caller, conversation_id, title)

    async def delete(self, caller: Caller, conversation_id: str) -> None:
        """Can be undone by :meth:`restore` for a day."""
        await self._store.delete(caller, conversation_id)

    async def restore(self, caller: Caller, conversation_id: str) -> None:
        await self._store.restore(caller, conversation_id)

    async def feedback(self, caller: Caller, message_id: str, rating: Literal[1, -1] | None, comment: str = "") -> None:
        """A thumb, with a comment or without; ``None`` takes it back. After a thumb down it is not given again."""
        await self._store.set_feedback(caller, message_id, rating, comment.strip()[:5000])
        if rating != -1:
            await self._cases.forget(caller, message_id)
        if rating == -1:
            await self._cached.withdraw(message_id)

    async def trace(self, caller: Caller, answer_id: str) -> Trace:
        """How an answer came about, or by the id of its turn what became of a question. Raises ``NotFound``."""
        kept = await self._traces.get(caller, answer_id)
        if kept is None:
            await self._store.conversation_of(caller, answer_id)
            raise NotFound("How this answer was found was not kept: it is older than that.")
        return Trace.model_validate_json(kept)

    async def export_markdown(self, caller: Caller, conversation_id: str) -> str:
        """The conversation as one Markdown document, its evidence as footnotes."""
        thread = await self.thread(caller, conversation_id)
        parts = [f"# {thread.conversation.title}"]
        parts += [_exported(message, index) for index, message in enumerate(thread.messages)]
        return "\n\n".join(parts) + "\n"


def _exported(message: Message, index: int) -> str:
    when = f"{message.created_at:%Y-%m-%d %H:%M} UTC"
    if message.role == "user":
        return f"## You, {when}\n\n{message.content}"
    pieces = (f"[^{index}-{p}]" if isinstance(p, int) else p for p in split_marks(message.content))
    ending = "\n\n*Stopped here.*" if message.state == "stopped" else ""
    notes = "".join(
        f"\n[^{index}-{c.number}]: {c.title}, <{c.url}>: “{' '.join(c.quote.split())}”" for c in message.citations
    )
    return f"## SiteChat, {when}\n\n{''.join(pieces)}{ending}" + (f"\n{notes}" if notes else "")
