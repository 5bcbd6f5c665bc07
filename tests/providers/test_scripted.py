"""The shipped fake does what its script says and remembers what was asked."""

from pathlib import Path

import pytest

from providers.base import FinishDelta, NoAnswerDelta, TextDelta, UsageDelta, WaitDelta
from providers.errors import RateLimitExceeded
from providers.scripted import Cut, Fail, Hang, Scripted, load
from tests.providers.collect import REQUEST, first_text, listen


async def test_scripts_are_taken_in_turn_and_the_last_repeats() -> None:
    """A test writes down what each request meets."""
    provider = Scripted([TextDelta("first")], [TextDelta("then")])
    assert [(await listen(provider)).text for _ in range(3)] == ["first", "then", "then"]
    assert provider.requests == [REQUEST] * 3
    assert all(call.finished and not call.closed_early for call in provider.calls)


async def test_a_script_may_be_a_function_of_the_request() -> None:
    """For answers that depend on the question."""
    provider = Scripted(lambda request: [TextDelta(request.question.upper())])
    assert (await listen(provider)).text == REQUEST.question.upper()


async def test_an_unfinished_script_is_finished_for_it_unless_it_is_cut() -> None:
    """A list of words is a whole answer; a cut one is not."""
    assert (await listen(Scripted([TextDelta("a")]))).finish == "stop"
    assert (await listen(Scripted([TextDelta("a"), Cut()]))).finish is None


async def test_leaving_early_is_noticed() -> None:
    """That is how a test sees that Stop arrived."""
    provider = Scripted([TextDelta("a"), Hang()])
    deltas = provider.stream(REQUEST)
    await first_text(deltas)
    await deltas.aclose()
    assert provider.calls[0].closed_early


async def test_the_default_script_echoes_and_cites() -> None:
    """Enough to show the page something."""
    heard = await listen(Scripted())
    assert REQUEST.question in heard.text
    assert heard.text.endswith("[1]")
    assert heard.usage is not None


async def test_scripts_are_read_from_a_file(tmp_path: Path) -> None:
    """A running process is scripted by a JSON file."""
    path = tmp_path / "script.json"
    path.write_text(
        '[[{"text": "Hi ", "repeat": 2}, {"delay": 0}, {"wait": "Still…", "seconds": 5}, {"usage": [1, 2]},'
        ' {"finish": "length"}], [{"fail": "rate_limit", "message": "Busy.", "retry_after": 2}],'
        ' [{"no_answer": 0.3}], [{"text": "x", "every": 0}, {"cut": true}]]'
    )
    provider = Scripted(*load(path))
    first = await listen(provider)
    assert first.deltas == [
        TextDelta("Hi "), TextDelta("Hi "), WaitDelta("waiting", "Still…", 5), UsageDelta(1, 2), FinishDelta("length"),
    ]  # fmt: skip
    error = (await listen(provider)).error
    assert isinstance(error, RateLimitExceeded)
    assert error.retry_after == 2
    assert (await listen(provider)).deltas == [NoAnswerDelta(0.3)]


@pytest.mark.parametrize("content", ["{", '[{"dance": 1}]', '[{"fail": "no such kind"}]'])
def test_a_script_that_makes_no_sense_names_the_file(tmp_path: Path, content: str) -> None:
    """Whoever wrote it finds the place."""
    path = tmp_path / "odd.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"odd\.json"):
        load(path)


async def test_failures_are_raised_in_their_place() -> None:
    """After the text that stands before them."""
    heard = await listen(Scripted([TextDelta("a"), Fail(RateLimitExceeded("Busy."))]))
    assert heard.text == "a"
    assert isinstance(heard.error, RateLimitExceeded)
