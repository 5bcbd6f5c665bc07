"""The rows of one knowledge base and kind, as an immutable view that searches hold while writers go on.

Rows live in arrays with room to spare. A writer fills rows beyond the length that any published view knows, then
publishes a longer view; a delete publishes a view with another ``alive`` array. So a view never changes under its
reader, adding costs only what is added, and no search takes a lock. Row positions stay the same until rows of the
dead are dropped, which starts a new ``lineage``: an HNSW graph over rows is valid within its lineage.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from vectorstore.base import Filter, Scope, VectorRecord, Vectors

Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]
V = TypeVar("V")

_FIRST_ROOM = 64
_WORTH_DROPPING = 256


class Codes(Generic[V]):
    """Small numbers for repeated values, in order of first appearance; only ever grows."""

    def __init__(self, values: Iterable[V] = ()) -> None:
        self.values: list[V] = list(values)
        self._codes = {value: code for code, value in enumerate(self.values)}

    def code(self, value: V) -> int:
        found = self._codes.get(value)
        if found is None:
            found = len(self.values)
            self.values.append(value)
            self._codes[value] = found
        return found

    def known(self, values: Iterable[V]) -> list[int]:
        return [code for value in values if (code := self._codes.get(value)) is not None]


Reader = tuple[str, tuple[str, ...]]
"""``(owner_id, access)`` of a scope."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Parallel arrays, of which the first ``length`` rows of a view are filled. ``vectors``: ``(room, dimension)``."""

    ids: NDArray[np.int64]
    chunks: NDArray[np.int64]
    documents: NDArray[np.int32]
    readers: NDArray[np.int32]
    vectors: Vectors

    @classmethod
    def empty(cls, room: int, dimension: int) -> "Columns":
        return cls(
            np.empty(room, np.int64),
            np.empty(room, np.int64),
            np.empty(room, np.int32),
            np.empty(room, np.int32),
            np.empty((room, dimension), np.float32),
        )

    @property
    def arrays(self) -> tuple[NDArray[np.generic], ...]:
        return (self.ids, self.chunks, self.documents, self.readers, self.vectors)

    def copied(self, rows: Rows | slice, count: int, room: int) -> "Columns":
        """These ``rows`` first, then space up to ``room``."""
        new = Columns.empty(room, self.vectors.shape[1])
        for old, fresh in zip(self.arrays, new.arrays, strict=True):
            fresh[:count] = old[rows]
        return new


@dataclass(frozen=True, slots=True)
class Graph:
    """An HNSW index of the backend over the first ``rows`` rows."""

    index: object
    rows: int


@dataclass(frozen=True, slots=True)
class Shard:
    columns: Columns
    alive: Mask
    length: int
    dead: int
    documents: Codes[str]
    readers: Codes[Reader]
    newest: int
    """Highest id ever held: ids above it need no look for an earlier row."""
    graph: Graph | None = None
    lineage: object = field(default_factory=object)

    @classmethod
    def empty(cls, dimension: int) -> "Shard":
        columns = Columns.empty(_FIRST_ROOM, dimension)
        return cls(columns, np.ones(_FIRST_ROOM, np.bool_), 0, 0, Codes(), Codes(), -1)

    @property
    def live(self) -> int:
        return self.length - self.dead

    @property
    def vectors(self) -> Vectors:
        return self.columns.vectors[: self.length]

    @property
    def chunks(self) -> NDArray[np.int64]:
        return self.columns.chunks[: self.length]

    def matching(self, where: Filter) -> Mask | None:
        """The living rows that pass; ``None`` where all rows do. Knowledge bases are told apart by shard."""
        mask = self.alive[: self.length].copy() if self.dead else None
        for part in (self._of_documents(where), self._for_principals(where)):
            if part is not None:
                mask = part if mask is None else mask & part
        return mask

    def rows_of_chunks(self, chunk_ids: Iterable[int]) -> Rows:
        """The living rows of these chunks, in the order of their ids."""
        wanted = np.fromiter(chunk_ids, np.int64)
        found = np.flatnonzero(np.isin(self.chunks, wanted) & self.alive[: self.length])
        return found[np.argsort(self.columns.ids[found], kind="stable")]

    def without(self, where: Filter) -> "Shard":
        """The view in which no row passes ``where``."""
        mask = self.matching(where)
        return self._killing(self.alive[: self.length] if mask is None else mask)

    def extended(self, records: Sequence[VectorRecord], vectors: Vectors) -> "Shard":
        """The view with these rows as well; an id held already is replaced."""
        ids = np.array([record.id for record in records], np.int64)
        lasting = sorted({record.id: row for row, record in enumerate(records)}.values())
        if len(lasting) < len(records):
            return self.extended([records[row] for row in lasting], vectors[lasting])
        base = self
        if int(ids.min()) <= self.newest:
            base = base._killing(np.isin(base.columns.ids[: base.length], ids) & base.alive[: base.length])
        base = base._with_room(len(records))
        start, end = base.length, base.length + len(records)
        columns = base.columns
        columns.ids[start:end] = ids
        columns.chunks[start:end] = [record.chunk_id for record in records]
        columns.documents[start:end] = [base.documents.code(record.scope.document_id) for record in records]
        columns.readers[start:end] = [base.readers.code(_reader(record.scope)) for record in records]
        columns.vectors[start:end] = vectors
        base.alive[start:end] = True
        return replace(base, length=end, newest=max(self.newest, int(ids.max())))

    def tidied(self) -> "Shard":
        """Itself, or without the rows of the dead where they are more than a quarter."""
        return self.compacted() if self.dead > max(_WORTH_DROPPING, self.length // 4) else self

    def compacted(self) -> "Shard":
        """Only the living rows, in their order; a new lineage, without a graph."""
        if not self.dead:
            return self
        rows = np.flatnonzero(self.alive[: self.length])
        columns = self.columns.copied(rows, len(rows), max(_FIRST_ROOM, len(rows)))
        documents, readers = Codes[str](), Codes[Reader]()
        _recode(columns.documents[: len(rows)], self.documents, documents)
        _recode(columns.readers[: len(rows)], self.readers, readers)
        alive = np.ones(len(columns.ids), np.bool_)
        return Shard(columns, alive, len(rows), 0, documents, readers, self.newest)

    def _of_documents(self, where: Filter) -> Mask | None:
        if where.document_ids is None:
            return None
        codes = self.documents.known(where.document_ids)
        column = self.columns.documents[: self.length]
        return column == codes[0] if len(codes) == 1 else np.isin(column, codes)

    def _for_principals(self, where: Filter) -> Mask | None:
        if where.principals is None:
            return None
        readers = self.readers.values[:]
        allowed = np.array([not where.principals.isdisjoint(access) for _, access in readers], np.bool_)
        if allowed.all():
            return None
        return allowed[self.columns.readers[: self.length]]

    def _killing(self, mask: Mask) -> "Shard":
        killed = int(np.count_nonzero(mask))
        if not killed:
            return self
        alive = self.alive.copy()
        alive[: self.length] &= ~mask
        return replace(self, alive=alive, dead=self.dead + killed)

    def _with_room(self, more: int) -> "Shard":
        needed = self.length + more
        if needed <= len(self.alive):
            return self
        room = max(needed, len(self.alive) + len(self.alive) // 2)
        alive = np.ones(room, np.bool_)
        alive[: self.length] = self.alive[: self.length]
        return replace(self, columns=self.columns.copied(slice(self.length), self.length, room), alive=alive)


def _reader(scope: Scope) -> Reader:
    return (scope.owner_id, tuple(scope.access))


def _recode(column: NDArray[np.int32], old: Codes[V], new: Codes[V]) -> None:
    """Number the values that are left in ``column`` anew."""
    table = np.zeros(max(1, len(old.values)), np.int32)
    for code in np.unique(column):
        table[code] = new.code(old.values[code])
    column[:] = table[column]
