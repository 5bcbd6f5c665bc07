"""A chat service over a small knowledge base, with a scripted model whose calls can be counted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from providers.scripted import Play, Scripted
from sitechat.chat.answer_cache import AnswerCache
from sitechat.chat.conversations import ConversationService
from sitechat.chat.service import ChatService
from sitechat.events import Answered, Event
from sitechat.identity import LOCAL, Caller
from sitechat.indexes.service import Indexes
from sitechat.pipeline.rerank import Reranking
from sitechat.pipeline.state import Tools
from tests.support.shop import Shop


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a question: its events, and its conversation."""

    events: list[Event]
    conversation_id: str

    @property
    def answered(self) -> Answered:
        ending = self.events[-1]
        assert isinstance(ending, Answered), ending
        return ending

    @property
    def cached(self) -> bool:
        return self.answered.metadata.cached


@dataclass(slots=True)
class Desk:
    """``passages``: how many are given to the model. ``days`` and ``most`` are the answer cache's."""

    shop: Shop
    indexes: Indexes
    model: Scripted
    passages: int = 3
    days: int = 30
    most: int = 1000
    reranking: Reranking | None = None

    def tools(self, name: str = "scripted") -> Tools:
        model = self.model if name == self.model.model else Scripted(model=name)
        tools = Tools(self.indexes, self.shop.knowledge, model, self.passages, 1000)
        return replace(tools, reranking=self.reranking)

    def chat(self) -> ChatService:
        """Made anew for every use, as after a restart."""
        return ChatService(
            self.shop.db, self.tools, self.model.model, "owner", AnswerCache(self.shop.db, self.days, self.most)
        )

    @property
    def conversations(self) -> ConversationService:
        return ConversationService(self.shop.db)

    async def ask(
        self,
        question: str,
        conversation_id: str | None = None,
        caller: Caller = LOCAL,
        model: str | None = None,
    ) -> Reply:
        chat = self.chat()
        turn = await chat.ask(
            caller, question, conversation_id=conversation_id, knowledge_base_id=self.shop.base_id, model=model
        )
        return Reply([event async for event in chat.watch(caller, turn.id)], turn.conversation_id)

    async def regenerate(self, message_id: str) -> Reply:
        chat = self.chat()
        turn = await chat.regenerate(LOCAL, message_id)
        return Reply([event async for event in chat.watch(LOCAL, turn.id)], turn.conversation_id)

    @property
    def calls(self) -> int:
        return len(self.model.calls)


@asynccontextmanager
async def open_desk(folder: Path, *plays: Play) -> AsyncIterator[Desk]:
    """Without plays the model repeats the question and the first passage, with its mark."""
    async with Shop.made(folder) as shop:
        indexes = shop.open()
        await indexes.ready()
        desk = Desk(shop, indexes, Scripted(*plays))
        try:
            yield desk
        finally:
            await desk.indexes.close()
