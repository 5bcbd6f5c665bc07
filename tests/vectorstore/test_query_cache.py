"""A question is embedded once, however many ask it, and no failure or cancelled caller spoils it for the next."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from tests.support.embedder import HashEmbedder
from vectorstore.base import EmbeddingError, EmbedKind, Vectors
from vectorstore.embeddings.query_cache import QueryVectors


class Counting(HashEmbedder):
    """``asked`` lists the texts of each call."""

    def __init__(self, spec: str = "local/hash") -> None:
        super().__init__(spec)
        self.asked: list[list[str]] = []

    async def embed(self, texts: Sequence[str], kind: EmbedKind) -> Vectors:
        self.asked.append(list(texts))
        return await super().embed(texts, kind)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_question_asked_again_is_not_embedded_again() -> None:
    embedder, vectors = Counting(), QueryVectors()
    first = await vectors.embed(embedder, ["warranty", "refund"])
    again = await vectors.embed(embedder, ["refund", "warranty", "refund"])
    assert embedder.asked == [["warranty", "refund"]]
    assert np.array_equal(again, first[[1, 0, 1]])
    assert np.array_equal(first, await HashEmbedder().embed(["warranty", "refund"], "query"))


async def test_questions_asked_at_once_are_embedded_together_with_one_call() -> None:
    embedder, vectors = Counting(), QueryVectors()
    embedder.gate.clear()
    asking = [asyncio.create_task(vectors.embed(embedder, ["warranty"])) for _ in range(20)]
    await asyncio.sleep(0)
    embedder.gate.set()
    results = await asyncio.gather(*asking)
    assert embedder.asked == [["warranty"]]
    assert all(np.array_equal(results[0], each) for each in results)


async def test_who_is_cancelled_does_not_take_the_vector_from_who_waits() -> None:
    embedder, vectors = Counting(), QueryVectors()
    embedder.gate.clear()
    impatient = asyncio.create_task(vectors.embed(embedder, ["warranty"]))
    patient = asyncio.create_task(vectors.embed(embedder, ["warranty"]))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.gather(impatient, return_exceptions=True)
    embedder.gate.set()
    assert (await patient).shape == (1, 32)
    assert embedder.asked == [["warranty"]]


async def test_a_failure_is_not_kept() -> None:
    embedder, vectors = Counting(), QueryVectors()
    embedder.failures.append(EmbeddingError("Down."))
    with pytest.raises(EmbeddingError):
        await vectors.embed(embedder, ["warranty"])
    assert (await vectors.embed(embedder, ["warranty"])).shape == (1, 32)


async def test_another_search_model_has_vectors_of_its_own() -> None:
    one, other, vectors = Counting("local/one"), Counting("local/other"), QueryVectors()
    await vectors.embed(one, ["warranty"])
    await vectors.embed(other, ["warranty"])
    assert (one.asked, other.asked) == ([["warranty"]], [["warranty"]])


async def test_vectors_grow_old() -> None:
    clock = Clock()
    embedder, vectors = Counting(), QueryVectors(seconds=60, clock=clock)
    await vectors.embed(embedder, ["warranty"])
    clock.now = 60
    await vectors.embed(embedder, ["warranty"])
    assert len(embedder.asked) == 2


async def test_the_least_recently_used_goes_first() -> None:
    embedder, vectors = Counting(), QueryVectors(size=2)
    for text in ("one", "two", "one", "three"):
        await vectors.embed(embedder, [text])
    embedder.asked.clear()
    await vectors.embed(embedder, ["one", "two"])
    assert embedder.asked == [["two"]]


async def test_more_questions_at_once_than_are_kept_are_all_answered() -> None:
    embedder, vectors = Counting(), QueryVectors(size=2)
    assert (await vectors.embed(embedder, ["one", "two", "three"])).shape == (3, 32)
