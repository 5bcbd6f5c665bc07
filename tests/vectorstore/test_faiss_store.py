"""What is particular to the FAISS store: its graph, its file, its cost."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from tests.vectorstore.making import (
    DIMENSION,
    EVERYWHERE,
    clustered_vectors,
    none,
    of,
    random_vectors,
    readable_by,
    record,
    scope,
)
from vectorstore.base import Filter, Vectors
from vectorstore.faiss_store import FaissStore
from vectorstore.snapshot import read_snapshot

WIDE = 64


def make(path: Path, *, exact_limit: int, dimension: int = DIMENSION) -> FaissStore:
    return FaissStore.create(path, generation=1, spec="local/m", dimension=dimension, exact_limit=exact_limit)


def open_again(path: Path, *, exact_limit: int, dimension: int = DIMENSION) -> FaissStore:
    return FaissStore.open(path, generation=1, spec="local/m", dimension=dimension, exact_limit=exact_limit)


def filled(path: Path, vectors: Vectors, *, exact_limit: int, batch: int = 50) -> FaissStore:
    store = make(path, exact_limit=exact_limit, dimension=vectors.shape[1])
    for start in range(0, len(vectors), batch):
        rows = range(start, min(start + batch, len(vectors)))
        records = [record(i, where=scope(f"d{i // 10}", access=(f"user:{i % 3}",))) for i in rows]
        store.apply([], records, vectors[rows.start : rows.stop], sequence=start + 1)
    return store


def recall(store: FaissStore, truth: FaissStore, queries: Vectors, where: Filter = EVERYWHERE) -> float:
    """Share of the true ten nearest that are found."""
    shares = []
    for query in queries:
        wanted = {hit.chunk_id for hit in truth.search(query, 10, where)}
        shares.append(len(wanted & {hit.chunk_id for hit in store.search(query, 10, where)}) / len(wanted))
    return float(np.mean(shares))


def has_graph(store: FaissStore) -> bool:
    return any(shard.graph is not None for shard in store._state.shards.values())


def test_a_graph_finds_what_an_exact_search_finds(tmp_path: Path) -> None:
    """Above the exact limit at least .95 of the true neighbours, filtered or not, with exact scores."""
    vectors = clustered_vectors(5000, WIDE, clusters=60)
    queries = clustered_vectors(60, WIDE, clusters=60, seed=0)
    truth = filled(tmp_path / "exact", vectors, exact_limit=10_000)
    store = filled(tmp_path / "graph", vectors, exact_limit=500)
    try:
        assert store.settle(100)
        assert has_graph(store)
        assert not has_graph(truth)
        for where in (EVERYWHERE, readable_by("user:1"), of(*(f"d{i}" for i in range(20)))):
            assert recall(store, truth, queries, where) >= 0.95
        best = store.search(queries[0], 1, EVERYWHERE)[0]
        assert abs(best.score - float(vectors[best.chunk_id] @ queries[0])) < 1e-6
    finally:
        store.close()
        truth.close()


def test_deleted_rows_never_come_back_out_of_a_graph(tmp_path: Path) -> None:
    """Tombstones are filtered out while they are few, and dropped with a new graph when they are many."""
    vectors = clustered_vectors(3000, WIDE, clusters=30)
    store = filled(tmp_path / "graph", vectors, exact_limit=500)
    assert store.settle(100)
    gone = [f"d{i}" for i in range(0, 300, 6)]
    store.apply([of(*gone)], [], none(WIDE), sequence=9000)
    assert has_graph(store)
    alive = {i for i in range(3000) if f"d{i // 10}" not in gone}
    for query in vectors[:20]:
        assert {hit.chunk_id for hit in store.search(query, 50, EVERYWHERE)} <= alive
    store.apply([of(*(f"d{i}" for i in range(150)))], [], none(WIDE), sequence=9001)
    assert store.settle(100)
    (shard,) = store._state.shards.values()
    assert shard.dead == 0
    assert has_graph(store)
    assert len(store.search(vectors[0], 2000, EVERYWHERE)) == store.count()
    store.close()


def test_rows_added_while_a_graph_is_built_are_found_at_once(tmp_path: Path) -> None:
    """The tail that a graph does not cover yet is searched beside it."""
    vectors = clustered_vectors(1600, WIDE, clusters=20)
    store = filled(tmp_path / "graph", vectors[:1500], exact_limit=500)
    assert store.settle(100)
    records = [record(1500 + i, where=scope("late")) for i in range(100)]
    store.apply([], records, vectors[1500:], sequence=5000)
    assert [store.search(vectors[i], 1, EVERYWHERE)[0].chunk_id for i in (0, 1500, 1599)] == [0, 1500, 1599]
    store.close()


def test_a_graph_is_saved_with_its_rows(tmp_path: Path) -> None:
    """A restart does not build it again."""
    vectors = clustered_vectors(1500, WIDE, clusters=20)
    store = filled(tmp_path / "graph", vectors, exact_limit=500)
    assert store.settle(100)
    store.apply([of("d3")], [], none(WIDE), sequence=6000)
    store.save()
    opened = open_again(tmp_path / "graph", exact_limit=500, dimension=WIDE)
    assert has_graph(opened)
    assert opened.count() == 1490
    assert opened.search(vectors[35], 5, EVERYWHERE) == store.search(vectors[35], 5, EVERYWHERE)
    store.close()
    opened.close()


def test_closing_does_not_wait_for_a_graph(tmp_path: Path) -> None:
    """Someone who stops the process in the middle of a build of minutes is let go."""
    store = filled(tmp_path / "graph", random_vectors(6000, WIDE), exact_limit=500, batch=3000)
    store.close()
    assert store.settle(0)


def test_many_small_batches_cost_what_they_add(tmp_path: Path) -> None:
    """The rows there already are not copied at each step: arrays are replaced a few times, not four hundred."""
    store = make(tmp_path / "many", exact_limit=1_000_000)
    vectors = random_vectors(8000)
    arrays = set()
    for start in range(0, 8000, 20):
        store.apply([], [record(i) for i in range(start, start + 20)], vectors[start : start + 20], sequence=start)
        (shard,) = store._state.shards.values()
        arrays.add(id(shard.columns.vectors))
    assert len(arrays) < 20
    assert store.count() == 8000


def test_a_search_holds_the_state_it_began_with(tmp_path: Path) -> None:
    """What a reader has in its hands is not changed by later adds, deletes and compactions."""
    store = filled(tmp_path / "held", random_vectors(1000), exact_limit=1_000_000)
    (held,) = store._state.shards.values()
    before = (held.live, held.vectors.copy(), held.chunks.copy())
    store.apply([of(*(f"d{i}" for i in range(80)))], [record(5000)], random_vectors(1, seed=9), sequence=7000)
    assert (held.live, len(held.vectors)) == (before[0], 1000)
    np.testing.assert_array_equal(held.vectors, before[1])
    np.testing.assert_array_equal(held.chunks, before[2])


def test_deleted_vectors_leave_the_file(tmp_path: Path) -> None:
    """What someone has deleted is not kept in the next snapshot."""
    store = filled(tmp_path / "small", random_vectors(100), exact_limit=1_000_000)
    store.apply([of("d1")], [], none(), sequence=200)
    store.save()
    _, shards = read_snapshot(tmp_path / "small")
    ((_, stored),) = shards.items()
    assert (stored.shard.length, stored.shard.dead) == (90, 0)
    assert "d1" not in stored.shard.documents.values


def test_dirty_until_saved(tmp_path: Path) -> None:
    """Who saves from time to time can tell whether there is a reason to, a graph that has come included."""
    store = make(tmp_path / "dirty", exact_limit=100)
    store.save()
    seen = [store.dirty]
    store.apply([], [record(i) for i in range(200)], random_vectors(200), sequence=1)
    store.settle(60)
    seen.append(store.dirty)
    store.save()
    assert [*seen, store.dirty] == [False, True, False]
    store.close()


SAVER = """
import sys
from pathlib import Path
from tests.vectorstore.making import random_vectors, record, scope
from vectorstore.faiss_store import FaissStore
store = FaissStore.open(Path(sys.argv[1]), generation=1, spec="local/m", dimension=16, exact_limit=10**9)
print("ready", flush=True)
number = store.sequence
while True:
    number += 1
    first = number * 400
    records = [record(first + i, where=scope(f"d{number}")) for i in range(400)]
    store.apply([], records, random_vectors(400), sequence=number)
    store.save()
    print(number, flush=True)
"""


def test_a_kill_in_the_middle_of_saving_leaves_a_whole_snapshot(tmp_path: Path) -> None:
    """Killed without warning at any moment, the file is of the last save that returned or of the one under way."""
    path = tmp_path / "killed"
    store = make(path, exact_limit=1_000_000)
    store.save()
    random = np.random.default_rng(1)
    for _ in range(6):
        process = subprocess.Popen([sys.executable, "-c", SAVER, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(float(random.uniform(0, 0.15)))
        process.send_signal(signal.SIGKILL)
        lines = process.stdout.read().splitlines()
        process.wait()
        process.stdout.close()
        acknowledged = int(lines[-1]) if lines else 0
        opened = open_again(path, exact_limit=1_000_000)
        assert opened.sequence >= acknowledged
        assert opened.count() == opened.sequence * 400
        opened.close()


def test_saving_and_applying_at_once(tmp_path: Path) -> None:
    """A save writes one moment, whatever is applied meanwhile."""
    store = make(tmp_path / "busy", exact_limit=1_000_000)
    stop = threading.Event()

    def save() -> None:
        while not stop.is_set():
            store.save()

    saver = threading.Thread(target=save)
    saver.start()
    for number in range(150):
        records = [record(number * 10 + i, where=scope(f"d{number}")) for i in range(10)]
        store.apply([of(f"d{number - 3}")], records, random_vectors(10), sequence=number + 1)
    stop.set()
    saver.join()
    store.save()
    opened = open_again(tmp_path / "busy", exact_limit=1_000_000)
    assert (opened.sequence, opened.count()) == (150, 30)


def test_importing_the_store_imports_no_search_library() -> None:
    """The first page is not kept waiting by FAISS, tantivy, torch or a vendor's package."""
    code = (
        "import sys, vectorstore.faiss_store, vectorstore.fulltext, vectorstore.factory\n"
        "import vectorstore.embeddings.factory, vectorstore.embeddings.local\n"
        "import vectorstore.embeddings.openai, vectorstore.embeddings.bedrock\n"
        "heavy = {'faiss', 'tantivy', 'torch', 'transformers', 'sentence_transformers', 'openai', 'boto3'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
