"""Conversations and turns: what a person keeps, what only they may see, and what a crash leaves."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sitechat.errors import InvalidInput, NotFound
from sitechat.events import AnswerMetadata, Citation, Failed
from sitechat.identity import LOCAL, Caller
from sitechat.storage.conversations import ConversationStore, NewAnswer
from sitechat.storage.engine import Database
from sitechat.storage.tables import TurnRow, new_id, now
from sitechat.storage.turns import STALE, TurnStore
from sitechat.storage.values import Turn

STRANGER = Caller("stranger")


def answer(content: str, **changes: object) -> NewAnswer:
    metadata = AnswerMetadata(intent="qa", conversation_id="c", provider="p", model="m", prompt_version="1")
    citation = Citation(
        number=1, chunk_id=5, document_id="d", title="T", url="/source/d", quote="q", start=0, end=1, score=0.9
    )
    base = NewAnswer(content=content, state="complete", metadata=metadata, steps=[], citations=[citation])
    return replace(base, **changes)  # type: ignore[arg-type]


def turn(conversation_id: str) -> Turn:
    return Turn(
        id=new_id(),
        conversation_id=conversation_id,
        owner_id=LOCAL.user_id,
        knowledge_base_id=None,
        model="extractive",
        question="Why?",
        replaces=None,
        state="running",
        text="",
        code=None,
        error="",
        retryable=False,
        retry_after=None,
        steps=(),
        started_at=now(),
        updated_at=now(),
    )


async def test_an_exchange_is_kept_with_its_evidence_and_found_by_its_words(db: Database) -> None:
    store = ConversationStore(db)
    kept = await store.create(LOCAL, "About backups", None)
    await store.add_exchange(kept.id, "t", "When?", answer("Nightly [1]."), None)
    question, reply = await store.messages(LOCAL, kept.id)
    assert (question.role, reply.content, reply.citations[0].quote) == ("user", "Nightly [1].", "q")
    assert [c.id for c in await store.recent(LOCAL, "nightly", 10)] == [kept.id]
    assert await store.recent(LOCAL, "weekly", 10) == []
    assert await store.recent(LOCAL, "100%", 10) == []


async def test_a_regenerated_answer_takes_the_place_of_the_old_one(db: Database) -> None:
    store = ConversationStore(db)
    kept = await store.create(LOCAL, "x", None)
    first = await store.add_exchange(kept.id, "t1", "When?", answer("Old."), None)
    await store.add_exchange(kept.id, "t2", "Why?", answer("Because."), None)
    await store.add_exchange(kept.id, "t3", "When?", answer("New."), first)
    assert [m.content for m in await store.messages(LOCAL, kept.id)] == ["When?", "New.", "Why?", "Because."]


async def test_a_deleted_conversation_can_be_brought_back(db: Database) -> None:
    store = ConversationStore(db)
    kept = await store.create(LOCAL, "x", None)
    await store.delete(LOCAL, kept.id)
    with pytest.raises(NotFound):
        await store.get(LOCAL, kept.id)
    await store.purge()
    await store.restore(LOCAL, kept.id)
    assert (await store.get(LOCAL, kept.id)).title == "x"


async def test_a_stranger_is_told_the_same_as_for_what_does_not_exist(db: Database) -> None:
    store = ConversationStore(db)
    kept = await store.create(LOCAL, "x", None)
    message_id = await store.add_exchange(kept.id, "t", "When?", answer("Now."), None)
    messages = []
    for conversation_id in (kept.id, "missing"):
        with pytest.raises(NotFound) as refused:
            await store.get(STRANGER, conversation_id)
        messages.append(refused.value.message)
    assert messages[0] == messages[1]
    with pytest.raises(NotFound):
        await store.set_feedback(STRANGER, message_id, 1, "")
    assert await store.recent(STRANGER, "", 10) == []


async def test_a_thumb_can_be_changed_and_taken_back(db: Database) -> None:
    store = ConversationStore(db)
    kept = await store.create(LOCAL, "x", None)
    message_id = await store.add_exchange(kept.id, "t", "When?", answer("Now."), None)
    for rating, comment in ((1, ""), (-1, "wrong page"), (None, "")):
        await store.set_feedback(LOCAL, message_id, rating, comment)
        found = (await store.messages(LOCAL, kept.id))[1].feedback
        assert (found.rating, found.comment) == (rating, comment) if found else rating is None


async def test_a_conversation_has_one_running_turn(db: Database) -> None:
    conversations, turns = ConversationStore(db), TurnStore(db)
    kept = await conversations.create(LOCAL, "x", None)
    await turns.start(turn(kept.id), "owner")
    with pytest.raises(InvalidInput, match="still answering"):
        await turns.start(turn(kept.id), "owner")


async def test_a_turn_whose_process_died_is_interrupted_with_its_text(db: Database) -> None:
    conversations, turns = ConversationStore(db), TurnStore(db)
    kept = await conversations.create(LOCAL, "x", None)
    lost = turn(kept.id)
    await turns.start(lost, "owner")
    await turns.save_texts([(lost.id, "half an ans")])
    assert await turns.interrupt_orphans(None) == 0
    assert await turns.interrupt_orphans("owner") == 1
    _, found = await conversations.with_turn(LOCAL, kept.id)
    assert found is not None
    assert (found.state, found.text, found.retryable) == ("interrupted", "half an ans", True)


async def test_a_silent_turn_of_a_dead_command_does_not_block_the_next_question(db: Database) -> None:
    conversations, turns = ConversationStore(db), TurnStore(db)
    kept = await conversations.create(LOCAL, "x", None)
    silent = turn(kept.id)
    await turns.start(silent, "process-1")
    async with db.write() as session:
        row = await session.get(TurnRow, silent.id)
        assert row is not None
        row.updated_at = now() - STALE - timedelta(seconds=1)
    await turns.start(turn(kept.id), "owner")
    assert (await turns.get(LOCAL, silent.id)).state == "interrupted"


async def test_a_failed_question_stays_until_it_is_asked_again_or_dropped(db: Database) -> None:
    conversations, turns = ConversationStore(db), TurnStore(db)
    kept = await conversations.create(LOCAL, "x", None)
    failed = turn(kept.id)
    await turns.start(failed, "owner")
    failure = Failed(code="RATE_LIMIT", message="Busy.", retryable=True, retry_after=12)
    await turns.finish(failed.id, "failed", "part", [], failure)
    _, found = await conversations.with_turn(LOCAL, kept.id)
    assert found is not None
    assert (found.question, found.error, found.retry_after, found.text) == ("Why?", "Busy.", 12, "part")
    await turns.discard(failed.id)
    assert (await conversations.with_turn(LOCAL, kept.id))[1] is None


async def test_the_pulse_changes_with_every_change_that_another_tab_should_show(db: Database) -> None:
    conversations, turns = ConversationStore(db), TurnStore(db)
    kept = await conversations.create(LOCAL, "x", None)
    seen = [await conversations.pulse(LOCAL, kept.id)]
    asked = turn(kept.id)
    await turns.start(asked, "owner")
    seen.append(await conversations.pulse(LOCAL, kept.id))
    await turns.save_texts([(asked.id, "more text alone is no change")])
    assert await conversations.pulse(LOCAL, kept.id) == seen[-1]
    await turns.finish(asked.id, "failed", "part", [])
    seen.append(await conversations.pulse(LOCAL, kept.id))
    await conversations.rename(LOCAL, kept.id, "y")
    seen.append(await conversations.pulse(LOCAL, kept.id))
    assert len(set(seen)) == len(seen)
    with pytest.raises(NotFound):
        await conversations.pulse(Caller("somebody-else"), kept.id)
