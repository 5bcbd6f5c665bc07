"""Brings one index up to the database's change sequence.

A change names a document to look at; the present state of that document is read and replaces what the index held
of it. So changes may be applied twice, or many at once, and an empty index that follows from zero becomes whole.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sitechat.storage.vectors import Change, Generation, VectorsStore
from vectorstore.base import Filter, TextIndex, VectorStore

PAGE = 64
"""Documents that are read and applied at once: bounds the memory of a rebuild."""


@dataclass(frozen=True, slots=True)
class IndexVersion:
    """What a search was made on: the vectors' ``generation`` and their model, and the change that each index was at.

    None where an index was not open.
    """

    embedding: str | None = None
    generation: int | None = None
    dense_sequence: int | None = None
    text_sequence: int | None = None


class Follower(Protocol):
    """An index together with the way its records are read."""

    @property
    def sequence(self) -> int: ...

    async def apply(self, deletes: list[Filter], document_ids: list[str], sequence: int) -> None: ...


class DenseFollower:
    """Feeds a vector store from the vectors of one generation. ``run`` moves blocking work off the loop."""

    def __init__(self, store: VectorStore, vectors: VectorsStore, generation: Generation, run: "Run") -> None:
        self.store = store
        self._vectors = vectors
        self.generation = generation
        self._run = run

    @property
    def sequence(self) -> int:
        return self.store.sequence

    async def apply(self, deletes: list[Filter], document_ids: list[str], sequence: int) -> None:
        records, data = await self._vectors.vector_records(self.generation, document_ids)
        await self._run(lambda: self.store.apply(deletes, records, data, sequence=sequence))


class TextFollower:
    """Feeds a full-text index."""

    def __init__(self, index: TextIndex, vectors: VectorsStore, run: "Run") -> None:
        self.index = index
        self._vectors = vectors
        self._run = run

    @property
    def sequence(self) -> int:
        return self.index.sequence

    async def apply(self, deletes: list[Filter], document_ids: list[str], sequence: int) -> None:
        records = await self._vectors.text_records(document_ids)
        await self._run(lambda: self.index.apply(deletes, records, sequence=sequence))


def version(dense: DenseFollower | None, text: TextFollower | None) -> IndexVersion:
    """Of the indexes as they are now."""
    sequence = text.sequence if text is not None else None
    if dense is None:
        return IndexVersion(text_sequence=sequence)
    return IndexVersion(dense.generation.embedding, dense.generation.id, dense.sequence, sequence)


class Run(Protocol):
    """Runs a blocking function on a worker thread and awaits it."""

    async def __call__(self, function: Callable[[], None], /) -> None: ...


async def follow(follower: Follower, vectors: VectorsStore) -> None:
    """Apply all changes that ``follower`` has not seen."""
    while page := await vectors.changes(follower.sequence, PAGE):
        deletes, upserts = _collapse(page)
        await follower.apply(deletes, upserts, page[-1].sequence)


def _collapse(changes: Sequence[Change]) -> tuple[list[Filter], list[str]]:
    bases = frozenset(change.knowledge_base_id for change in changes if change.op == "delete_knowledge_base")
    touched = dict.fromkeys(change.document_id for change in changes if change.document_id is not None)
    deletes = [Filter(knowledge_base_ids=bases)] if bases else []
    if touched:
        deletes.append(Filter(document_ids=frozenset(touched)))
    return deletes, list(touched)
