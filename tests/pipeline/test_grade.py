"""Enough, partly or not enough: a model's judgement decides where it comes, and sentences where none writes."""

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace

import pytest
import pytest_asyncio

from providers.base import Provider, TextDelta
from providers.errors import ProviderUnavailable
from providers.extractive import Extractive
from providers.scripted import Fail, Scripted, Step
from providers.sufficiency import THRESHOLD
from sitechat.events import Citation, Event, Status
from sitechat.identity import LOCAL
from sitechat.pipeline.advisor import Advisor
from sitechat.pipeline.answer import REFUSAL
from sitechat.pipeline.run import run
from sitechat.pipeline.state import Tools, TurnState
from tests.support.shop import Shop
from vectorstore.base import EmbeddingError

QUESTION = "How long do plums keep in the cellar?"
TEXTS = {
    "plums.md": "Plums keep for a week in the cellar. Wash them before use.",
    "figs.md": "Dried figs keep for a year. Store them in a closed box.",
    "tools.md": "Sharpen the knife of the press once a month with the blue stone.",
}
ATTEMPTS = [f"Answer not found, expanding context (attempt {attempt})" for attempt in (1, 2)]
BEST = "Using best available matches"


class Bench:
    """Asks the pipeline; ``judge`` and ``writer`` are the models of the last question."""

    def __init__(self, shop: Shop, tools: Tools) -> None:
        self.shop = shop
        self._tools = tools
        self.events: list[Event] = []
        self.judge = Scripted()
        self.writer: Provider = Scripted()

    async def ask(
        self, question: str, *judgements: Iterable[Step] | str, writer: Provider | None = None, passages: int = 8
    ) -> TurnState:
        """Each judgement is the reply to one call; without any, no model judges."""
        self.judge = Scripted(*([TextDelta(said)] if isinstance(said, str) else list(said) for said in judgements))
        self.writer = writer or Scripted([TextDelta("A week [1].")])
        base = await self.shop.knowledge.get(LOCAL, self.shop.base_id)
        state = TurnState(LOCAL, question, knowledge_base=base)
        advisor = Advisor(self.judge) if judgements else None
        tools = replace(self._tools, provider=self.writer, advisor=advisor, passages=passages)
        self.events = [event async for event in run(state, tools)]
        return state

    @property
    def written(self) -> int:
        """How often an answer was asked for."""
        return len(self.writer.calls) if isinstance(self.writer, Scripted) else 0

    def messages(self, step: str) -> list[str]:
        """What was said at the end of each attempt at a step."""
        return [e.message for e in self.events if isinstance(e, Status) and e.step == step and e.is_end]


@pytest_asyncio.fixture
async def bench(shop: Shop) -> AsyncIterator[Bench]:
    indexes = shop.open()
    await indexes.ready()
    for uri, text in TEXTS.items():
        await shop.add(indexes, uri, text)
    yield Bench(shop, Tools(indexes, shop.knowledge, Scripted(), 8, 500))
    await indexes.close()


def reply(*grades: int, enough: bool = False, searches: tuple[str, ...] = ()) -> str:
    return json.dumps({"grades": grades, "enough": enough, "searches": searches})


def refused(state: TurnState, events: list[Event]) -> bool:
    """And without any evidence."""
    assert not state.refused or not (state.citations or any(isinstance(event, Citation) for event in events))
    return state.refused and state.content == REFUSAL


async def test_what_a_model_finds_enough_is_answered_from_what_it_finds_relevant(bench: Bench) -> None:
    state = await bench.ask(QUESTION, reply(3, 1, 0, enough=True))
    assert state.grade is not None
    assert (state.grade.verdict, state.grade.by) == ("enough", "model")
    assert sorted(state.grade.relevance.values()) == [0, 1, 3]
    assert len(state.hits) == 2
    assert state.content == "A week [1]."
    assert not state.caution
    assert bench.messages("grading") == ["Validating information"]
    assert bench.messages("expanding") == []
    assert [request.purpose for request in bench.judge.requests] == ["grade", "verify"]


async def test_what_a_model_finds_not_enough_is_refused_unasked_after_two_more_searches(bench: Bench) -> None:
    state = await bench.ask(QUESTION, reply(1, 0), reply(0), passages=2)
    assert refused(state, bench.events)
    assert bench.written == 0
    assert bench.messages("expanding") == ATTEMPTS
    assert [page.title for page in state.closest]
    assert len(bench.judge.calls) == 2, "the second time there was nothing that it had not seen"


async def test_each_attempt_is_announced_before_it_is_made(bench: Bench) -> None:
    await bench.ask(QUESTION, reply(0, 0, 0))
    begun = [(e.message, e.attempt) for e in bench.events if isinstance(e, Status) and e.step == "expanding"]
    assert begun == [(message, n) for n, message in enumerate(ATTEMPTS, start=1) for _ in range(2)]


async def test_what_a_model_finds_when_it_looks_further_is_answered_from(bench: Bench) -> None:
    state = await bench.ask(QUESTION, reply(0, searches=("knife of the press",)), reply(3, enough=True), passages=1)
    assert state.grade is not None
    assert state.grade.verdict == "enough"
    assert not state.refused
    assert bench.messages("expanding") == ATTEMPTS[:1]
    assert "knife" in state.hits[0].chunk.text
    assert len(state.grade.relevance) == 2


async def test_what_answers_a_part_is_answered_with_caution(bench: Bench) -> None:
    state = await bench.ask(QUESTION, reply(2, 0, 0))
    assert state.caution
    assert not state.refused
    assert bench.messages("expanding") == [*ATTEMPTS, BEST]


async def test_an_answer_that_says_the_documents_are_silent_needs_no_caution(bench: Bench) -> None:
    state = await bench.ask(QUESTION, reply(2, 0, 0), writer=Scripted([TextDelta("NO_ANSWER")]))
    assert refused(state, bench.events)
    assert not state.caution


@pytest.mark.parametrize(
    "judgement",
    ["It looks fine to me.", reply(3), reply(3, 7, 0), '{"grades": [3, 0, 0]}', [Fail(ProviderUnavailable("Down."))]],
)
async def test_without_a_judgement_a_model_that_writes_decides_itself(
    bench: Bench, judgement: str | list[Step]
) -> None:
    state = await bench.ask("Who won the cup in 1954?", judgement)
    assert state.grade is None
    assert state.content.startswith("A week")
    assert bench.messages("expanding") == []
    assert bench.written == 1


async def test_where_no_model_may_be_asked_one_that_writes_is_not_kept_waiting(bench: Bench) -> None:
    state = await bench.ask("Who won the cup in 1954?")
    assert state.grade is None
    assert bench.messages("grading") == []
    assert bench.written == 1


async def test_without_a_model_the_best_sentence_decides_and_is_quoted(bench: Bench) -> None:
    state = await bench.ask(QUESTION, writer=Extractive())
    assert state.grade is not None
    assert (state.grade.by, state.grade.threshold) == ("sentences", THRESHOLD)
    assert state.grade.score is not None
    assert state.grade.score >= THRESHOLD
    assert state.content.startswith("Plums keep for a week in the cellar. [1]")
    assert state.citations[0].quote == "Plums keep for a week in the cellar."


async def test_without_a_model_other_questions_are_refused_after_two_more_searches(bench: Bench) -> None:
    state = await bench.ask("Who won the cup in 1954?", writer=Extractive())
    assert refused(state, bench.events)
    assert state.grade is not None
    assert state.grade.verdict == "not enough"
    assert bench.messages("expanding") == ATTEMPTS


async def test_without_a_model_a_turned_question_is_refused(bench: Bench) -> None:
    assert refused(await bench.ask("How long do plums not keep in the cellar?", writer=Extractive()), bench.events)


async def test_judging_by_sentences_goes_on_without_the_search_model(bench: Bench) -> None:
    bench.shop.embedders["local/hash"].failures += [EmbeddingError("Away.")] * 9
    state = await bench.ask(QUESTION, writer=Extractive())
    assert state.content.startswith("Plums keep for a week in the cellar. [1]")


async def test_small_talk_is_not_judged(bench: Bench) -> None:
    await bench.ask("Hello!", reply(0))
    assert bench.judge.calls == []
