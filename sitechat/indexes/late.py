"""Reads the vectors of passages' parts from the database: of the candidates of a question, never of all."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from sitechat.storage.vectors import Generation, VectorsStore
from vectorstore.late import LateScore, LateVectors, Span, score, unit

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sentences:
    """``spans`` of a passage's sentences in its text, in order, and their ``vectors``: unit rows, float32.

    Sentences that the embedding model did not read, because the passage is too long for it, are not among them.
    """

    spans: tuple[Span, ...]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class QueryVector:
    """A query's unit vector, shape ``(dimension,)``; it means nothing among vectors of another ``generation``."""

    generation: int
    values: NDArray[np.float32]


class Run(Protocol):
    """Runs a function on a worker thread and awaits it."""

    def __call__(self, function: Callable[[], T], /) -> Awaitable[T]: ...


class LateReader:
    def __init__(self, vectors: VectorsStore, run: Run) -> None:
        self._vectors = vectors
        self._run = run

    async def scores(
        self, generation: Generation, query: QueryVector, chunk_ids: Collection[int]
    ) -> dict[int, LateScore]:
        """How near ``query`` comes to the parts of these chunks, of those that have such vectors."""
        if query.generation != generation.id:
            return {}  # of a model that was exchanged meanwhile
        stored = await self._vectors.late(generation.id, chunk_ids)

        def scored() -> dict[int, LateScore]:
            parts = _decoded(stored, generation.dimension)
            return dict(zip(parts, score(query.values, list(parts.values())), strict=True))

        return await self._run(scored)

    async def sentences(
        self, generation: Generation, query: QueryVector, chunk_ids: Collection[int]
    ) -> dict[int, Sentences]:
        """The sentences of these chunks, of those that have vectors to be compared with ``query``."""
        if query.generation != generation.id:
            return {}
        stored = await self._vectors.late(generation.id, chunk_ids)

        def read() -> dict[int, Sentences]:
            parts = _decoded(stored, generation.dimension)
            return {i: Sentences(each.spans, unit(each.sentences)) for i, each in parts.items()}

        return await self._run(read)


def _decoded(stored: dict[int, bytes], dimension: int) -> dict[int, LateVectors]:
    """What cannot be read is left out, as if it had not been made."""
    parts: dict[int, LateVectors] = {}
    for chunk_id, data in stored.items():
        try:
            each = LateVectors.from_bytes(data)
        except ValueError:
            continue
        if each.windows.shape[1] == dimension and len(each.windows):
            parts[chunk_id] = each
    return parts
