"""How an answer came about is kept with it: what was searched, found, left out, told to the model, and what it cost."""

import json
from dataclasses import replace

import pytest
from pydantic import BaseModel
from sqlalchemy import delete

import sitechat
from providers.base import Capabilities, Message, Request, TextDelta, UsageDelta
from providers.errors import RateLimitExceeded
from providers.scripted import Fail, Hang, Scripted
from sitechat.chat.conversations import ConversationService
from sitechat.errors import NotFound
from sitechat.events import Answered, Failed, Token
from sitechat.identity import LOCAL, Caller
from sitechat.pipeline.advisor import Advisor
from sitechat.pipeline.state import TurnState
from sitechat.pipeline.trace import Trace
from sitechat.pipeline.tracing import Course, trace_of
from sitechat.storage.conversations import ConversationStore
from sitechat.storage.tables import ConversationRow, TraceRow, now
from tests.support.desk import QUESTION, Desk


class Verdict(BaseModel):
    enough: bool


def doubts(request: Request) -> list[TextDelta]:
    """A model that finds nothing in any passage, and would look for something else."""
    if request.purpose != "grade":
        return [TextDelta("No JSON.")]
    grades = [0] * request.messages[-1].content.count("<passage ")
    return [TextDelta(json.dumps({"grades": grades, "enough": False, "searches": ["cup winners"]}))]


async def test_a_trace_is_what_happened(desk: Desk) -> None:
    ending, model = await desk.ask(QUESTION, [TextDelta("A week [2]."), UsageDelta(120, 7)])
    assert isinstance(ending, Answered)
    trace = await desk.trace(ending)
    (request,) = model.requests
    assert (trace.turn_id, trace.message_id, trace.outcome) == (ending.turn_id, ending.message_id, "answered")
    assert (trace.sitechat, trace.intent, trace.queries.question) == (sitechat.__version__, "qa", QUESTION)
    assert trace.prompt == request.messages
    assert trace.prompt_version == ending.metadata.prompt_version
    assert [trace.text_of(passage) for passage in trace.given] == [passage.text for passage in request.passages]
    assert [passage.score for passage in trace.given] == [passage.score for passage in request.passages]
    assert all(passage.place is not None and passage.text is None for passage in trace.given)
    assert [passage.cited for passage in trace.given] == [(), (1,)]
    assert trace.answer.content == ending.content == "A week [1]."
    assert trace.answer.citations[0].chunk_id == trace.given[1].chunk_id
    assert (trace.usage, trace.model.spec, trace.model.provider) == (ending.metadata.usage, "scripted", "scripted")
    assert trace.ttft_ms == ending.metadata.ttft_ms
    assert [each.support for each in trace.answer.support] == ["supported"]
    assert [step.step for step in trace.steps] == ["routing", "retrieving", "generating", "verifying"]
    assert trace.steps[1].numbers == {"passages": 2, "pages": 2}


async def test_each_passage_keeps_how_it_was_found_and_where(desk: Desk) -> None:
    ending, _ = await desk.ask(QUESTION, [TextDelta("A week [1].")])
    trace = await desk.trace(ending)
    best = next(passage for passage in trace.passages if passage.title == "plums.md")
    text = await desk.shop.knowledge.text(LOCAL, best.document_id)
    assert text[best.start : best.end] == trace.text_of(best)
    assert [passage.rank for passage in trace.passages] == [1, 2]
    assert best.number == best.rank
    assert best.found.text_rank == 1
    assert best.found.dense_rank is not None
    assert best.found.cosine > 0
    assert best.found.words > 0
    assert trace.searched is not None
    index = desk.tools.indexes.version
    assert (trace.searched.knowledge_base, trace.searched.index) == ("Shop", index)
    assert (index.embedding, index.generation) == ("local/hash", desk.tools.indexes.generation_id)
    assert index.dense_sequence == index.text_sequence == 2
    assert set(trace.searched.principals) == LOCAL.principals


async def test_passages_that_the_prompt_had_no_room_for_are_named(desk: Desk) -> None:
    for name in ("first.md", "second.md"):
        await desk.shop.add(desk.tools.indexes, name, f"How long do plums keep on paper? See {name}. " * 35)
    small = Capabilities(context_tokens=1500, max_output_tokens=500)
    ending, model = await desk.ask(QUESTION, [TextDelta("A week [1].")], capabilities=small)
    trace = await desk.trace(ending)
    left_out = [passage for passage in trace.passages if passage.over_budget]
    assert left_out
    assert all((p.number, p.place, p.text, p.cited) == (None, None, None, ()) for p in left_out)
    assert [p.number for p in trace.given] == [p.number for p in model.requests[0].passages]
    assert not any(f"See {passage.title}" in model.requests[0].messages[-1].content for passage in left_out)
    assert isinstance(ending, Answered)
    assert ending.metadata.chunks_used == len(trace.given) < len(trace.passages)


async def test_a_passage_that_the_prompt_quotes_in_other_characters_keeps_its_own_text(desk: Desk) -> None:
    odd = "Plums keep in </passage> a cellar."
    await desk.shop.add(desk.tools.indexes, "odd.md", odd)
    ending, _ = await desk.ask(QUESTION, [TextDelta("A week.")])
    trace = await desk.trace(ending)
    kept = next(passage for passage in trace.given if passage.title == "odd.md")
    assert (kept.place, trace.text_of(kept)) == (None, odd)


async def test_a_question_that_leans_on_another_says_so(desk: Desk) -> None:
    first, _ = await desk.ask(QUESTION, [TextDelta("A week.")])
    assert isinstance(first, Answered)
    ending, _ = await desk.ask("And figs?", [TextDelta("A year.")], conversation_id=first.metadata.conversation_id)
    trace = await desk.trace(ending)
    assert trace.queries.leans_on == (QUESTION,)
    messages = await ConversationStore(desk.db).messages(LOCAL, first.metadata.conversation_id)
    assert trace.history == tuple(message.id for message in messages[:2])


async def test_judgements_that_steps_asked_a_model_for_are_in_the_trace(desk: Desk) -> None:
    advisor = Advisor(Scripted([TextDelta("{")]))
    state = TurnState(LOCAL, QUESTION)
    await advisor.ask(state, "grade", (Message("user", "Enough?"),), Verdict)
    course = Course("t", "scripted", now(), "answered", (), ())
    trace = trace_of(state, replace(desk.tools, advisor=advisor), course)
    assert trace.consultations == tuple(state.consultations)
    assert trace.model.advisor == "scripted/script"
    assert Trace.model_validate_json(trace.model_dump_json()) == trace


async def test_a_refusal_keeps_what_was_looked_at(desk: Desk) -> None:
    trace = await desk.trace((await desk.ask("Who won the cup?", [TextDelta("NO_ANSWER")]))[0])
    assert (trace.outcome, trace.answer.citations) == ("refused", ())
    assert len(trace.passages) == len(trace.answer.closest) == 2


async def test_a_refusal_that_a_judgement_decided_keeps_it_and_what_was_searched_for_besides(desk: Desk) -> None:
    ending, model = await desk.ask("Who won the cup?", [TextDelta("Never asked.")], advisor=Advisor(Scripted(doubts)))
    trace = await desk.trace(ending)
    assert model.requests == []
    assert (trace.outcome, trace.request, trace.given) == ("refused", None, ())
    assert len(trace.chosen) == 2
    assert trace.grade is not None
    assert (trace.grade.verdict, trace.grade.by) == ("not enough", "model")
    assert trace.grade.relevance == {passage.chunk_id: 0 for passage in trace.passages}
    assert "cup winners" in trace.queries.further
    assert [asked.purpose for asked in trace.consultations].count("grade") >= 1
    assert [step.attempt for step in trace.steps if step.step == "expanding"][:2] == [1, 2]
    assert Trace.model_validate_json(trace.model_dump_json()) == trace


async def test_small_talk_searched_nothing(desk: Desk) -> None:
    trace = await desk.trace((await desk.ask("Hello", [TextDelta("Hi!")]))[0])
    assert (trace.intent, trace.searched, trace.passages) == ("chitchat", None, ())
    assert trace.prompt


async def test_a_stopped_answer_and_a_failed_question_have_traces_too(desk: Desk) -> None:
    model = Scripted([TextDelta("Half"), Hang()], [Fail(RateLimitExceeded("The model is busy."))])
    chat = desk.chat(model)
    turn = await chat.ask(LOCAL, QUESTION, knowledge_base_id=desk.shop.base_id)
    async for event in chat.watch(LOCAL, turn.id):
        if isinstance(event, Token):
            await chat.stop(LOCAL, turn.id)
    assert (await desk.trace(event)).outcome == "stopped"
    failed = await chat.ask(LOCAL, QUESTION, knowledge_base_id=desk.shop.base_id)
    ending = [event async for event in chat.watch(LOCAL, failed.id)][-1]
    assert isinstance(ending, Failed)
    trace = await ConversationService(desk.db).trace(LOCAL, failed.id)
    assert (trace.outcome, trace.message_id) == ("failed", None)
    assert trace.failure is not None
    assert (trace.failure.code, trace.failure.message) == ("RATE_LIMIT", "The model is busy.")
    assert trace.given
    assert trace.prompt == model.requests[1].messages
    await chat.discard(LOCAL, failed.id)
    assert await desk.traces() == 1


async def test_a_trace_goes_with_its_answer(desk: Desk) -> None:
    first, _ = await desk.ask(QUESTION, [TextDelta("A week.")])
    assert isinstance(first, Answered)
    chat = desk.chat(Scripted([TextDelta("Seven days.")]))
    again = await chat.regenerate(LOCAL, first.message_id)
    ending = [event async for event in chat.watch(LOCAL, again.id)][-1]
    assert await desk.traces() == 1
    assert (await desk.trace(ending)).answer.content == "Seven days."
    conversations = ConversationService(desk.db)
    await conversations.delete(LOCAL, first.metadata.conversation_id)
    with pytest.raises(NotFound):
        await desk.trace(ending)
    async with desk.db.write() as session:
        await session.execute(delete(ConversationRow))
    assert await desk.traces() == 0


async def test_a_trace_is_for_those_who_may_read_the_answer(desk: Desk) -> None:
    ending, _ = await desk.ask(QUESTION, [TextDelta("A week.")])
    assert isinstance(ending, Answered)
    conversations, stranger = ConversationService(desk.db), Caller("stranger")
    messages = []
    for caller, of in ((stranger, ending.message_id), (stranger, ending.turn_id), (LOCAL, "nothing")):
        with pytest.raises(NotFound) as caught:
            await conversations.trace(caller, of)
        messages.append(str(caught.value))
    assert len(set(messages)) == 1


async def test_an_answer_that_is_older_than_traces_says_so(desk: Desk) -> None:
    ending, _ = await desk.ask(QUESTION, [TextDelta("A week.")])
    async with desk.db.write() as session:
        await session.execute(delete(TraceRow))
    with pytest.raises(NotFound, match="was not kept"):
        await desk.trace(ending)


async def test_a_trace_that_cannot_be_made_does_not_lose_the_answer(desk: Desk) -> None:
    ending, _ = await desk.ask(QUESTION, [TextDelta("A week.")], advisor="not an advisor")
    assert isinstance(ending, Answered)
    with pytest.raises(NotFound, match="was not kept"):
        await desk.trace(ending)
