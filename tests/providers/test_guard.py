"""The guard, over scripts: patience, second tries, floods, and leaving nothing behind."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from providers.base import Capabilities, Delta, FinishDelta, NoAnswerDelta, Request, TextDelta, UsageDelta, WaitDelta
from providers.errors import (
    AuthenticationFailed,
    ContentFiltered,
    MalformedStream,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    QuotaExceeded,
    RateLimitExceeded,
    StreamBroken,
)
from providers.guard import Guarded, Limits
from providers.scripted import Cut, Delay, Fail, Hang, Scripted, Step
from tests.providers.collect import REQUEST, first_text, listen

QUICK = Limits(first_token=20, silence=20, pause_first=0.01, pause_most=0.02, pause_jitter=0.01, retry_after_most=5)
TWO_WORDS: list[Step] = [TextDelta("One"), TextDelta(" two"), UsageDelta(5, 2), FinishDelta("stop")]


async def test_a_good_stream_passes_through_unchanged() -> None:
    """Nothing is added to it and nothing taken away; what arrives together is passed on together."""
    heard = await listen(Guarded(Scripted(TWO_WORDS), QUICK))
    assert heard.text == "".join(delta.text for delta in TWO_WORDS if isinstance(delta, TextDelta))
    assert [delta for delta in heard.deltas if not isinstance(delta, TextDelta)] == TWO_WORDS[2:]


async def test_a_refusal_to_answer_passes_through() -> None:
    """A provider that can tell that nothing answers the question says so once."""
    heard = await listen(Guarded(Scripted([NoAnswerDelta(0.4)]), QUICK))
    assert heard.deltas == [NoAnswerDelta(0.4)]


@pytest.mark.parametrize("error", [RateLimitExceeded("Busy."), ProviderUnavailable("Away.")])
async def test_a_passing_failure_is_retried_and_announced(error: ProviderError) -> None:
    """Before each pause the reader is told how long it will be."""
    inner = Scripted([Fail(error)], [Fail(error)], TWO_WORDS)
    heard = await listen(Guarded(inner, QUICK))
    assert heard.text == "One two"
    assert [wait.kind for wait in heard.waits] == ["retrying", "retrying"]
    assert all("retrying in" in wait.message for wait in heard.waits)
    assert len(inner.calls) == 3


@pytest.mark.parametrize("error", [AuthenticationFailed("No."), QuotaExceeded("Empty."), MalformedStream("Rubbish.")])
async def test_a_lasting_failure_is_raised_as_it_is(error: ProviderError) -> None:
    """The caller sees the very error, at the first try."""
    inner = Scripted([Fail(error)])
    heard = await listen(Guarded(inner, QUICK))
    assert heard.error is error
    assert len(inner.calls) == 1


async def test_attempts_are_counted_and_the_last_failure_raised() -> None:
    """Three tries mean three requests."""
    inner = Scripted([Fail(ProviderUnavailable("First."))], [Fail(ProviderUnavailable("Later."))])
    heard = await listen(Guarded(inner, QUICK))
    assert isinstance(heard.error, ProviderUnavailable)
    assert str(heard.error) == "Later."
    assert len(inner.calls) == QUICK.attempts


async def test_a_pause_longer_than_the_limit_is_not_waited_for() -> None:
    """A provider that asks for an hour gets no second try; the caller learns how long it would be."""
    inner = Scripted([Fail(RateLimitExceeded("Busy.", retry_after=3600))])
    heard = await listen(Guarded(inner, QUICK))
    assert isinstance(heard.error, RateLimitExceeded)
    assert heard.error.retry_after == 3600
    assert len(inner.calls) == 1


async def test_the_pause_asked_for_is_the_pause_made() -> None:
    """Retry-After outweighs our own schedule, which would be much shorter here."""
    inner = Scripted([Fail(RateLimitExceeded("Busy.", retry_after=0.4))], TWO_WORDS)
    begin = asyncio.get_running_loop().time()
    heard = await listen(Guarded(inner, QUICK))
    assert asyncio.get_running_loop().time() - begin >= 0.4
    assert heard.waits[0].seconds >= 0.4


@pytest.mark.parametrize("end", [Cut(), Fail(ProviderUnavailable("Away.")), Fail(MalformedStream("Rubbish."))])
async def test_after_text_every_failure_is_a_broken_stream(end: Cut | Fail) -> None:
    """The text is kept, nothing is asked again, and one class tells the caller that the answer is incomplete."""
    inner = Scripted([TextDelta("Half"), end])
    heard = await listen(Guarded(inner, QUICK))
    assert heard.text == "Half"
    assert isinstance(heard.error, StreamBroken)
    assert "incomplete" in heard.error.message
    assert len(inner.calls) == 1


async def test_a_content_filter_stays_one_even_after_text() -> None:
    """It is no accident of the connection, and retrying would not help."""
    heard = await listen(Guarded(Scripted([TextDelta("Half"), Fail(ContentFiltered("No."))]), QUICK))
    assert isinstance(heard.error, ContentFiltered)


async def test_a_stream_without_anything_is_retried() -> None:
    """An empty answer that was not finished is a lost connection."""
    heard = await listen(Guarded(Scripted([Cut()], TWO_WORDS), QUICK))
    assert heard.text == "One two"
    assert len(heard.waits) == 1


async def test_waiting_is_announced_until_the_first_text() -> None:
    """Every few moments while nothing has come, and never after."""
    script: list[Step] = [Delay(0.5), TextDelta("One"), Delay(0.5), TextDelta(" two")]
    heard = await listen(Guarded(Scripted(script), Limits(notice_every=0.1)))
    assert heard.text == "One two"
    assert heard.waits
    assert all(wait.kind == "waiting" for wait in heard.waits)
    assert max(heard.deltas.index(wait) for wait in heard.waits) < heard.deltas.index(TextDelta("One"))


async def test_a_first_token_that_never_comes_ends_in_a_timeout() -> None:
    """The limit is named in the message, and the inner stream is closed."""
    inner = Scripted([Hang()])
    heard = await listen(Guarded(inner, Limits(first_token=0.2)))
    assert isinstance(heard.error, ProviderTimeout)
    assert "0.2 s" in heard.error.message
    assert inner.calls[0].closed_early


async def test_silence_after_text_ends_in_a_broken_stream() -> None:
    """The limit between words is another than the one for the first."""
    inner = Scripted([TextDelta("Half"), Hang()])
    heard = await listen(Guarded(inner, Limits(first_token=20, silence=0.2)))
    assert heard.text == "Half"
    assert isinstance(heard.error, StreamBroken)
    assert "silent" in heard.error.message
    assert inner.calls[0].closed_early


async def test_signs_of_life_extend_the_patience() -> None:
    """A model that thinks aloud is not cut off while it does; each sign starts the clock anew."""
    sign = WaitDelta("waiting", "The model is thinking (1 s)…", 1)
    script: list[Step] = [Delay(0.8), sign, Delay(0.8), sign, Delay(0.8), TextDelta("Done")]
    heard = await listen(Guarded(Scripted(script), Limits(first_token=2, notice_every=60)))
    assert heard.text == "Done"
    assert heard.waits == [sign, sign]


async def test_a_slow_reader_is_not_a_silent_model() -> None:
    """Time the reader takes over its words does not count against the model."""
    inner = Scripted([TextDelta(f" {i}") for i in range(300)])
    read = ""
    async with aclosing(Guarded(inner, Limits(silence=0.3)).stream(REQUEST)) as deltas:
        await anext(deltas)
        await asyncio.sleep(0.8)
        async for delta in deltas:
            read += delta.text if isinstance(delta, TextDelta) else ""
    assert read.endswith(" 298 299")


async def test_a_fast_model_waits_for_a_slow_reader() -> None:
    """No more than a few handfuls of words lie between them, so memory is bounded."""
    inner = Scripted([TextDelta(f" {i}") for i in range(5000)])
    deltas = Guarded(inner, Limits(max_output_tokens=10_000)).stream(Request((), max_output_tokens=10_000))
    await first_text(deltas)
    await asyncio.sleep(0.2)
    assert len(inner.calls[0].sent) < 200
    await deltas.aclose()


@pytest.mark.parametrize("piece", [" word", "x" * 1000])
async def test_a_flood_is_cut_by_pieces_and_by_characters(piece: str) -> None:
    """Whether it comes in drops or in buckets, it ends at the limit as an answer that was too long."""
    inner = Scripted([TextDelta(piece)] * 2000)
    heard = await listen(Guarded(inner, Limits(max_output_tokens=50)))
    assert heard.error is None
    assert heard.deltas[-1] == FinishDelta("length")
    assert len(heard.text) <= 50 * 16
    assert inner.calls[0].closed_early


async def test_the_limit_is_passed_on_to_the_model() -> None:
    """The smaller of the request's and the guard's."""
    inner = Scripted(TWO_WORDS)
    await listen(Guarded(inner, Limits(max_output_tokens=77)))
    assert inner.requests[0].max_output_tokens == 77


async def test_closing_reaches_the_inner_stream() -> None:
    """At once, wherever it waits."""
    inner = Scripted([TextDelta("One"), Hang()])
    deltas = Guarded(inner, QUICK).stream(REQUEST)
    await first_text(deltas)
    await deltas.aclose()
    assert inner.calls[0].closed_early


async def test_cancelling_during_a_pause_leaves_no_task() -> None:
    """Stop works while the next try is being waited for."""
    before = asyncio.all_tasks()
    inner = Scripted([Fail(RateLimitExceeded("Busy.", retry_after=4))])
    reader = asyncio.create_task(listen(Guarded(inner, QUICK)))
    await asyncio.sleep(0.1)
    assert inner.calls
    reader.cancel()
    await asyncio.wait([reader])
    assert reader.cancelled()
    assert asyncio.all_tasks() == before


async def test_what_breaks_after_the_finish_does_not_matter() -> None:
    """The answer is whole."""
    heard = await listen(Guarded(Unclean(), QUICK))
    assert heard.error is None
    assert heard.deltas == [TextDelta("Done"), FinishDelta("stop")]


class Unclean(Scripted):
    """Loses its connection after its last word."""

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        yield TextDelta("Done")
        yield FinishDelta("stop")
        raise ProviderUnavailable("Away.")


async def test_a_bug_is_not_dressed_up_as_a_failure() -> None:
    """What no provider may raise comes out as it is, so that it is logged as a bug."""
    heard = await listen(Guarded(Scripted([TextDelta("Half"), Fail(KeyError("oops"))]), QUICK))
    assert isinstance(heard.error, KeyError)


class Scoped:
    """A provider that holds a time limit and a task group open across its yields, as HTTP clients do."""

    name = "scoped"
    model = "m"
    capabilities = Capabilities(1000, 100)

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
            for i in range(5):
                await asyncio.sleep(0.01)
                yield TextDelta(f" {i}")
            yield FinishDelta("stop")

    async def check(self) -> str:
        return "fine"

    async def close(self) -> None:
        return None


async def test_one_task_steps_the_inner_stream() -> None:
    """Limits and groups that it holds open see one task, though this reader takes each step in a task of its own."""
    deltas = Guarded(Scoped(), Limits(notice_every=0.005)).stream(REQUEST)
    texts = []
    while True:
        try:
            delta = await asyncio.create_task(_step(deltas))
        except StopAsyncIteration:
            break
        if isinstance(delta, TextDelta):
            texts.append(delta.text)
    assert "".join(texts) == " 0 1 2 3 4"


async def _step(deltas: AsyncGenerator[Delta, None]) -> Delta:
    return await anext(deltas)


async def test_check_has_a_limit_too() -> None:
    """The doctor does not hang on a provider that does."""

    class Stuck(Scripted):
        async def check(self) -> str:
            await asyncio.Event().wait()
            return ""

    with pytest.raises(ProviderTimeout):
        await Guarded(Stuck(), Limits(connect=0.1, first_token=0.1)).check()


class Punctual(Scripted):
    """A model that writes a word every five milliseconds, whether it is read or not."""

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        for number in range(100):
            if (early := begun + number * 0.005 - loop.time()) > 0:
                await asyncio.sleep(early)
            yield TextDelta(f" {number}")
        yield FinishDelta("stop")


async def test_many_answers_at_once_are_read_in_fewer_and_larger_pieces() -> None:
    """Nothing of them is lost, and each visit to a stream finds several words."""
    alone = await listen(Guarded(Punctual([]), QUICK))
    crowd = await asyncio.gather(*(listen(Guarded(Punctual([]), QUICK)) for _ in range(30)))
    assert {heard.text for heard in crowd} == {alone.text}
    assert max(len(heard.deltas) for heard in crowd) < len(alone.deltas) / 2
