"""A question of the past is answered again, from the passages of then or those of today; nothing of it is kept."""

from collections.abc import Sequence

import pytest
from sqlalchemy import delete

from providers.base import TextDelta
from providers.errors import RateLimitExceeded
from providers.scripted import Fail, Play, Scripted
from sitechat.chat.answer_cache import AnswerCache
from sitechat.chat.conversations import ConversationService
from sitechat.chat.replaying import Replay, ReplayService
from sitechat.errors import NotFound, SiteChatError
from sitechat.events import Answered, Event, Failed
from sitechat.identity import LOCAL, Caller
from sitechat.pipeline.advisor import Advisor
from sitechat.pipeline.trace import Reuse
from sitechat.storage.narrowing import Narrowing
from sitechat.storage.tables import MessageRow
from tests.chat.test_trace import doubts
from tests.support.desk import FIGS, PLUMS, QUESTION, Desk


def said(*texts: str) -> list[list[TextDelta]]:
    return [[TextDelta(text)] for text in texts]


async def again(desk: Desk, ending: Event, *plays: Play, today: bool = False) -> tuple[Replay, Scripted]:
    assert isinstance(ending, Answered)
    model = Scripted(*plays)
    tools = desk.with_model(model)
    return await ReplayService(desk.db, lambda _: tools).replay(LOCAL, ending.message_id, today=today), model


def changes(found: Replay) -> Sequence[tuple[str, str]]:
    return [(change.kind, change.title) for change in found.difference.passages]


async def test_the_same_answer_from_the_same_passages_is_said_to_be_the_same(desk: Desk) -> None:
    ending, then = await desk.ask(QUESTION, *said("A week [1]."))
    found, now = await again(desk, ending, *said("A week [1]."))
    assert now.requests == then.requests
    assert found.difference.same
    assert found.difference.changes == ()
    assert {change.kind for change in found.difference.passages} == {"stayed"}
    assert [edit.kind for edit in found.difference.words] == ["kept"]
    assert found.after.answer.citations == found.before.answer.citations


async def test_the_passages_of_then_are_asked_of_whatever_became_of_the_documents(desk: Desk) -> None:
    ending, then = await desk.ask(QUESTION, *said("A week [1]."))
    for document in await desk.shop.knowledge.documents(LOCAL, desk.shop.base_id):
        await desk.shop.knowledge.delete_document(LOCAL, document.id)
    found, now = await again(desk, ending, *said("A week [1]."))
    assert now.requests == then.requests
    assert found.difference.same


async def test_other_words_and_other_evidence_are_shown(desk: Desk) -> None:
    ending, then = await desk.ask(QUESTION, *said("Plums keep for a week [1]. Yes."))
    other = next(p.number for p in then.requests[0].passages if p.text == FIGS)
    plums = next(p.number for p in then.requests[0].passages if p.text == PLUMS)
    ending, _ = await desk.ask(QUESTION, *said(f"Plums keep for a week [{plums}]. Yes."))
    found, _ = await again(desk, ending, *said(f"Plums keep for a year [{other}]. Yes."))
    difference = found.difference
    assert not difference.same
    assert [(edit.kind, edit.text) for edit in difference.words] == [
        ("kept", "Plums keep for a "),
        ("removed", "week"),
        ("added", "year"),
        ("kept", " [1]. Yes."),
    ]
    assert [each.quote for each in difference.citations_gone] == ["They keep for a week in a cool cellar."]
    assert [each.quote for each in difference.citations_new] == ["Dried figs keep for a year."]


async def test_today_an_edited_document_shows(desk: Desk) -> None:
    ending, _ = await desk.ask(QUESTION, *said("A week [1]."))
    await desk.shop.add(desk.tools.indexes, "plums.md", PLUMS.replace("a week", "two weeks"))
    found, model = await again(desk, ending, *said("Two weeks [1]."), today=True)
    assert sorted(changes(found)) == [("changed", "plums.md"), ("stayed", "figs.md")]
    assert "two weeks" in str(model.requests[0].messages)
    assert ("index at change", "2", "3") in [(c.what, c.before, c.after) for c in found.difference.changes]
    assert not found.difference.same
    unmoved, _ = await again(desk, ending, *said("A week [1]."))
    assert unmoved.difference.same


async def test_today_passages_that_came_and_went_are_told_apart(desk: Desk) -> None:
    ending, _ = await desk.ask(QUESTION, *said("A week."))
    figs = next(d for d in await desk.shop.knowledge.documents(LOCAL, desk.shop.base_id) if d.title == "figs.md")
    await desk.shop.knowledge.delete_document(LOCAL, figs.id)
    await desk.shop.add(desk.tools.indexes, "cellar.md", "How long plums keep: see the cellar.")
    found, _ = await again(desk, ending, *said("A week."), today=True)
    kinds = {title: kind for kind, title in changes(found)}
    assert (kinds["cellar.md"], kinds["figs.md"]) == ("came", "went")
    ranks = {change.title: (change.before, change.after) for change in found.difference.passages}
    assert ranks["cellar.md"][0] is None
    assert ranks["figs.md"][1] is None


async def test_today_a_search_is_narrowed_down_as_it_was(desk: Desk) -> None:
    figs = next(d for d in await desk.shop.knowledge.documents(LOCAL, desk.shop.base_id) if d.title == "figs.md")
    narrowing = Narrowing(documents=frozenset({figs.id}))
    chat = desk.chat(Scripted(*said("A year [1].")))
    turn = await chat.ask(LOCAL, QUESTION, knowledge_base_id=desk.shop.base_id, narrowing=narrowing)
    ending = [event async for event in chat.watch(LOCAL, turn.id)][-1]
    assert (await desk.trace(ending)).narrowing == narrowing
    found, _ = await again(desk, ending, *said("A year [1]."), today=True)
    assert changes(found) == [("stayed", "figs.md")]


async def test_today_the_conversation_before_it_counts(desk: Desk) -> None:
    first, _ = await desk.ask(QUESTION, *said("A week."))
    assert isinstance(first, Answered)
    ending, then = await desk.ask("And figs?", *said("A year."), conversation_id=first.metadata.conversation_id)
    found, now = await again(desk, ending, *said("A year."), today=True)
    assert now.requests == then.requests
    assert (found.after.queries, found.history_missing) == (found.before.queries, 0)
    async with desk.db.write() as session:
        await session.execute(delete(MessageRow).where(MessageRow.id == first.message_id))
    found, _ = await again(desk, ending, *said("A year."), today=True)
    assert found.history_missing == 1


async def test_small_talk_is_replayed_as_well(desk: Desk) -> None:
    ending, _ = await desk.ask("Hello", *said("Hi!"))
    for today in (False, True):
        found, _ = await again(desk, ending, *said("Hi there!"), today=today)
        assert (found.after.intent, found.difference.same) == ("chitchat", False)


async def test_an_answer_that_is_a_refusal_now_says_so(desk: Desk) -> None:
    ending, _ = await desk.ask(QUESTION, *said("A week [1]."))
    found, _ = await again(desk, ending, *said("NO_ANSWER"))
    assert found.difference.outcome == ("answered", "refused")


async def test_a_refusal_that_was_decided_before_the_answer_asks_nobody_again(desk: Desk) -> None:
    ending, _ = await desk.ask("Who won the cup?", *said("Never asked."), advisor=Advisor(Scripted(doubts)))
    found, model = await again(desk, ending, *said("Never asked."))
    assert model.requests == []
    assert found.difference.outcome == ("refused", "refused")
    assert found.difference.same
    willing, _ = await again(desk, ending, *said("England [1]."), today=True)
    assert willing.difference.outcome == ("refused", "answered")
    assert {change.kind for change in willing.difference.passages} == {"stayed"}


async def test_an_answer_that_was_given_again_is_replayed_as_the_one_it_repeats(desk: Desk) -> None:
    chat = desk.chat(then := Scripted(*said("A week [1].")), cache=AnswerCache(desk.db, 30, 100))
    endings = []
    for _ in range(2):
        turn = await chat.ask(LOCAL, QUESTION, knowledge_base_id=desk.shop.base_id)
        endings.append([event async for event in chat.watch(LOCAL, turn.id)][-1])
    first, second = [await desk.trace(ending) for ending in endings]
    assert second.reused == Reuse(message_id=str(first.message_id), exact=True)
    assert (second.request, second.passages, second.answer) == (None, (), first.answer)
    found, now = await again(desk, endings[1], *said("A week [1]."))
    assert now.requests == then.requests
    assert found.difference.same
    assert found.before == first


async def test_an_answer_that_repeats_one_that_is_gone_says_so(desk: Desk) -> None:
    chat = desk.chat(Scripted(*said("A week [1].")), cache=AnswerCache(desk.db, 30, 100))
    endings = []
    for _ in range(2):
        turn = await chat.ask(LOCAL, QUESTION, knowledge_base_id=desk.shop.base_id)
        endings.append([event async for event in chat.watch(LOCAL, turn.id)][-1])
    first, second = endings
    assert isinstance(first, Answered)
    await ConversationService(desk.db).delete(LOCAL, first.metadata.conversation_id)
    with pytest.raises(NotFound, match="repeats an earlier one"):
        await again(desk, second)


async def test_a_question_that_failed_can_be_answered_from_what_it_was_asked_with(desk: Desk) -> None:
    ending, then = await desk.ask(QUESTION, [Fail(RateLimitExceeded("The model is busy."))])
    assert isinstance(ending, Failed)
    model = Scripted(*said("A week [1]."))
    tools = desk.with_model(model)
    found = await ReplayService(desk.db, lambda _: tools).replay(LOCAL, ending.turn_id)
    assert model.requests == then.requests
    assert found.difference.outcome == ("failed", "answered")


async def test_a_replay_is_not_kept_and_a_failing_one_says_why(desk: Desk) -> None:
    ending, _ = await desk.ask(QUESTION, *said("A week [1]."))
    before = await desk.rows()
    for today in (False, True):
        await again(desk, ending, *said("Two weeks [1]."), today=today)
        with pytest.raises(SiteChatError, match="busy"):
            await again(desk, ending, [Fail(RateLimitExceeded("The model is busy."))], today=today)
    assert await desk.rows() == before


async def test_another_s_answer_cannot_be_replayed(desk: Desk) -> None:
    ending, _ = await desk.ask(QUESTION, *said("A week."))
    assert isinstance(ending, Answered)
    with pytest.raises(NotFound):
        await ReplayService(desk.db, lambda _: desk.tools).replay(Caller("stranger"), ending.message_id)
