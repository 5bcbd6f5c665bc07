"""Which indexes and rerankers there are: where a newcomer registers a vector store."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol, TypedDict, Unpack

from vectorstore.base import Reranker, TextIndex, VectorStore

Backend = Literal["faiss"]


class StoreFacts(TypedDict):
    """What a stored index must be of to serve, and the number of vectors up to which search is exact."""

    generation: int
    spec: str
    dimension: int
    exact_limit: int


class StoreClass(Protocol):
    """A vector store that is kept in one file."""

    def open(self, path: Path, **facts: Unpack[StoreFacts]) -> VectorStore: ...

    def create(self, path: Path, **facts: Unpack[StoreFacts]) -> VectorStore: ...


def open_store(path: Path, backend: Backend = "faiss", **facts: Unpack[StoreFacts]) -> VectorStore:
    """What is stored at ``path``. Raises :class:`~vectorstore.base.SnapshotError` where it cannot serve."""
    return _BACKENDS[backend]().open(path, **facts)


def create_store(path: Path, backend: Backend = "faiss", **facts: Unpack[StoreFacts]) -> VectorStore:
    """An empty store, kept at ``path`` once it is saved."""
    return _BACKENDS[backend]().create(path, **facts)


def open_text_index(directory: Path, *, read_only: bool = False) -> TextIndex:
    """The full-text index in ``directory``. Raises :class:`~vectorstore.base.SnapshotError`."""
    from vectorstore.fulltext import TantivyIndex

    return TantivyIndex.open(directory, read_only=read_only)


def create_text_index(directory: Path) -> TextIndex:
    """An empty full-text index in place of whatever is in ``directory``."""
    from vectorstore.fulltext import TantivyIndex

    return TantivyIndex.create(directory)


def create_reranker(spec: str) -> Reranker:
    """``cross-encoder/<folder, or name on the model hub>``; loads nothing yet.

    A name without an owner is one of the hub's own ``cross-encoder/…``, as these models are usually called.
    """
    from vectorstore.cross_encoder import CrossEncoderReranker

    name = spec.removeprefix("cross-encoder/")
    return CrossEncoderReranker(name if "/" in name else spec)


def _faiss() -> StoreClass:
    from vectorstore.faiss_store import FaissStore

    return FaissStore


_BACKENDS: dict[Backend, Callable[[], StoreClass]] = {"faiss": _faiss}
