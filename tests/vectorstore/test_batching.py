"""The order in which texts reach a model, and how its failures reach those who asked."""

import asyncio
import threading
from collections.abc import Callable

import numpy as np
import pytest

from vectorstore.base import EmbeddingError, EmbedKind
from vectorstore.embeddings.batching import Encoder, EncodingThreads, GoOn, Model, unit_rows
from vectorstore.embeddings.remote import batches_of


class Recorder:
    """A model that encodes a text to its length, keeps what it was given, and can be held up."""

    def __init__(self, passage_batch: int = 4, encoders: int = 1) -> None:
        self.calls: list[tuple[EmbedKind, list[str]]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.passage_batch = passage_batch
        self.encoders = encoders

    def load(self, _: GoOn) -> Model:
        return Model((Encoder(self.encode),) * self.encoders, 2, self.passage_batch)

    def encode(self, texts: list[str], kind: EmbedKind) -> np.ndarray:
        self.entered.set()
        assert self.gate.wait(30)
        self.calls.append((kind, texts))
        if any("fail" in text for text in texts):
            raise RuntimeError("no such luck")
        return np.array([[len(text), 1] for text in texts], np.float32)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  what is waited for happens on another thread
            await asyncio.sleep(0.002)


async def hold_up(thread: EncodingThreads, model: Recorder) -> "asyncio.Task[object]":
    """Have the model busy with a passage until its gate opens."""
    await asyncio.wrap_future(thread.loaded)
    model.gate.clear()
    model.entered.clear()
    busy = asyncio.create_task(thread.encode(["busy"], "passage"))
    await until(model.entered.is_set)
    return busy


async def test_rows_come_back_in_the_order_of_the_texts() -> None:
    """Passages are sorted by length and cut into batches on the way; nobody notices."""
    model = Recorder()
    thread = EncodingThreads(model.load)
    texts = ["x" * n for n in (3, 9, 1, 7, 2, 8, 5, 4, 6, 10)]
    rows = await thread.encode(texts, "passage")
    np.testing.assert_allclose(rows, unit_rows([[len(text), 1] for text in texts]))
    assert [len(batch) for _, batch in model.calls] == [4, 4, 2]
    assert [len(text) for _, batch in model.calls for text in batch] == list(range(10, 0, -1))
    assert (await thread.encode([], "passage")).shape == (0, 2)
    thread.close(5)


async def test_a_question_passes_the_passages_that_wait() -> None:
    """It is next after the batch at hand, however much an ingestion has handed in."""
    model = Recorder()
    thread = EncodingThreads(model.load)
    busy = await hold_up(thread, model)
    ingestion = asyncio.create_task(thread.encode(["passage"] * 40, "passage"))
    await asyncio.sleep(0.01)
    question = asyncio.create_task(thread.encode(["question"], "query"))
    await asyncio.sleep(0.01)
    model.gate.set()
    await asyncio.gather(busy, ingestion, question)
    assert [kind for kind, _ in model.calls[:3]] == ["passage", "query", "passage"]
    thread.close(5)


async def test_questions_asked_at_once_are_encoded_at_once() -> None:
    """What arrives while the model is busy goes in one call."""
    model = Recorder()
    thread = EncodingThreads(model.load)
    busy = await hold_up(thread, model)
    asked = [asyncio.create_task(thread.encode([f"question {i}"], "query")) for i in range(20)]
    await asyncio.sleep(0.01)
    model.gate.set()
    await asyncio.gather(busy, *asked)
    assert [(kind, len(texts)) for kind, texts in model.calls] == [("passage", 1), ("query", 20)]
    thread.close(5)


async def test_a_small_ingestion_does_not_wait_for_the_whole_of_a_large_one() -> None:
    """Whoever has the fewest passages left is served first."""
    model = Recorder()
    thread = EncodingThreads(model.load)
    busy = await hold_up(thread, model)
    large = asyncio.create_task(thread.encode(["large"] * 40, "passage"))
    await asyncio.sleep(0.01)
    small = asyncio.create_task(thread.encode(["small"] * 4, "passage"))
    await asyncio.sleep(0.01)
    model.gate.set()
    await asyncio.gather(busy, large, small)
    assert [texts[0] for _, texts in model.calls[:4]] == ["busy", "small", "large", "large"]
    thread.close(5)


async def test_several_encoders_work_at_once_and_all_of_them_end() -> None:
    """Neither waits for the other; what waits when they are closed is refused once."""
    model = Recorder(encoders=2)
    both = threading.Barrier(2)
    plain = model.encode

    def encode(texts: list[str], kind: EmbedKind) -> np.ndarray:
        both.wait(30)
        return plain(texts, kind)

    model.encode = encode  # type: ignore[method-assign]
    thread = EncodingThreads(model.load)
    rows = await thread.encode(["x" * n for n in range(1, 17)], "passage")
    np.testing.assert_allclose(rows, unit_rows([[n, 1] for n in range(1, 17)]))
    model.gate.clear()
    waiting = [asyncio.create_task(thread.encode([f"{n}"] * 4, "passage")) for n in range(4)]
    await until(lambda: sum(len(request.waiting) for request in thread._passages) == 8)
    closing = asyncio.create_task(asyncio.to_thread(thread.close, 10))
    await until(lambda: thread._closed)
    model.gate.set()
    await closing
    outcomes = await asyncio.gather(*waiting, return_exceptions=True)
    assert [isinstance(outcome, EmbeddingError) for outcome in outcomes] == [False, False, True, True]
    assert [kept.is_alive() for kept in (thread._thread, *thread._more)] == [False, False]


async def test_what_is_encoded_together_is_of_like_length_whoever_asked_for_it() -> None:
    """A batch takes as long as its longest text, so a short one beside long ones would be a long one too."""
    model = Recorder(passage_batch=2)
    thread = EncodingThreads(model.load)
    busy = await hold_up(thread, model)
    one = asyncio.create_task(thread.encode(["a" * 90, "a" * 10], "passage"))
    await asyncio.sleep(0.01)
    other = asyncio.create_task(thread.encode(["b" * 11, "b" * 88], "passage"))
    await asyncio.sleep(0.01)
    model.gate.set()
    _, rows, others = await asyncio.gather(busy, one, other)
    assert [sorted(len(text) for text in batch) for _, batch in model.calls[1:]] == [[88, 90], [10, 11]]
    np.testing.assert_allclose(rows, unit_rows([[90, 1], [10, 1]]))
    np.testing.assert_allclose(others, unit_rows([[11, 1], [88, 1]]))
    thread.close(5)


async def test_what_was_cancelled_is_not_encoded() -> None:
    """A job that was stopped costs no more than the batch at hand."""
    model = Recorder()
    thread = EncodingThreads(model.load)
    busy = await hold_up(thread, model)
    job = asyncio.create_task(thread.encode(["gone"] * 40, "passage"))
    await asyncio.sleep(0.01)
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    model.gate.set()
    await busy
    await thread.encode(["next"], "passage")
    assert [texts for _, texts in model.calls] == [["busy"], ["next"]]
    thread.close(5)


async def test_a_failure_goes_to_those_who_asked_only() -> None:
    """The thread lives on, and the message says what happened."""
    model = Recorder()
    thread = EncodingThreads(model.load)
    with pytest.raises(EmbeddingError, match="no such luck") as caught:
        await thread.encode(["fail"], "query")
    assert caught.value.transient
    assert (await thread.encode(["fine"], "query")).shape == (1, 2)
    thread.close(5)


async def test_a_load_that_fails_tells_everyone_who_waits() -> None:
    """Each caller gets the reason, now and later."""

    def load(_: GoOn) -> Model:
        raise EmbeddingError("there is no model")

    thread = EncodingThreads(load)
    outcomes = await asyncio.gather(*(thread.encode(["x"], "query") for _ in range(3)), return_exceptions=True)
    assert {str(outcome) for outcome in outcomes} == {"there is no model"}


async def test_closing_refuses_what_waits() -> None:
    """Nobody is left hanging."""
    model = Recorder()
    thread = EncodingThreads(model.load)
    busy = await hold_up(thread, model)
    waiting = asyncio.create_task(thread.encode(["late"], "query"))
    await asyncio.sleep(0.01)
    closing = asyncio.create_task(asyncio.to_thread(thread.close, 10))
    await until(lambda: thread._closed)
    model.gate.set()
    await asyncio.gather(busy, closing)
    with pytest.raises(EmbeddingError, match="closed"):
        await waiting
    with pytest.raises(EmbeddingError, match="closed"):
        await thread.encode(["later"], "query")


async def test_a_model_that_nobody_wants_any_more_stops_loading() -> None:
    """Between the steps of a load it is asked whether to go on."""
    begun, go = threading.Event(), threading.Event()

    def load(go_on: GoOn) -> Model:
        begun.set()
        assert go.wait(30)
        go_on()
        raise AssertionError("went on")

    thread = EncodingThreads(load)
    await until(begun.is_set)
    thread.close(5)
    go.set()
    with pytest.raises(EmbeddingError, match="closed"):
        await asyncio.wrap_future(thread.loaded)


@pytest.mark.parametrize("rows", [[1.0, 2.0], [[1.0], [1.0, 2.0]], [["x"]], None, [[1.0, 2.0, 3.0]]])
def test_rows_that_are_no_vectors_are_an_error(rows: object) -> None:
    """Whatever a server sends does not get into the index."""
    with pytest.raises(EmbeddingError, match="do not fit"):
        unit_rows(rows, 2)


def test_numbers_that_are_not_finite_are_an_error() -> None:
    """They would make every later search of the index wrong."""
    with pytest.raises(EmbeddingError, match="finite"):
        unit_rows([[float("nan"), 1.0]], 2)


def test_rows_become_unit_vectors() -> None:
    """Also those of a text that means nothing."""
    np.testing.assert_allclose(unit_rows([[3.0, 4.0], [0.0, 0.0]]), [[0.6, 0.8], [0.0, 0.0]], atol=1e-7)


def test_remote_batches_hold_to_every_limit() -> None:
    """By number, by bytes, and by the length of one text, which is cut between characters."""
    assert list(batches_of(["a"] * 5, most=2, most_bytes=99, longest=9)) == [["a", "a"], ["a", "a"], ["a"]]
    assert list(batches_of(["aaaa", "bbbb", "c"], most=9, most_bytes=5, longest=9)) == [["aaaa"], ["bbbb", "c"]]
    assert list(batches_of(["éééé", " "], most=9, most_bytes=99, longest=5)) == [["éé", "."]]
    assert list(batches_of([], most=9, most_bytes=99, longest=5)) == []
