"""An answer is given again to whoever may have it, as long as it is the answer, and costs no call of a model."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import select, update

from providers.base import FinishDelta, NoAnswerDelta, TextDelta
from providers.scripted import Scripted
from sitechat.events import Citation, Status, Token
from sitechat.identity import LOCAL, Caller
from sitechat.pipeline.ranking_rules import RankingRules
from sitechat.pipeline.rerank import Reranking
from sitechat.storage.tables import CachedAnswerRow, KnowledgeBaseRow
from tests.support.cache_desk import Desk, Reply, open_desk
from vectorstore.base import EmbeddingError

WARRANTY = "How long does the warranty of the battery last?"
BATTERY = "The warranty of the battery is two years."
REFUND = "How do I get a refund for a broken lamp that I bought in the shop a week ago?"
REFUND_AGAIN = "How can I get a refund for a broken lamp that I bought in the shop a week ago, please?"
LAMP = "A refund for a broken lamp is paid within ten days."


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path) as opened:
        await opened.shop.write(opened.indexes, "battery.txt", BATTERY)
        await opened.shop.write(opened.indexes, "lamp.txt", LAMP)
        for number in range(6):
            await opened.shop.write(opened.indexes, f"other-{number}.txt", f"Shelf {number} holds bolts and nails.")
        await opened.indexes.catch_up()
        yield opened


def steps(reply: Reply) -> list[str]:
    return [event.step for event in reply.events if isinstance(event, Status)]


async def opened_to_all(desk: Desk) -> None:
    """The knowledge base itself; each of its documents names its own readers."""
    async with desk.shop.db.write() as session:
        await session.execute(update(KnowledgeBaseRow).values(access=["everyone"]))


async def test_the_second_asking_costs_no_call_and_says_the_same(desk: Desk) -> None:
    first = await desk.ask(WARRANTY)
    again = await desk.ask("  how long does the WARRANTY of the battery last ")
    assert desk.calls == 1
    assert (first.cached, again.cached) == (False, True)
    assert again.answered.content == first.answered.content
    assert steps(again) == ["cached"]
    tokens = "".join(event.text for event in again.events if isinstance(event, Token))
    assert tokens == again.answered.content


async def test_an_answer_given_again_is_a_message_like_any_other(desk: Desk) -> None:
    first = await desk.ask(WARRANTY)
    again = await desk.ask(WARRANTY)
    thread = await desk.conversations.thread(LOCAL, again.conversation_id)
    question, answer = thread.messages
    assert (question.content, answer.content) == (WARRANTY, first.answered.content)
    kept = (await desk.conversations.thread(LOCAL, first.conversation_id)).messages[1].citations
    assert [(c.number, c.quote, c.chunk_id) for c in answer.citations] == [
        (c.number, c.quote, c.chunk_id) for c in kept
    ]
    assert answer.citations
    assert answer.metadata is not None
    assert answer.metadata.cached_from == first.answered.message_id
    assert answer.metadata.cached_at is not None
    assert answer.metadata.usage.output_tokens == 0
    assert answer.metadata.source_chunks == first.answered.metadata.source_chunks


async def test_a_citation_comes_before_its_mark(desk: Desk) -> None:
    await desk.ask(WARRANTY)
    events = (await desk.ask(WARRANTY)).events
    cited = next(i for i, event in enumerate(events) if isinstance(event, Citation))
    marked = next(i for i, event in enumerate(events) if isinstance(event, Token) and "[1]" in event.text)
    assert cited < marked


async def test_other_words_that_mean_the_same_find_it(desk: Desk) -> None:
    await desk.ask(REFUND)
    assert (await desk.ask(REFUND_AGAIN)).cached
    assert desk.calls == 1


@pytest.mark.parametrize(
    "twisted",
    [
        "How do I not get a refund for a broken lamp that I bought in the shop a week ago?",
        "How do I get a refund for two broken lamps that I bought in the shop a week ago?",
        "Why do I get a refund for a broken lamp that I bought in the shop a week ago?",
        "How do I get a broken lamp for a refund that I bought in the shop a week ago?",
        "How do I get a refund for a whole lamp that I bought in the shop a week ago?",
    ],
)
async def test_a_twisted_question_does_not(desk: Desk, twisted: str) -> None:
    await desk.ask(REFUND)
    assert not (await desk.ask(twisted)).cached


async def test_another_model_other_settings_or_another_knowledge_base_answer_for_themselves(desk: Desk) -> None:
    await desk.ask(WARRANTY)
    assert not (await desk.ask(WARRANTY, model="other")).cached
    assert not (await replace(desk, passages=2).ask(WARRANTY)).cached
    desk.shop.base_id = (await desk.shop.knowledge.create(LOCAL, "Second")).id
    await desk.shop.add(desk.indexes, "battery.txt", BATTERY)
    assert not (await desk.ask(WARRANTY)).cached


async def test_people_who_may_not_see_the_same_never_meet(desk: Desk) -> None:
    staff = ("user:local", "group:staff", "group:board")
    await desk.shop.add(desk.indexes, "battery.txt", BATTERY, access=staff)
    await desk.shop.add(desk.indexes, "board.txt", "Minutes of the board.", access=("group:board",))
    await opened_to_all(desk)
    one, two = Caller("ann", ("staff",)), Caller("bob", ("staff",))
    chief = Caller("eve", ("staff", "board"))
    assert not (await desk.ask(WARRANTY, caller=one)).cached
    assert (await desk.ask(WARRANTY, caller=two)).cached
    assert not (await desk.ask(WARRANTY, caller=chief)).cached
    assert not (await desk.ask(WARRANTY)).cached


async def test_only_the_very_same_question_finds_another_person_s_answer(desk: Desk) -> None:
    access = ("group:staff",)
    await desk.shop.add(desk.indexes, "lamp.txt", LAMP, access=access)
    await opened_to_all(desk)
    one, two = Caller("ann", ("staff",)), Caller("bob", ("staff",))
    await desk.ask(REFUND, caller=one)
    assert not (await desk.ask(REFUND_AGAIN, caller=two)).cached
    assert (await desk.ask(REFUND, caller=two)).cached


async def test_regenerate_asks_the_model_and_its_answer_takes_the_place(desk: Desk) -> None:
    anew_said = "The warranty is two years. [1]"
    desk.model = Scripted([TextDelta(f"{BATTERY} [1]")], [TextDelta(anew_said)])
    await desk.ask(WARRANTY)
    copy = await desk.ask(WARRANTY)
    anew = await desk.regenerate(copy.answered.message_id)
    assert (anew.cached, anew.answered.content) == (False, anew_said)
    assert (await desk.ask(WARRANTY)).answered.content == anew_said
    assert desk.calls == 2


async def test_regenerating_takes_the_answer_back_even_where_the_new_one_is_not_kept(desk: Desk) -> None:
    desk.model = Scripted([TextDelta("First. [1]")], [TextDelta("Cut"), FinishDelta("length")], [TextDelta("Third.")])
    await desk.ask(WARRANTY)
    copy = await desk.ask(WARRANTY)
    await desk.regenerate(copy.answered.message_id)
    assert (await desk.ask(WARRANTY)).answered.content == "Third."


async def test_a_thumb_down_on_the_answer_or_on_its_copy_ends_it(desk: Desk) -> None:
    first = await desk.ask(WARRANTY)
    copy = await desk.ask(WARRANTY)
    await desk.conversations.feedback(LOCAL, first.answered.message_id, 1)
    assert (await desk.ask(WARRANTY)).cached
    await desk.conversations.feedback(LOCAL, copy.answered.message_id, -1)
    assert not (await desk.ask(WARRANTY)).cached


async def test_with_its_conversation_an_answer_goes_and_comes_back(desk: Desk) -> None:
    first = await desk.ask(WARRANTY)
    await desk.conversations.delete(LOCAL, first.conversation_id)
    assert not (await desk.ask(WARRANTY)).cached
    await desk.conversations.restore(LOCAL, first.conversation_id)
    assert (await desk.ask(WARRANTY)).cached


async def test_a_cut_answer_is_not_given_again(desk: Desk) -> None:
    desk.model = Scripted([TextDelta("Two ye"), FinishDelta("length")])
    await desk.ask(WARRANTY)
    assert not (await desk.ask(WARRANTY)).cached


async def test_a_refusal_is_given_again_until_something_new_comes_near(desk: Desk) -> None:
    desk.model = Scripted([NoAnswerDelta(0.2)])
    first = await desk.ask("Who paints the ceiling?")
    again = await desk.ask("Who paints the ceiling?")
    assert (again.cached, again.answered.refused) == (True, True)
    assert again.answered.closest == first.answered.closest
    await desk.shop.add(desk.indexes, "ceiling.txt", "Michelangelo paints the ceiling.")
    assert not (await desk.ask("Who paints the ceiling?")).cached


async def test_editing_a_cited_page_ends_the_answers_it_touches_and_no_other(desk: Desk) -> None:
    desk.passages = 1
    await desk.ask(WARRANTY)
    await desk.ask(REFUND)
    await desk.shop.add(desk.indexes, "battery.txt", "The warranty of the battery is three years.")
    assert (await desk.ask(REFUND)).cached
    changed = await desk.ask(WARRANTY)
    assert not changed.cached
    assert "three years" in changed.answered.content


async def test_a_page_read_again_with_the_same_words_ends_nothing(desk: Desk) -> None:
    await desk.ask(WARRANTY)
    await desk.shop.add(desk.indexes, "battery.txt", BATTERY)
    assert (await desk.ask(WARRANTY)).cached


async def test_a_citation_follows_its_passage_to_where_it_is_now(desk: Desk) -> None:
    desk.passages = 1
    await desk.ask(WARRANTY)
    document = await desk.shop.add(desk.indexes, "battery.txt", "Nails and bolts lie on a shelf.", BATTERY)
    again = await desk.ask(WARRANTY)
    assert again.cached
    text = await desk.shop.knowledge.text(LOCAL, document)
    (citation,) = (event for event in again.events if isinstance(event, Citation))
    assert text[citation.start : citation.end] == citation.quote
    assert citation.chunk_id in await desk.shop.knowledge.chunks(LOCAL, [citation.chunk_id])
    assert [each.chunk_id for each in again.answered.metadata.source_chunks] == [citation.chunk_id]
    found = [each.evidence for each in again.answered.metadata.support if each.evidence is not None]
    assert found
    assert [text[each.start : each.end] for each in found] == [each.quote for each in found]
    assert (await desk.ask(WARRANTY)).cached


async def test_a_deleted_page_is_not_quoted_though_the_indexes_are_behind(desk: Desk) -> None:
    document = await desk.shop.add(desk.indexes, "battery.txt", BATTERY)
    await desk.ask(WARRANTY)
    await desk.shop.knowledge.delete_document(LOCAL, document)
    assert not (await desk.ask(WARRANTY)).cached


async def test_what_the_indexes_did_not_hold_yet_ends_an_answer_when_they_do(desk: Desk) -> None:
    await desk.shop.write(desk.indexes, "new.txt", "How long the warranty of the battery does last: four years.")
    assert not (await desk.ask(WARRANTY)).cached
    assert (await desk.ask(WARRANTY)).cached
    await desk.indexes.catch_up()
    assert not (await desk.ask(WARRANTY)).cached


async def test_a_follow_up_is_answered_again_only_after_the_same_words(desk: Desk) -> None:
    first = await desk.ask(WARRANTY)
    await desk.ask("And of the lamp?", first.conversation_id)
    same = await desk.ask(WARRANTY)
    assert (await desk.ask("And of the lamp?", same.conversation_id)).cached
    other = await desk.ask(REFUND)
    assert not (await desk.ask("And of the lamp?", other.conversation_id)).cached


async def test_the_same_question_twice_in_one_conversation_is_answered_once(desk: Desk) -> None:
    first = await desk.ask("Battery warranty?")
    assert (await desk.ask("Battery warranty?", first.conversation_id)).cached


async def test_what_a_model_wrote_knowing_a_conversation_is_not_given_outside_of_it(desk: Desk) -> None:
    talk = await desk.ask("My name is Ann and I am ill: does the shelf hold bolts and nails?")
    await desk.ask(WARRANTY, talk.conversation_id)
    assert not (await desk.ask(WARRANTY)).cached


async def test_nor_what_it_wrote_knowing_an_exchange_about_the_same_question(desk: Desk) -> None:
    """A lookup passes over such exchanges; the model that wrote the answer was given them."""
    desk.model = Scripted([TextDelta("Cut"), FinishDelta("length")], [TextDelta("Two years, as I said. [1]")])
    first = await desk.ask(WARRANTY)
    await desk.ask(WARRANTY, first.conversation_id)
    assert not (await desk.ask(WARRANTY)).cached


async def test_rules_of_ranking_answer_for_themselves_and_any_new_candidate_ends_their_answer(desk: Desk) -> None:
    desk.passages = 1
    await desk.ask(WARRANTY)
    desk.reranking = Reranking(rules=RankingRules())
    assert not (await desk.ask(WARRANTY)).cached
    assert (await desk.ask(WARRANTY)).cached
    await desk.shop.add(desk.indexes, "far.txt", "Shelf 7 holds a hammer.")
    assert not (await desk.ask(WARRANTY)).cached


async def test_small_talk_is_never_looked_up(desk: Desk) -> None:
    await desk.ask("Hello!")
    again = await desk.ask("Hello!")
    assert (again.cached, desk.calls) == (False, 2)


async def test_answers_grow_old_and_the_oldest_make_room(desk: Desk) -> None:
    desk.most = 1
    await desk.ask(WARRANTY)
    await desk.ask(REFUND)
    assert (await desk.ask(REFUND)).cached
    assert not (await desk.ask(WARRANTY)).cached
    desk.days = 0
    assert not (await desk.ask(WARRANTY)).cached


async def test_it_is_found_after_a_restart_before_the_search_model_is_loaded(desk: Desk) -> None:
    await desk.ask(WARRANTY)
    await desk.indexes.close()
    desk.indexes = desk.shop.open()
    assert desk.indexes.state.name == "loading"
    assert (await desk.ask(WARRANTY)).cached


async def test_an_answer_made_while_something_failed_is_not_kept(desk: Desk) -> None:
    desk.shop.embedders["local/hash"].failures.append(EmbeddingError("Down."))
    await desk.ask(WARRANTY)
    assert not (await desk.ask(WARRANTY)).cached


async def test_with_the_knowledge_base_all_its_answers_go(desk: Desk) -> None:
    await desk.ask(WARRANTY)
    await desk.shop.knowledge.delete(LOCAL, desk.shop.base_id)
    async with desk.shop.db.read() as session:
        assert (await session.execute(select(CachedAnswerRow.id))).all() == []
