"""An answer is stored whatever becomes of what is kept beside it."""

import asyncio

import pytest

from providers.base import TextDelta
from providers.scripted import Scripted
from sitechat.chat import endings
from sitechat.chat.answer_cache import AnswerCache, Done
from sitechat.chat.conversations import ConversationService
from sitechat.events import Answered
from sitechat.identity import LOCAL
from sitechat.pipeline.trace import Trace
from sitechat.storage.cached_answers import CachedAnswer
from tests.support.desk import QUESTION, Desk


class Overtaken(AnswerCache):
    """Its knowledge base is deleted before what it keeps is stored."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.db, 30, 100)
        self._desk = desk

    async def entry(self, done: Done) -> CachedAnswer | None:
        await self._desk.shop.knowledge.delete(LOCAL, self._desk.shop.base_id)
        made = await super().entry(done)
        assert made is not None
        return made


class Stuck(AnswerCache):
    """Its embedder does not answer."""

    async def entry(self, done: Done) -> CachedAnswer | None:
        await asyncio.Event().wait()
        return await super().entry(done)


async def stored(desk: Desk, cache: AnswerCache) -> None:
    """An answer comes and is there to be read."""
    chat = desk.chat(Scripted([TextDelta("A week [1].")]), cache=cache)
    turn = await chat.ask(LOCAL, QUESTION, knowledge_base_id=desk.shop.base_id)
    ending = [event async for event in chat.watch(LOCAL, turn.id)][-1]
    assert isinstance(ending, Answered), ending
    thread = await ConversationService(desk.db).thread(LOCAL, turn.conversation_id)
    assert [message.id for message in thread.messages][1:] == [ending.message_id]


async def test_deleting_the_knowledge_base_meanwhile_loses_no_answer(desk: Desk) -> None:
    await stored(desk, Overtaken(desk))
    rows = await desk.rows()
    assert (rows["cached_answers"], rows["traces"]) == (0, 1)


async def test_what_is_kept_to_give_the_answer_again_is_not_waited_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endings, "ENTRY_SECONDS", 0.01)
    await stored(desk, Stuck(desk.db, 30, 100))


async def test_a_trace_that_cannot_be_written_loses_no_answer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Trace) -> str:
        raise ValueError("not JSON")

    monkeypatch.setattr(Trace, "model_dump_json", broken)
    await stored(desk, AnswerCache(desk.db, 30, 100))
    rows = await desk.rows()
    assert (rows["cached_answers"], rows["traces"]) == (1, 0)
