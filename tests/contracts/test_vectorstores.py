"""What every vector store promises, whichever library is behind it."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.vectorstore.making import (
    DIMENSION,
    EVERYWHERE,
    axis,
    none,
    of,
    random_vectors,
    readable_by,
    record,
    scope,
    unit,
    within,
)
from vectorstore.base import Filter, SnapshotError, VectorStore
from vectorstore.factory import StoreFacts, create_store, open_store
from vectorstore.faiss_store import FaissStore

EXACT, GRAPH = 1_000_000, 0
Settle = Callable[[VectorStore], VectorStore]


def settle(store: VectorStore) -> VectorStore:
    """Wait for what a store does in the background."""
    if isinstance(store, FaissStore):
        assert store.settle(60)
    return store


@pytest.fixture(params=[EXACT, GRAPH], ids=["faiss-exact", "faiss-hnsw"])
def facts(request: pytest.FixtureRequest) -> StoreFacts:
    return {"generation": 7, "spec": "local/model", "dimension": DIMENSION, "exact_limit": request.param}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "indexes" / "dense"


@pytest.fixture
def store(path: Path, facts: StoreFacts) -> Iterator[VectorStore]:
    store = create_store(path, **facts)
    yield store
    store.close()


def found(store: VectorStore, query: np.ndarray, k: int = 10, where: Filter = EVERYWHERE) -> list[int]:
    return [hit.chunk_id for hit in settle(store).search(query, k, where)]


def test_is_a_vector_store(store: VectorStore) -> None:
    """The class has the shape of the Protocol, so that the rest of SiteChat need not know it."""
    assert isinstance(store, VectorStore)
    assert (store.dimension, store.sequence, store.count()) == (DIMENSION, 0, 0)


def test_an_empty_store_finds_nothing(store: VectorStore) -> None:
    """A question before the first document is no error."""
    assert found(store, axis(0)[0]) == []
    assert store.vectors_of([1, 2]) == {}


def test_finds_the_nearest_first_with_cosines_as_scores(store: VectorStore) -> None:
    """Scores are comparable between stores: the inner product of unit vectors."""
    vectors = unit(np.array([axis(0)[0], axis(0)[0] + axis(1)[0], axis(2)[0]]))
    store.apply([], [record(1), record(2), record(3)], vectors, sequence=1)
    hits = settle(store).search(axis(0)[0], 2, EVERYWHERE)
    assert [hit.chunk_id for hit in hits] == [1, 2]
    assert [hit.score for hit in hits] == pytest.approx([1.0, 2**-0.5], abs=1e-6)


def test_gives_at_most_k(store: VectorStore) -> None:
    """Zero or fewer is nothing; more than there is gives all there is."""
    store.apply([], [record(i) for i in range(5)], random_vectors(5), sequence=1)
    assert [len(found(store, axis(0)[0], k)) for k in (-1, 0, 3, 5, 50)] == [0, 0, 3, 5, 5]


def test_filters_before_ranking(store: VectorStore) -> None:
    """The k best of those that may be read, not what is left of the k best."""
    vectors = random_vectors(60, seed=3)
    records = [
        record(i, where=scope(f"d{i % 3}", f"kb{i % 2}", ("user:a",) if i < 50 else ("everyone",))) for i in range(60)
    ]
    store.apply([], records, vectors, sequence=1)
    order = list(np.argsort(-(vectors @ vectors[0]), kind="stable"))
    for where, passes in (
        (within("kb1"), lambda i: i % 2 == 1),
        (of("d2"), lambda i: i % 3 == 2),
        (readable_by("everyone", "user:b"), lambda i: i >= 50),
        (
            Filter(frozenset({"kb0"}), frozenset({"d0", "d1"}), frozenset({"user:a"})),
            lambda i: i % 2 == 0 and i % 3 < 2 and i < 50,
        ),
        (of("absent"), lambda i: False),
        (Filter(document_ids=frozenset()), lambda i: False),
        (readable_by(), lambda i: False),
    ):
        expected = [int(i) for i in order if passes(int(i))]
        assert found(store, vectors[0], 5, where) == expected[:5]
        assert store.count(where) == len(expected)


def test_gives_each_chunk_once_by_its_best_vector(store: VectorStore) -> None:
    """Several vectors of one chunk are several ways to find it, not several passages."""
    near, nearer = unit(np.array([axis(0)[0] + 0.2 * axis(1)[0], axis(0)[0] + 0.1 * axis(1)[0]]))
    records = [record(1, chunk=9), record(2, chunk=9), record(3, chunk=8)]
    store.apply([], records, np.array([near, nearer, axis(3)[0]]), sequence=1)
    hits = settle(store).search(axis(0)[0], 2, EVERYWHERE)
    assert [hit.chunk_id for hit in hits] == [9, 8]
    assert hits[0].score == pytest.approx(float(nearer @ axis(0)[0]), abs=1e-6)


def test_a_chunk_with_many_vectors_leaves_room_for_others(store: VectorStore) -> None:
    """Fifty windows of one chunk that are nearer than anything else take one place."""
    crowd = unit(axis(0) + 0.01 * random_vectors(50))
    records = [record(i, chunk=1) for i in range(50)] + [record(100 + i, chunk=100 + i) for i in range(10)]
    store.apply([], records, np.vstack([crowd, unit(axis(1) + 0.01 * random_vectors(10, seed=2))]), sequence=1)
    hits = found(store, axis(0)[0], 5)
    assert hits[0] == 1
    assert len(set(hits)) == 5


def test_searches_the_kinds_it_is_asked_for(store: VectorStore) -> None:
    """Windows and sentences are kept beside the chunks' own vectors and do not mix in unasked."""
    records = [
        record(1, chunk=1),
        record(2, chunk=2),
        record(3, chunk=1, kind="window"),
        record(4, chunk=3, kind="sentence"),
    ]
    store.apply([], records, np.vstack([axis(i) for i in range(4)]), sequence=1)
    settle(store)
    assert [h.chunk_id for h in store.search(axis(2)[0], 9, EVERYWHERE)] == [1, 2]
    both = store.search(axis(2)[0], 9, EVERYWHERE, kinds=frozenset({"chunk", "window"}))
    assert both[0].chunk_id == 1
    assert both[0].score == pytest.approx(1.0)
    assert [h.chunk_id for h in store.search(axis(3)[0], 1, EVERYWHERE, kinds=frozenset({"sentence"}))] == [3]
    assert store.count() == 4


def test_gives_the_vectors_of_chunks(store: VectorStore) -> None:
    """A passage that full text found is scored by its own vector."""
    records = [record(1, chunk=5), record(3, chunk=6, kind="window"), record(2, chunk=6, kind="window")]
    store.apply([], records, np.vstack([axis(1), axis(3), axis(2)]), sequence=1)
    chunks, windows = store.vectors_of([5, 6, 77]), store.vectors_of([5, 6], "window")
    assert chunks.keys() == {5}
    assert windows.keys() == {6}
    np.testing.assert_array_equal(chunks[5], axis(1))
    np.testing.assert_array_equal(windows[6], np.vstack([axis(2), axis(3)]))


def test_deletes_by_filter(store: VectorStore) -> None:
    """What a filter matches is gone from searches, counts and vectors; the rest stays under its ids."""
    records = [record(i, where=scope(f"d{i % 4}", f"kb{i % 2}")) for i in range(40)]
    store.apply([], records, random_vectors(40), sequence=1)
    settle(store)
    store.apply([of("d1"), Filter(frozenset({"kb0"}), frozenset({"d2"}))], [], none(), sequence=2)
    assert sorted(found(store, axis(0)[0], 99)) == [i for i in range(40) if i % 4 in (0, 3)]
    assert store.vectors_of([1, 0]).keys() == {0}
    store.apply([within("kb0")], [], none(), sequence=3)
    assert sorted(found(store, axis(0)[0], 99)) == [i for i in range(40) if i % 4 == 3]
    store.apply([EVERYWHERE], [], none(), sequence=4)
    assert store.count() == 0


def test_deletes_then_adds_in_one_step(store: VectorStore) -> None:
    """A changed document replaces its chunks, and no search sees it half replaced."""
    store.apply([], [record(1, where=scope("a")), record(2, where=scope("b"))], random_vectors(2), sequence=1)
    store.apply([of("a")], [record(3, where=scope("a"))], axis(0), sequence=2)
    assert sorted(found(store, axis(0)[0])) == [2, 3]


def test_applying_a_change_twice_is_applying_it_once(store: VectorStore) -> None:
    """A crash between the index and its bookkeeping means a replay."""
    first, second = [record(i, where=scope("a")) for i in range(4)], [record(9, where=scope("b"))]
    for _ in range(2):
        store.apply([of("a")], first, random_vectors(4), sequence=5)
        store.apply([of("b")], second, axis(0), sequence=6)
        store.apply([], second, axis(0), sequence=6)
    assert store.count() == 5
    assert store.sequence == 6
    assert sorted(found(store, axis(0)[0])) == [0, 1, 2, 3, 9]


def test_the_sequence_never_goes_back(store: VectorStore) -> None:
    """An old change that is replayed does not make the index older."""
    store.apply([], [record(1)], axis(0), sequence=8)
    store.apply([], [], none(), sequence=3)
    assert store.sequence == 8


@pytest.mark.parametrize(
    "vectors", [np.ones((1, DIMENSION)), np.ones((2, 3)), np.full((2, DIMENSION), np.nan)], ids=["few", "short", "nan"]
)
def test_refuses_vectors_that_do_not_fit(store: VectorStore, vectors: np.ndarray) -> None:
    """A mistake of the caller changes nothing."""
    store.apply([], [record(5)], axis(0), sequence=1)
    with pytest.raises(ValueError, match="vector"):
        store.apply([of("d")], [record(1), record(2)], vectors, sequence=2)
    assert (store.count(), store.sequence) == (1, 1)


def test_refuses_a_query_of_another_dimension(store: VectorStore) -> None:
    """Two embedding models are never compared by accident."""
    with pytest.raises(ValueError, match="shape"):
        store.search(np.ones(3, np.float32), 1, EVERYWHERE)


def test_a_saved_store_opens_as_it_was(store: VectorStore, path: Path, facts: StoreFacts) -> None:
    """Ids, scopes, kinds, deletions and the sequence survive a restart."""
    records = [record(i, where=scope(f"d{i % 5}", "kb", ("user:a", f"group:{i % 2}"))) for i in range(50)]
    store.apply([], [*records, record(90, chunk=1, kind="window")], random_vectors(51), sequence=1)
    settle(store)
    store.apply([of("d3")], [record(200)], axis(0), sequence=2)
    settle(store).save()
    opened = settle(open_store(path, **facts))
    try:
        assert (opened.sequence, opened.count()) == (2, store.count())
        for where in (EVERYWHERE, of("d1"), of("d3"), readable_by("group:1"), readable_by("everyone")):
            assert opened.search(axis(0)[0], 60, where) == store.search(axis(0)[0], 60, where)
        assert opened.vectors_of([1], "window").keys() == {1}
        opened.apply([of("d0")], [record(300, where=scope("new"))], axis(1), sequence=3)
        assert found(opened, axis(1)[0], 1) == [300]
        assert opened.count(of("d0")) == 0
    finally:
        opened.close()


def test_an_empty_store_can_be_saved(store: VectorStore, path: Path, facts: StoreFacts) -> None:
    """The last document may be deleted too."""
    store.apply([], [], none(), sequence=4)
    store.save()
    opened = open_store(path, **facts)
    assert (opened.sequence, opened.count()) == (4, 0)
    opened.close()


def test_an_absent_snapshot_is_told(path: Path, facts: StoreFacts) -> None:
    """The caller builds the index from the database then."""
    with pytest.raises(SnapshotError, match="absent"):
        open_store(path, **facts)


def test_a_snapshot_of_something_else_is_refused(store: VectorStore, path: Path, facts: StoreFacts) -> None:
    """Vectors of one model are never searched with those of another."""
    store.apply([], [record(1)], axis(0), sequence=1)
    store.save()
    others: dict[str, StoreFacts] = {
        "generation": {**facts, "generation": 8},
        "spec": {**facts, "spec": "openai/model"},
        "dimension": {**facts, "dimension": 8},
    }
    for name, other in others.items():
        with pytest.raises(SnapshotError, match=name):
            open_store(path, **other)


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> dict[int, bytes]:
    """A small snapshot without and with a graph, as bytes."""
    made = {}
    for limit in (EXACT, GRAPH):
        path = tmp_path_factory.mktemp("snapshots") / "dense"
        store = create_store(path, generation=7, spec="local/model", dimension=DIMENSION, exact_limit=limit)
        store.apply([], [record(i, where=scope(f"d{i}")) for i in range(30)], random_vectors(30), sequence=1)
        settle(store).save()
        made[limit] = path.read_bytes()
        store.close()
    return made


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_flipped_bit_anywhere_is_noticed(
    tmp_path: Path, facts: StoreFacts, snapshots: dict[int, bytes], place: float, bit: int
) -> None:
    """A damaged index is rebuilt, never searched."""
    data = bytearray(snapshots[facts["exact_limit"]])
    data[int(place * len(data))] ^= 1 << bit
    (tmp_path / "damaged").write_bytes(data)
    with pytest.raises(SnapshotError):
        open_store(tmp_path / "damaged", **facts)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.floats(0, 1, exclude_max=True), tail=st.binary(max_size=40))
def test_a_file_of_another_length_is_noticed(
    tmp_path: Path, facts: StoreFacts, snapshots: dict[int, bytes], kept: float, tail: bytes
) -> None:
    """Cut short, or grown by something foreign."""
    whole = snapshots[facts["exact_limit"]]
    data = whole[: int(kept * len(whole))] + tail
    (tmp_path / "damaged").write_bytes(data)
    with pytest.raises(SnapshotError):
        open_store(tmp_path / "damaged", **facts)


def test_searches_go_on_while_a_writer_writes(store: VectorStore) -> None:
    """A search sees the state before a change or after it: here always the whole of one document's version."""
    size, versions = 20, 40
    vectors = random_vectors(size)

    def version(number: int) -> None:
        records = [record(number * size + i, where=scope("doc")) for i in range(size)]
        store.apply([of("doc")], records, vectors, sequence=number)

    version(0)
    seen: set[int] = set()
    wrong: list[list[int]] = []
    done = threading.Event()

    def search() -> None:
        while not done.is_set():
            ids = [hit.chunk_id for hit in store.search(vectors[0], 99, EVERYWHERE)]
            seen.add(ids[0] // size if ids else -1)
            if len(ids) != size or len({i // size for i in ids}) != 1:
                wrong.append(ids)

    readers = [threading.Thread(target=search) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, versions):
        version(number)
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert seen
    assert -1 not in seen


operations = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 5), st.integers(1, 12)),
        st.tuples(st.just("replace"), st.integers(0, 5), st.integers(1, 12)),
        st.tuples(st.just("delete"), st.integers(0, 5), st.just(0)),
        st.tuples(st.just("reopen"), st.just(0), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=operations)
def test_any_history_ends_as_a_plain_table_would(
    tmp_path: Path, facts: StoreFacts, steps: list[tuple[str, int, int]]
) -> None:
    """Adds, replacements, deletions and restarts in any order, against a dictionary."""
    path = tmp_path / "history"
    path.unlink(missing_ok=True)
    store = create_store(path, **facts)
    table: dict[int, tuple[str, np.ndarray]] = {}
    pool, next_id = random_vectors(300, seed=5), 0
    for number, (step, document, count) in enumerate(steps, 1):
        name = f"d{document}"
        if step == "reopen":
            settle(store).save()
            store.close()
            store = open_store(path, **facts)
            continue
        deletes = [] if step == "add" else [of(name)]
        if deletes:
            table = {id: row for id, row in table.items() if row[0] != name}
        ids = list(range(next_id, next_id + count))
        next_id += count
        table |= {id: (name, pool[id]) for id in ids}
        store.apply(
            deletes, [record(id, where=scope(name)) for id in ids], pool[ids] if ids else none(), sequence=number
        )
    assert store.count() == len(table)
    wanted = sorted(table, key=lambda id: -float(table[id][1] @ pool[0]))
    assert found(store, pool[0], 400) == wanted
    assert {int(id) for id in store.vectors_of(range(next_id))} == set(table)
    store.close()
