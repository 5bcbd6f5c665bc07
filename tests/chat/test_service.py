"""A turn outlives its viewers, ends exactly once, keeps what had arrived, and a failure adds no message."""

import asyncio
from pathlib import Path

import pytest

from providers.base import FinishDelta, TextDelta, UsageDelta
from providers.errors import RateLimitExceeded, StreamBroken
from providers.scripted import Delay, Fail, Hang
from sitechat.chat.conversations import ConversationService
from sitechat.chat.service import ChatService
from sitechat.errors import InvalidInput, NotFound, Unavailable
from sitechat.events import Answered, Event, Failed, Stopped, Token
from sitechat.identity import LOCAL, Caller
from sitechat.storage.conversations import ConversationStore
from sitechat.storage.engine import Database
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.turns import TurnStore
from tests.chat.conftest import MakeChat

STRANGER = Caller("stranger")
WORDS = [TextDelta("Hello"), TextDelta(" there"), TextDelta("!"), UsageDelta(10, 3), FinishDelta("stop")]


async def everything(chat: ChatService, turn_id: str, after: int = 0) -> list[Event]:
    return [event async for event in chat.watch(LOCAL, turn_id, after)]


async def until_text(chat: ChatService, turn_id: str) -> None:
    """Wait until the turn has said something."""
    async for event in chat.watch(LOCAL, turn_id):
        if isinstance(event, Token):
            return


async def test_an_answer_streams_and_becomes_two_messages(db: Database, make_chat: MakeChat) -> None:
    chat, _ = make_chat(WORDS)
    turn = await chat.ask(LOCAL, "  hello  ")
    events = await everything(chat, turn.id)
    answered = events[-1]
    assert isinstance(answered, Answered)
    assert answered.content == "".join(e.text for e in events if isinstance(e, Token)) == "Hello there!"
    assert answered.metadata.usage.output_tokens == 3
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert [e.type for e in events[:2]] == ["status", "status"]
    thread = await ConversationService(db).thread(LOCAL, turn.conversation_id)
    assert [(m.role, m.content) for m in thread.messages] == [("user", "hello"), ("assistant", "Hello there!")]
    assert (thread.conversation.title, thread.turn) == ("hello", None)
    assert thread.messages[1].id == answered.message_id


async def test_two_viewers_and_a_reload_see_one_answer_from_one_call(make_chat: MakeChat) -> None:
    chat, model = make_chat([TextDelta("a"), Delay(0.05), TextDelta("b"), Delay(0.05), TextDelta("c")])
    turn = await chat.ask(LOCAL, "hello")
    first = asyncio.create_task(everything(chat, turn.id))
    await until_text(chat, turn.id)  # a viewer that leaves in mid-answer
    reloaded = await everything(chat, turn.id)
    assert await first == reloaded
    assert len(model.calls) == 1
    assert await everything(chat, turn.id, after=3) == reloaded[3:]


async def test_stop_closes_the_model_s_stream_and_keeps_the_partial_text(db: Database, make_chat: MakeChat) -> None:
    chat, model = make_chat([TextDelta("Half an"), Hang()])
    turn = await chat.ask(LOCAL, "hello")
    await until_text(chat, turn.id)
    await chat.stop(LOCAL, turn.id)
    assert model.calls[0].closed_early
    ending = (await everything(chat, turn.id))[-1]
    assert isinstance(ending, Stopped)
    assert ending.content == "Half an"
    thread = await ConversationService(db).thread(LOCAL, turn.conversation_id)
    assert [(m.content, m.state) for m in thread.messages][1] == ("Half an", "stopped")
    await chat.stop(LOCAL, turn.id)  # stopping what has ended changes nothing


async def test_stop_before_the_first_word_keeps_the_question(db: Database, make_chat: MakeChat) -> None:
    chat, _ = make_chat([Hang()])
    turn = await chat.ask(LOCAL, "hello")
    await asyncio.gather(*(chat.stop(LOCAL, turn.id) for _ in range(3)))
    thread = await ConversationService(db).thread(LOCAL, turn.conversation_id)
    assert [m.content for m in thread.messages] == ["hello", ""]
    assert thread.turn is None


async def test_a_failure_adds_no_message_and_the_question_can_be_asked_again(db: Database, make_chat: MakeChat) -> None:
    busy = Fail(RateLimitExceeded("The model is busy.", retry_after=7))
    chat, model = make_chat([TextDelta("Once upon"), busy], WORDS)
    turn = await chat.ask(LOCAL, "hello")
    failed = (await everything(chat, turn.id))[-1]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.retry_after, failed.content) == ("RATE_LIMIT", 7, "Once upon")
    thread = await ConversationService(db).thread(LOCAL, turn.conversation_id)
    assert thread.messages == ()
    assert thread.turn is not None
    assert (thread.turn.question, thread.turn.text, thread.turn.error) == ("hello", "Once upon", "The model is busy.")
    again = await chat.retry(LOCAL, turn.id)
    assert isinstance((await everything(chat, again.id))[-1], Answered)
    thread = await ConversationService(db).thread(LOCAL, turn.conversation_id)
    assert (len(thread.messages), thread.turn) == (2, None)
    assert "Once upon" not in str(model.requests[1].messages)


async def test_a_bug_is_internal_and_shows_no_traceback(make_chat: MakeChat) -> None:
    chat, _ = make_chat([TextDelta("x"), Fail(ZeroDivisionError("secret detail"))])
    turn = await chat.ask(LOCAL, "hello")
    failed = (await everything(chat, turn.id))[-1]
    assert isinstance(failed, Failed)
    assert failed.code == "INTERNAL"
    assert "secret" not in failed.message


async def test_an_empty_answer_is_a_failure(make_chat: MakeChat) -> None:
    chat, _ = make_chat([FinishDelta("stop")])
    turn = await chat.ask(LOCAL, "hello")
    assert isinstance((await everything(chat, turn.id))[-1], Failed)


async def test_a_regenerated_answer_replaces_the_old_one_and_does_not_see_it(db: Database, make_chat: MakeChat) -> None:
    chat, model = make_chat([TextDelta("First.")], [TextDelta("Second.")], [TextDelta("Third.")])
    turn = await chat.ask(LOCAL, "hello")
    first = (await everything(chat, turn.id))[-1]
    assert isinstance(first, Answered)
    follow_up = await chat.ask(LOCAL, "thanks", conversation_id=turn.conversation_id)
    await everything(chat, follow_up.id)
    again = await chat.regenerate(LOCAL, first.message_id)
    await everything(chat, again.id)
    thread = await ConversationService(db).thread(LOCAL, turn.conversation_id)
    assert [m.content for m in thread.messages] == ["hello", "Third.", "thanks", "Second."]
    assert "First." in str(model.requests[1].messages)
    assert "First." not in str(model.requests[2].messages)


async def test_a_conversation_answers_one_question_at_a_time(make_chat: MakeChat) -> None:
    chat, _ = make_chat([TextDelta("x"), Hang()])
    turn = await chat.ask(LOCAL, "hello")
    with pytest.raises(InvalidInput, match="still answering"):
        await chat.ask(LOCAL, "hello again", conversation_id=turn.conversation_id)
    await chat.stop(LOCAL, turn.id)


@pytest.mark.parametrize(("content", "about"), [("   ", "Type a question"), ("x" * 20_001, "20,001 characters")])
async def test_a_question_that_makes_no_sense_is_refused_with_what_would(
    make_chat: MakeChat, content: str, about: str
) -> None:
    chat, _ = make_chat()
    with pytest.raises(InvalidInput, match=about):
        await chat.ask(LOCAL, content)


async def test_an_empty_knowledge_base_cannot_be_asked_yet(db: Database, make_chat: MakeChat) -> None:
    chat, _ = make_chat(WORDS)
    base = await KnowledgeStore(db).create(LOCAL, "Handbook")
    with pytest.raises(Unavailable, match="“Handbook” has nothing to answer from yet"):
        await chat.ask(LOCAL, "What is the holiday policy?", knowledge_base_id=base.id)
    turn = await chat.ask(LOCAL, "hello", knowledge_base_id=base.id)
    assert isinstance((await everything(chat, turn.id))[-1], Answered)


async def test_strangers_can_neither_watch_nor_stop_nor_retry(make_chat: MakeChat) -> None:
    chat, model = make_chat([TextDelta("x"), Hang()])
    turn = await chat.ask(LOCAL, "hello")
    with pytest.raises(NotFound):
        await chat.stop(STRANGER, turn.id)
    with pytest.raises(NotFound):
        await chat.retry(STRANGER, turn.id)
    with pytest.raises(NotFound):
        await anext(chat.watch(STRANGER, turn.id))
    await until_text(chat, turn.id)
    assert not model.calls[0].closed_early
    await chat.stop(LOCAL, turn.id)


async def test_closing_the_engine_keeps_what_had_arrived_as_interrupted(db: Database, make_chat: MakeChat) -> None:
    chat, model = make_chat([TextDelta("Half"), Hang()])
    turn = await chat.ask(LOCAL, "hello")
    await until_text(chat, turn.id)
    await chat.close()
    assert model.calls[0].closed_early
    _, left = await ConversationStore(db).with_turn(LOCAL, turn.conversation_id)
    assert left is not None
    assert (left.state, left.text) == ("interrupted", "Half")


async def test_the_text_so_far_is_on_disk_while_the_answer_runs(db: Database, make_chat: MakeChat) -> None:
    chat, _ = make_chat([TextDelta("So far"), Hang()])
    chat.start()
    turn = await chat.ask(LOCAL, "hello")
    async with asyncio.timeout(30):
        while (await TurnStore(db).get(LOCAL, turn.id)).text != "So far":  # noqa: ASYNC110 (a row tells nobody)
            await asyncio.sleep(0.05)
    await chat.close()


async def test_a_turn_whose_log_is_gone_is_told_from_the_database(db: Database, make_chat: MakeChat) -> None:
    chat, _ = make_chat(WORDS, [TextDelta("part"), Fail(StreamBroken("It broke."))])
    answered = await chat.ask(LOCAL, "hello")
    broken = await chat.ask(LOCAL, "hello")
    for turn in (answered, broken):
        await everything(chat, turn.id)
    later, _ = make_chat()
    assert [e.type for e in await everything(later, answered.id)] == ["snapshot", "answered"]
    snapshot, failed = await everything(later, broken.id)
    assert (snapshot.type, failed.type) == ("snapshot", "failed")
    assert isinstance(failed, Failed)
    assert failed.content == "part"


async def test_an_export_holds_questions_answers_and_what_was_stopped(
    tmp_path: Path, db: Database, make_chat: MakeChat
) -> None:
    chat, _ = make_chat(WORDS, [TextDelta("Half"), Hang()])
    turn = await chat.ask(LOCAL, "hello")
    await everything(chat, turn.id)
    second = await chat.ask(LOCAL, "thanks", conversation_id=turn.conversation_id)
    await until_text(chat, second.id)
    await chat.stop(LOCAL, second.id)
    text = await ConversationService(db).export_markdown(LOCAL, turn.conversation_id)
    assert text.startswith("# hello\n")
    assert "Hello there!" in text
    assert "Half\n\n*Stopped here.*" in text
