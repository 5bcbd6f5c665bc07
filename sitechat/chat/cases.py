"""What people tell of answers that were not right becomes a question that every later evaluation asks."""

from sitechat.errors import InvalidInput
from sitechat.identity import Caller
from sitechat.storage.cases import Case, CaseStore
from sitechat.storage.conversations import ConversationStore
from sitechat.storage.engine import Database
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.turns import TurnStore
from sitechat.storage.values import Document, Turn, asked_in

LONGEST_WORDING = 1000


class CaseService:
    def __init__(self, db: Database) -> None:
        self._cases = CaseStore(db)
        self._conversations = ConversationStore(db)
        self._knowledge = KnowledgeStore(db)
        self._turns = TurnStore(db)

    async def tell(self, caller: Caller, message_id: str, *, uri: str | None = None, wording: str = "") -> None:
        """Which page answers what this answer was about, or which words it should have had; neither: nothing does.

        Raises ``NotFound``, or ``InvalidInput`` where no knowledge base was asked.
        """
        turn, history = await self._asked(caller, message_id)
        if turn.knowledge_base_id is None:
            raise InvalidInput("No knowledge base was asked for this answer.")
        await self._knowledge.get(caller, turn.knowledge_base_id)
        wording = " ".join(wording.split())[:LONGEST_WORDING]
        await self._cases.put(caller, message_id, turn.knowledge_base_id, turn.question, history, uri, wording)

    async def pages(self, caller: Caller, message_id: str) -> list[Document]:
        """Of the knowledge base that an answer is from: one of them may be the one that it should have been from."""
        turn, _ = await self._asked(caller, message_id)
        return await self._knowledge.documents(caller, turn.knowledge_base_id) if turn.knowledge_base_id else []

    async def of(self, caller: Caller, knowledge_base_id: str) -> list[Case]:
        """Newest first."""
        return await self._cases.of(caller, knowledge_base_id)

    async def change(self, caller: Caller, case_id: str, *, uri: str | None, wording: str) -> None:
        """Raises ``NotFound``."""
        await self._cases.change(caller, case_id, uri, " ".join(wording.split())[:LONGEST_WORDING])

    async def delete(self, caller: Caller, case_id: str) -> None:
        await self._cases.delete(caller, case_id)

    async def _asked(self, caller: Caller, message_id: str) -> tuple[Turn, tuple[str, ...]]:
        """The turn that an answer is of, and the questions before it."""
        conversation_id = await self._conversations.conversation_of(caller, message_id)
        messages = await self._conversations.messages(caller, conversation_id)
        place = next(place for place, message in enumerate(messages) if message.id == message_id)
        turn = await self._turns.get(caller, messages[place].turn_id)
        return turn, asked_in(messages[: max(0, place - 1)])
