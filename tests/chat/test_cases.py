"""What people tell of answers that were not right: one case an answer, their own, with the questions before it."""

import pytest

from providers.base import FinishDelta, TextDelta
from sitechat.chat.cases import CaseService
from sitechat.chat.conversations import ConversationService
from sitechat.chat.service import ChatService
from sitechat.errors import InvalidInput, NotFound
from sitechat.events import Answered
from sitechat.identity import LOCAL, Caller
from sitechat.storage.engine import Database
from sitechat.storage.knowledge import KnowledgeStore
from tests.chat.conftest import MakeChat

STRANGER = Caller("stranger")
HELLO = [TextDelta("Hello."), FinishDelta("stop")]


async def answered(
    chat: ChatService, question: str, conversation_id: str | None = None, knowledge_base_id: str | None = None
) -> tuple[str, str]:
    """The ids of the conversation and of the answer."""
    turn = await chat.ask(LOCAL, question, conversation_id=conversation_id, knowledge_base_id=knowledge_base_id)
    events = [event async for event in chat.watch(LOCAL, turn.id)]
    assert isinstance(events[-1], Answered)
    return turn.conversation_id, events[-1].message_id


async def test_what_would_have_been_right_is_kept_until_the_thumb_is_taken_back(
    db: Database, make_chat: MakeChat
) -> None:
    chat, _ = make_chat(HELLO)
    base = await KnowledgeStore(db).create(LOCAL, "Handbook")
    conversation, _ = await answered(chat, "hello", knowledge_base_id=base.id)
    _, message = await answered(chat, "thanks", conversation_id=conversation)
    cases, conversations = CaseService(db), ConversationService(db)
    await conversations.feedback(LOCAL, message, -1)
    await cases.tell(LOCAL, message)
    await cases.tell(LOCAL, message, uri="leave.md", wording=" thirty \n days ")
    (case,) = await cases.of(LOCAL, base.id)
    assert (case.question, case.history) == ("thanks", ("hello",))
    assert (case.uri, case.wording, case.answerable) == ("leave.md", "thirty days", True)

    await cases.change(LOCAL, case.id, uri=None, wording="")
    assert not (await cases.of(LOCAL, base.id))[0].answerable
    await conversations.feedback(LOCAL, message, -1, "It is about something else.")
    assert len(await cases.of(LOCAL, base.id)) == 1
    await conversations.feedback(LOCAL, message, None)
    assert await cases.of(LOCAL, base.id) == []


async def test_each_person_has_their_own_and_they_go_with_the_knowledge_base(db: Database, make_chat: MakeChat) -> None:
    chat, _ = make_chat(HELLO)
    knowledge = KnowledgeStore(db)
    base = await knowledge.create(LOCAL, "Handbook")
    _, message = await answered(chat, "hello", knowledge_base_id=base.id)
    cases = CaseService(db)
    await cases.tell(LOCAL, message, wording="leave")
    (case,) = await cases.of(LOCAL, base.id)
    assert await cases.of(STRANGER, base.id) == []
    with pytest.raises(NotFound):
        await cases.tell(STRANGER, message, wording="mine")
    with pytest.raises(NotFound):
        await cases.change(STRANGER, case.id, uri=None, wording="mine")
    await cases.delete(STRANGER, case.id)
    assert await cases.of(LOCAL, base.id) == [case]
    await knowledge.delete(LOCAL, base.id)
    assert await cases.of(LOCAL, base.id) == []


async def test_an_answer_from_no_knowledge_base_makes_none(db: Database, make_chat: MakeChat) -> None:
    chat, _ = make_chat(HELLO)
    _, message = await answered(chat, "hello")
    assert await CaseService(db).pages(LOCAL, message) == []
    with pytest.raises(InvalidInput, match="No knowledge base was asked"):
        await CaseService(db).tell(LOCAL, message)
