"""Dense search with FAISS: exact up to a size, an HNSW graph above it.

The state is one immutable value that ``apply`` replaces, so a search takes a reference and never waits. A graph is
built on a thread of its own, and covers the rows there were when it began; rows added since are searched exactly
beside it, and rows deleted since are filtered out of it. Graphs hold half-precision copies: what they find is scored
again with the stored vectors, so scores are exact whichever way a chunk was found.
"""

import atexit
import os
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vectorstore.base import CHUNKS, Filter, Hit, SnapshotError, VectorKind, VectorRecord, Vectors
from vectorstore.shard import Graph, Mask, Rows, Shard
from vectorstore.snapshot import Facts, ShardKey, Stored, read_snapshot, write_snapshot

_LINKS = 32
_EF_CONSTRUCTION = 100
_EF_SEARCH = 128
_BUILD_STEP = 1024
_SHORTEST_TAIL = 1024
_GRAPH_FETCH = 1024
"""Up to this many rows are asked of a graph; more are found faster by scanning."""
_GRAPH_SHARE = 0.1
"""Where a smaller share of a graph's rows passes the filter, scanning those is faster and exact."""


@dataclass(frozen=True, slots=True)
class _State:
    sequence: int = 0
    shards: Mapping[ShardKey, Shard] = field(default_factory=dict)


class FaissStore:
    """A :class:`~vectorstore.base.VectorStore` of one embedding generation, in memory, saved as one file.

    ``exact_limit``: vectors of one knowledge base and kind up to which search is exact.
    """

    def __init__(self, path: Path, state: _State, saved: _State | None, facts: Facts, exact_limit: int) -> None:
        self._path = path
        self._facts = facts
        self._exact_limit = exact_limit
        self._state = state
        self._saved = saved
        self._writing = threading.Lock()
        self._saving = threading.Lock()
        self._closing = threading.Event()
        self._builder: threading.Thread | None = None

    @classmethod
    def create(cls, path: Path, *, generation: int, spec: str, dimension: int, exact_limit: int) -> "FaissStore":
        """An empty store; nothing is written before :meth:`save`."""
        return cls(path, _State(), None, Facts(0, generation, spec, dimension, 0), exact_limit)

    @classmethod
    def open(cls, path: Path, *, generation: int, spec: str, dimension: int, exact_limit: int) -> "FaissStore":
        """Load the snapshot at ``path``. Raises :class:`SnapshotError` where it cannot serve."""
        facts, stored = read_snapshot(path)
        for name, wanted in (("generation", generation), ("spec", spec), ("dimension", dimension)):
            if (found := getattr(facts, name)) != wanted:
                raise SnapshotError(f"{path.name} is of {name} {found}, not {wanted}")
        state = _State(facts.sequence, {key: _with_graph(item) for key, item in stored.items()})
        store = cls(path, state, state, facts, exact_limit)
        store._build_graphs()
        return store

    @property
    def dimension(self) -> int:
        return self._facts.dimension

    @property
    def sequence(self) -> int:
        return self._state.sequence

    @property
    def dirty(self) -> bool:
        """Whether :meth:`save` would write anything new."""
        return self._state is not self._saved

    def apply(
        self, deletes: Iterable[Filter], records: Sequence[VectorRecord], vectors: Vectors, *, sequence: int
    ) -> None:
        vectors = self._checked(records, vectors)
        with self._writing:
            shards = dict(self._state.shards)
            for where in deletes:
                for key in _selected(shards, where):
                    shards[key] = shards[key].without(where)
            for key, rows in _by_shard(records).items():
                shard = shards.get(key) or Shard.empty(self.dimension)
                shards[key] = shard.extended([records[row] for row in rows], vectors[rows])
            kept = {key: shard.tidied() for key, shard in shards.items() if shard.live}
            self._state = _State(max(sequence, self._state.sequence), kept)
        self._build_graphs()

    def search(
        self, query: NDArray[np.float32], k: int, where: Filter, kinds: frozenset[VectorKind] = CHUNKS
    ) -> list[Hit]:
        query = np.ascontiguousarray(query, np.float32)
        if query.shape != (self.dimension,):
            raise ValueError(f"a query has shape ({self.dimension},), not {query.shape}")
        shards = self._state.shards
        best: dict[int, float] = {}
        for key in _selected(shards, where):
            if key[1] in kinds:
                for chunk_id, score in _nearest_chunks(shards[key], query, k, where):
                    best[chunk_id] = max(score, best.get(chunk_id, score))
        ranked = sorted(best.items(), key=lambda item: (-item[1], item[0]))
        return [Hit(chunk_id, score) for chunk_id, score in ranked[: max(k, 0)]]

    def vectors_of(self, chunk_ids: Iterable[int], kind: VectorKind = "chunk") -> dict[int, Vectors]:
        wanted = list(chunk_ids)
        found: dict[int, list[Vectors]] = {}
        for key, shard in self._state.shards.items():
            if key[1] == kind:
                for row in shard.rows_of_chunks(wanted):
                    found.setdefault(int(shard.chunks[row]), []).append(shard.vectors[row])
        return {chunk_id: np.stack(vectors) for chunk_id, vectors in found.items()}

    def count(self, where: Filter | None = None) -> int:
        shards = self._state.shards
        where = where or Filter()
        return sum(_passing(shards[key], shards[key].matching(where)) for key in _selected(shards, where))

    def save(self) -> None:
        """Write a snapshot of this moment; searches and ``apply`` go on meanwhile. Raises ``OSError``."""
        with self._saving:
            state = self._state
            if state is not self._saved or not self._path.exists():
                stored = {key: _stored(shard) for key, shard in state.shards.items()}
                count = sum(shard.live for shard in state.shards.values())
                write_snapshot(self._path, replace(self._facts, sequence=state.sequence, count=count), stored)
                self._saved = state

    def settle(self, timeout: float | None = None) -> bool:
        """Wait until no graph is being built; whether that came true in ``timeout`` seconds."""
        builder = self._builder
        if builder is not None:
            builder.join(timeout)
        return builder is None or not builder.is_alive()

    def close(self) -> None:
        """Stop building graphs. Unsaved changes are dropped: the database has them."""
        atexit.unregister(self.close)
        self._closing.set()
        self.settle()

    def _checked(self, records: Sequence[VectorRecord], vectors: Vectors) -> Vectors:
        vectors = np.ascontiguousarray(vectors, np.float32)
        if vectors.shape != (len(records), self.dimension) and (records or vectors.size):
            raise ValueError(f"{len(records)} records need vectors of shape ({len(records)}, {self.dimension})")
        if not np.isfinite(vectors).all():
            raise ValueError("a vector holds a number that is not finite")
        return vectors

    # Graphs

    def _build_graphs(self) -> None:
        """See to it that the builder runs where there is something to build."""
        with self._writing:
            idle = self._builder is None or not self._builder.is_alive()
            if idle and not self._closing.is_set() and self._overdue() is not None:
                self._builder = threading.Thread(target=self._build_overdue, name="faiss-graph", daemon=True)
                atexit.register(self.close)  # native code must not run on a thread while the interpreter goes
                self._builder.start()

    def _overdue(self) -> ShardKey | None:
        for key, shard in self._state.shards.items():
            covered = shard.graph.rows if shard.graph else 0
            tail = shard.length - covered
            if shard.length > self._exact_limit and (not covered or tail > max(_SHORTEST_TAIL, covered // 8)):
                return key
        return None

    def _build_overdue(self) -> None:
        _faiss().omp_set_num_threads(1 if sys.platform == "darwin" else max(1, (os.cpu_count() or 1) // 2))
        while not self._closing.is_set():
            with self._writing:
                key = self._overdue()
                if key is None:
                    self._builder = None
                    return
                shard = self._state.shards[key]
            graph = _grown_graph(shard, self._closing)
            with self._writing:
                current = self._state.shards.get(key)
                if graph is not None and current is not None and current.lineage is shard.lineage:
                    shards = {**self._state.shards, key: replace(current, graph=graph)}
                    self._state = _State(self._state.sequence, shards)


def _selected(shards: Mapping[ShardKey, Shard], where: Filter) -> list[ShardKey]:
    bases = where.knowledge_base_ids
    return [key for key in shards if bases is None or key[0] in bases]


def _by_shard(records: Sequence[VectorRecord]) -> dict[ShardKey, list[int]]:
    rows: dict[ShardKey, list[int]] = {}
    for row, record in enumerate(records):
        rows.setdefault((record.scope.knowledge_base_id, record.kind), []).append(row)
    return rows


def _passing(shard: Shard, mask: Mask | None) -> int:
    return shard.length if mask is None else int(np.count_nonzero(mask))


def _nearest_chunks(shard: Shard, query: NDArray[np.float32], k: int, where: Filter) -> list[tuple[int, float]]:
    """Up to ``k`` chunks with their best score, best first; asks for more rows where chunks repeat."""
    mask = shard.matching(where)
    passing = _passing(shard, mask)
    fetch = min(k, passing)
    if fetch <= 0:
        return []
    while True:
        rows, scores = _nearest_rows(shard, query, fetch, mask, passing)
        chunks = shard.chunks[rows]
        first = np.sort(np.unique(chunks, return_index=True)[1])[:k]
        if len(first) >= k or fetch >= passing:
            return [(int(chunks[row]), float(scores[row])) for row in first]
        fetch = min(fetch * 4, passing)


def _nearest_rows(
    shard: Shard, query: NDArray[np.float32], k: int, mask: Mask | None, passing: int
) -> tuple[Rows, Vectors]:
    """The ``k`` nearest rows and their inner products, best first, of the ``passing`` rows that ``mask`` lets by."""
    graph = shard.graph
    if graph is None or k > _GRAPH_FETCH or passing < _GRAPH_SHARE * shard.length:
        rows = _scan(query, shard.vectors, k, mask)
    else:
        covered = graph.rows
        near = _walk(graph, query, k, None if mask is None else mask[:covered], passing / shard.length)
        tail = _scan(query, shard.vectors[covered:], k, None if mask is None else mask[covered:]) + covered
        rows = np.concatenate([near, tail])
        if len(rows) < k:  # parts of the graph were out of reach
            rows = _scan(query, shard.vectors, k, mask)
    scores = shard.vectors[rows] @ query
    order = np.lexsort((rows, -scores))[:k]
    return rows[order], scores[order]


# FAISS itself


def _faiss() -> Any:
    """The library, imported at first use. On macOS it and torch each bring an OpenMP, which may not meet."""
    if sys.platform == "darwin":
        os.environ.setdefault("KMP_DUPLICATE_LIB_OK", "TRUE")
    import faiss

    if sys.platform == "darwin":
        faiss.omp_set_num_threads(1)
    return faiss


def _scan(query: NDArray[np.float32], vectors: Vectors, k: int, mask: Mask | None) -> Rows:
    """The ``k`` nearest rows by comparing all, fewer where there are fewer.

    Always with a selector: without one FAISS takes a path made for many queries, four times slower for one, whose
    threads wait by spinning.
    """
    faiss = _faiss()
    k = min(k, len(vectors))
    scores, rows = np.empty(k, np.float32), np.empty(k, np.int64)
    if not k:
        return rows
    pointers = [faiss.swig_ptr(array) for array in (query, vectors, scores, rows)]
    bitmap, selector = _selector(mask)
    faiss.knn_inner_product(
        *pointers[:2], len(query), 1, len(vectors), k, *pointers[2:], selector or faiss.IDSelectorAll()
    )
    del bitmap
    return rows[rows >= 0]


def _walk(graph: Graph, query: NDArray[np.float32], k: int, mask: Mask | None, share: float) -> Rows:
    """About the ``k`` nearest rows by the graph; looks further where fewer rows pass the filter."""
    faiss = _faiss()
    index: Any = graph.index
    bitmap, selector = _selector(mask)
    effort = int(max(_EF_SEARCH, 2 * k) * min(4.0, 1 / share))
    parameters = faiss.SearchParametersHNSW(efSearch=effort, sel=selector)
    _, rows = index.search(query[np.newaxis], min(k, graph.rows), params=parameters)
    del bitmap
    found: Rows = rows[0][rows[0] >= 0]
    return found


def _selector(mask: Mask | None) -> tuple[NDArray[np.uint8] | None, Any]:
    """A selector of the rows in ``mask``, with the memory that it points into."""
    if mask is None:
        return None, None
    bitmap = np.packbits(mask, bitorder="little")
    return bitmap, _faiss().IDSelectorBitmap(len(bitmap), _faiss().swig_ptr(bitmap))


def _grown_graph(shard: Shard, closing: threading.Event) -> Graph | None:
    """A graph over all rows of ``shard``, begun from a copy of the one it has; ``None`` when told to stop."""
    faiss = _faiss()
    if shard.graph is None:
        half, metric = faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
        index = faiss.IndexHNSWSQ(shard.vectors.shape[1], half, _LINKS, metric)
        index.hnsw.efConstruction = _EF_CONSTRUCTION
    else:
        index = faiss.clone_index(shard.graph.index)
    for start in range(index.ntotal, shard.length, _BUILD_STEP):
        if closing.is_set():
            return None
        index.add(shard.vectors[start : start + _BUILD_STEP])
    return Graph(index, shard.length)


def _stored(shard: Shard) -> Stored:
    """What is written of a shard: of one without a graph only the living rows."""
    if shard.graph is None:
        return Stored(shard.compacted())
    return Stored(shard, _faiss().serialize_index(shard.graph.index), shard.graph.rows)


def _with_graph(stored: Stored) -> Shard:
    """The shard with its graph; one that this version of FAISS cannot read is built again."""
    if stored.graph is None:
        return stored.shard
    try:
        index = _faiss().deserialize_index(stored.graph)
    except RuntimeError:
        return stored.shard
    return replace(stored.shard, graph=Graph(index, stored.graph_rows))
