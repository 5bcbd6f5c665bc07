"""Questions asked of two documents through the chat service, with a model that follows a script."""

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select

from providers.base import Capabilities
from providers.scripted import Play, Scripted
from sitechat.chat.answer_cache import AnswerCache
from sitechat.chat.conversations import ConversationService
from sitechat.chat.service import ChatService
from sitechat.events import Answered, Event, Stopped
from sitechat.identity import LOCAL
from sitechat.pipeline.state import Tools
from sitechat.pipeline.trace import Trace
from sitechat.storage.engine import Database
from sitechat.storage.tables import Base
from tests.support.shop import Shop

PLUMS = "Plums are dark when they are ripe. They keep for a week in a cool cellar. Wash them before use."
FIGS = "Dried figs keep for a year. Store them in a closed box."
QUESTION = "How long do plums keep?"


@dataclass
class Desk:
    """Asks through the chat service, over two documents."""

    db: Database
    shop: Shop
    tools: Tools

    async def ask(
        self,
        question: str,
        *plays: Play,
        conversation_id: str | None = None,
        capabilities: Capabilities | None = None,
        **tools: Any,
    ) -> tuple[Event, Scripted]:
        """How the turn ended, and the model that was asked."""
        model = Scripted(*plays, capabilities=capabilities)
        chat = self.chat(model, **tools)
        turn = await chat.ask(LOCAL, question, conversation_id=conversation_id, knowledge_base_id=self.shop.base_id)
        events = [event async for event in chat.watch(LOCAL, turn.id)]
        return events[-1], model

    def chat(self, model: Scripted, *, cache: AnswerCache | None = None, **tools: Any) -> ChatService:
        made = self.with_model(model, **tools)
        return ChatService(self.db, lambda _: made, "scripted", "owner", cache)

    def with_model(self, model: Scripted, **tools: Any) -> Tools:
        return replace(self.tools, provider=model, **tools)

    async def trace(self, ending: Event) -> Trace:
        assert isinstance(ending, Answered | Stopped)
        return await ConversationService(self.db).trace(LOCAL, str(ending.message_id))

    async def traces(self) -> int:
        """How many are kept."""
        return (await self.rows())["traces"]

    async def rows(self) -> dict[str, int]:
        """Of each table, how many."""
        async with self.db.read() as session:
            return {
                name: (await session.execute(select(func.count()).select_from(table))).scalar_one()
                for name, table in Base.metadata.tables.items()
            }
