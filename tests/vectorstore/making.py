"""Makes records and vectors for the tests of the indexes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vectorstore.base import Filter, Scope, TextRecord, VectorKind, VectorRecord, Vectors

DIMENSION = 16
EVERYWHERE = Filter()


def within(*bases: str) -> Filter:
    return Filter(knowledge_base_ids=frozenset(bases))


def of(*documents: str) -> Filter:
    return Filter(document_ids=frozenset(documents))


def readable_by(*principals: str) -> Filter:
    return Filter(principals=frozenset(principals))


def scope(document: str = "d", base: str = "kb", access: Sequence[str] = ("everyone",)) -> Scope:
    return Scope(base, document, "user:owner", tuple(access))


def record(
    id: int, *, chunk: int | None = None, kind: VectorKind = "chunk", where: Scope | None = None
) -> VectorRecord:
    return VectorRecord(id, id if chunk is None else chunk, kind, where or scope())


def passage(
    chunk_id: int, text: str, *, where: Scope | None = None, title: str = "", heading: str = "", language: str = ""
) -> TextRecord:
    return TextRecord(chunk_id, where or scope(), title, heading, text, language)


def unit(rows: NDArray[np.floating]) -> Vectors:
    vectors: Vectors = (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)
    return vectors


def random_vectors(count: int, dimension: int = DIMENSION, seed: int = 0) -> Vectors:
    return unit(np.random.default_rng(seed).normal(size=(count, dimension)))


def clustered_vectors(count: int, dimension: int, clusters: int, seed: int = 0) -> Vectors:
    """As embeddings of real text lie: in clumps of very unequal size."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(clusters, dimension))
    members = np.minimum(random.geometric(5 / clusters, count) - 1, clusters - 1)
    return unit(centres[members] + 0.6 * random.normal(size=(count, dimension)))


def axis(position: int, dimension: int = DIMENSION) -> Vectors:
    """The unit vector along one axis, as a matrix of one row."""
    return np.eye(dimension, dtype=np.float32)[[position]]


def none(dimension: int = DIMENSION) -> Vectors:
    return np.empty((0, dimension), np.float32)
