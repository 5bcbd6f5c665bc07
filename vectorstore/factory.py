"""Which indexes there are: where a newcomer registers a vector store."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol, TypedDict, Unpack

from vectorstore.base import TextIndex, VectorStore

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


def _faiss() -> StoreClass:
    from vectorstore.faiss_store import FaissStore

    return FaissStore


_BACKENDS: dict[Backend, Callable[[], StoreClass]] = {"faiss": _faiss}
