"""What fits into a model's context: passages before history, and nothing is too long for it."""

from dataclasses import replace

import pytest

from providers.base import Capabilities, Quote
from providers.scripted import Scripted
from sitechat.pipeline.budget import Plan, output_limit, plan, tokens
from sitechat.pipeline.request import make_request
from sitechat.pipeline.state import Grade
from tests.pipeline.asking import Asking, said


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("The bridge was opened on 30 June 1894 by the Prince of Wales.", 15, 30),
        ("def answer(question: str) -> str:\n    return model(question)", 15, 40),
        ("用户必须首先选择要上传的文件。", 15, 15),
        ("Пользователь должен выбрать файлы.", 10, 40),
        ("", 0, 0),
        ("a" * 4000, 1000, 1000),
    ],
)
def test_tokens_are_rather_too_many_than_too_few(text: str, least: int, most: int) -> None:
    assert least <= tokens(text) <= most


@pytest.mark.parametrize(("context", "limit"), [(128_000, 16_384), (8_192, 2_048), (1_024, 256), (100, 64)])
def test_an_answer_takes_a_quarter_of_a_small_context(context: int, limit: int) -> None:
    assert output_limit(16_384, context, 16_384) == limit


@pytest.mark.parametrize(
    ("room", "kept"),
    [
        (100, Plan((0, 1, 2), 3)),
        (60, Plan((0, 1, 2), 0)),
        (75, Plan((0, 1, 2), 1)),
        (45, Plan((0, 2), 1)),
        (10, Plan((2,), 0)),
        (5, Plan((), 0)),
        (-5, Plan((), 0)),
    ],
)
def test_history_goes_before_passages_and_the_oldest_of_it_first(room: int, kept: Plan) -> None:
    assert plan(room, [20, 30, 10], [5, 10, 10]) == kept


async def test_passages_without_room_are_left_out_and_known(asking: Asking) -> None:
    indexes = asking.tools.indexes
    for number in range(4):
        await asking.shop.add(indexes, f"long-{number}.md", f"Backups are kept. {f'Part {number} says more. ' * 60}")
    history = said("Which backups are there?", "Nightly ones [1]. " * 200)
    small = Capabilities(1_500, 1_500)
    state = await asking.ask("How long are copies of backups kept here?", {}, history, small)
    assert state.over_budget
    assert state.hits
    assert set(state.hits).isdisjoint(state.over_budget)
    request = asking.request
    assert [passage.number for passage in request.passages] == list(range(1, len(state.hits) + 1))
    used = sum(tokens(message.content) for message in request.messages)
    assert used + request.max_output_tokens <= 1_500
    assert len(request.messages) == 2, "of the history nothing is left"


async def test_a_passage_that_is_too_long_by_itself_is_given_in_part(asking: Asking) -> None:
    for hit in ("refunds.md", "backups.md", "install.md"):
        await asking.shop.add(asking.tools.indexes, hit, f"Zebras live here. {'And they like it. ' * 400}")
    state = await asking.ask("Where do zebras live in this place?", {}, capabilities=Capabilities(1_024, 1_024))
    (passage,) = asking.request.passages
    assert passage.text.startswith("Zebras live here.")
    assert len(passage.text) < len(state.hits[0].chunk.text)
    assert sum(tokens(message.content) for message in asking.request.messages) <= 1_024 - 256


async def test_a_large_context_takes_all(asking: Asking) -> None:
    history = said("Which backups are there?", "Nightly ones [1].")
    state = await asking.ask("How long are copies of the nightly backups kept?", {}, history)
    assert state.over_budget == ()
    assert len(asking.request.messages) == 4


async def test_quotes_follow_their_passages_to_the_numbers_that_these_have_then(asking: Asking) -> None:
    await asking.shop.add(asking.tools.indexes, "long.md", f"Refunds are long. {'They say so. ' * 400}")
    state = await asking.ask("How long do refunds of goods take?", {})
    state.hits = tuple(sorted(state.hits, key=lambda hit: -len(hit.chunk.text)))
    quotes = tuple(Quote(number, hit.chunk.title) for number, hit in enumerate(state.hits, 1))
    state.grade = Grade("enough", "sentences", quotes=quotes)
    tools = replace(asking.tools, provider=Scripted(capabilities=Capabilities(1_500, 1_500)))
    request = make_request(state, tools)
    assert [hit.chunk.title for hit in state.over_budget] == ["long.md"]
    assert [(q.number, q.text) for q in request.evidence or ()] == [(p.number, p.title) for p in request.passages]
