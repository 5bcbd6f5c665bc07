"""What every full-text index promises, whichever library is behind it."""

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.vectorstore.making import EVERYWHERE, of, passage, readable_by, scope, within
from vectorstore.base import Filter, Hit, IndexInUseError, SnapshotError, TextIndex
from vectorstore.factory import create_text_index, open_text_index
from vectorstore.words import searched_text


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "indexes" / "text"


@pytest.fixture
def index(directory: Path) -> Iterator[TextIndex]:
    index = create_text_index(directory)
    yield index
    index.close()


def found(index: TextIndex, query: str, k: int = 10, where: Filter = EVERYWHERE) -> list[int]:
    return [hit.chunk_id for hit in index.search(query, k, where)]


def test_is_a_text_index(index: TextIndex) -> None:
    """The class has the shape of the Protocol, so that the rest of SiteChat need not know it."""
    assert isinstance(index, TextIndex)
    assert (index.sequence, index.count(), index.search("anything", 5, EVERYWHERE)) == (0, 0, [])


def test_ranks_by_bm25(index: TextIndex) -> None:
    """Rare words weigh more than common ones, short texts more than long ones."""
    index.apply(
        [],
        [
            passage(1, "install the server with the package manager"),
            passage(2, "install the server; then configure the reverse proxy"),
            passage(3, "install the client"),
            passage(4, "proxy"),
        ],
        sequence=1,
    )
    assert found(index, "install a reverse proxy")[0] == 2
    assert found(index, "proxy")[0] == 4
    assert found(index, "kangaroo") == []


def test_searches_titles_and_headings_with_the_text(index: TextIndex) -> None:
    """What a page is called is part of what it says."""
    index.apply(
        [], [passage(1, "a", title="Backups"), passage(2, "b", heading="Restoring"), passage(3, "c")], sequence=1
    )
    assert found(index, "how do backups work") == [1]
    assert found(index, "restore") == [2]


def test_words_match_in_other_forms_and_cases(index: TextIndex) -> None:
    """English words are stemmed, in questions as in texts."""
    index.apply([], [passage(1, "Connections are POOLED by default")], sequence=1)
    assert found(index, "pooling a connection") == [1]


def test_common_words_do_not_find_everything(index: TextIndex) -> None:
    """Stop words are dropped from a question, unless it holds nothing else."""
    index.apply([], [passage(1, "the who are a band"), passage(2, "what is a database")], sequence=1)
    assert found(index, "what is the database") == [2]
    assert found(index, "the who") == [1]


def test_scripts_without_spaces_are_searched_by_character(index: TextIndex) -> None:
    """A Chinese or Japanese question finds its words in the middle of a sentence."""
    index.apply([], [passage(1, "数据库的备份方法"), passage(2, "ネットワークの設定"), passage(3, "other")], sequence=1)
    assert found(index, "备份")[0] == 1
    assert found(index, "設定はどこですか")[0] == 2


def test_filters_before_ranking(index: TextIndex) -> None:
    """The k best of those that may be read, not what is left of the k best."""
    access = [("user:a",) if i < 50 else ("everyone", "group:x") for i in range(60)]
    records = [
        passage(i, "pear " * (i % 7 + 1) + "plum", where=scope(f"d{i % 3}", f"kb{i % 2}", access[i])) for i in range(60)
    ]
    index.apply([], records, sequence=1)
    cases: list[tuple[Filter, Callable[[int], bool]]] = [
        (within("kb1"), lambda i: i % 2 == 1),
        (of("d2", "absent"), lambda i: i % 3 == 2),
        (readable_by("everyone", "user:b"), lambda i: i >= 50),
        (Filter(frozenset({"kb0"}), frozenset({"d0"}), frozenset({"user:a"})), lambda i: i % 6 == 0 and i < 50),
        (of("absent"), lambda _: False),
        (Filter(document_ids=frozenset()), lambda _: False),
        (readable_by(), lambda _: False),
    ]
    for where, passes in cases:
        expected = {i for i in range(60) if passes(i)}
        assert set(found(index, "pear", 99, where)) == expected
        assert len(found(index, "pear", 3, where)) == min(3, len(expected))
        assert index.count(where) == len(expected)


def test_filters_do_not_change_scores(index: TextIndex) -> None:
    """A score means the same with and without a filter, so that it can be fused with a cosine."""
    index.apply([], [passage(i, f"pear number{i}", where=scope(f"d{i}")) for i in range(5)], sequence=1)
    (with_filter,) = index.search(
        "pear number3", 1, Filter(frozenset({"kb"}), frozenset({"d3"}), frozenset({"everyone"}))
    )
    assert with_filter == index.search("pear number3", 1, EVERYWHERE)[0]


def test_gives_at_most_k(index: TextIndex) -> None:
    """Zero or fewer is nothing; more than there is gives all there is."""
    index.apply([], [passage(i, "pear") for i in range(5)], sequence=1)
    assert [len(found(index, "pear", k)) for k in (-1, 0, 3, 5, 10**9)] == [0, 0, 3, 5, 5]


def test_large_ids_survive(index: TextIndex) -> None:
    """Ids are 64-bit numbers of the database."""
    index.apply([], [passage(2**53 + 1, "pear"), passage(0, "plum")], sequence=2**40)
    assert found(index, "pear") == [2**53 + 1]
    assert found(index, "plum") == [0]
    assert index.sequence == 2**40


def test_deletes_by_filter(index: TextIndex) -> None:
    """Document by document, a whole knowledge base, or both at once; the rest stays."""
    index.apply([], [passage(i, "pear", where=scope(f"d{i % 4}", f"kb{i % 2}")) for i in range(40)], sequence=1)
    index.apply([of("d1"), Filter(frozenset({"kb0"}), frozenset({"d2", "d3"}))], [], sequence=2)
    assert sorted(found(index, "pear", 99)) == [i for i in range(40) if i % 4 in (0, 3)]
    index.apply([within("kb0")], [], sequence=3)
    assert sorted(found(index, "pear", 99)) == [i for i in range(40) if i % 4 == 3]
    index.apply([EVERYWHERE], [passage(99, "pear")], sequence=4)
    assert (found(index, "pear"), index.count(), index.sequence) == ([99], 1, 4)


def test_applying_a_change_twice_is_applying_it_once(index: TextIndex) -> None:
    """A crash between the index and its bookkeeping means a replay, with or without its deletes."""
    records = [passage(i, "pear", where=scope("a")) for i in range(4)]
    for _ in range(2):
        index.apply([of("a")], records, sequence=5)
        index.apply([], [passage(9, "pear", where=scope("b"))], sequence=6)
    assert (sorted(found(index, "pear")), index.count(), index.sequence) == ([0, 1, 2, 3, 9], 5, 6)


def test_a_changed_document_replaces_its_chunks(index: TextIndex) -> None:
    """Old words no longer find it."""
    index.apply([], [passage(1, "pear", where=scope("a"))], sequence=1)
    index.apply([of("a")], [passage(2, "plum", where=scope("a"))], sequence=2)
    assert (found(index, "pear"), found(index, "plum")) == ([], [2])


def test_the_sequence_never_goes_back(index: TextIndex) -> None:
    """An old change that is replayed does not make the index older."""
    index.apply([], [], sequence=8)
    index.apply([], [], sequence=3)
    assert index.sequence == 8


HOSTILE = [
    "", " \t\n", "AND OR NOT", '"', '"unclosed', "a:b", "text:pear", "knowledge_base:kb", "*", "?*~^", "(((",
    "pear~2", "pear^9", "[a TO z]", "{! }", "\\", "/.*/", "-pear", "+pear +", "\x00", "\ud800", "pear\udfff",
    "😀🏳\ufe0f\u200d🌈", "你好", "İ", "ﬀ", "e\u0301\u0301", "؟", "'; DROP TABLE chunks; --", "<script>",
    "a" * 100_000, "pear " * 50_000, " ".join(f"w{i}" for i in range(5_000)),
]  # fmt: skip


@pytest.mark.parametrize("query", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text_is_a_valid_query(index: TextIndex, query: str) -> None:
    """Operators, quotes, halves of characters, nothing, a book: words are searched, the rest has no meaning."""
    index.apply([], [passage(1, "pear tree"), passage(2, "plum")], sequence=1)
    assert set(found(index, query)) == ({1} if "pear" in query else set())


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(max_size=200))
def test_no_text_breaks_a_search(index: TextIndex, query: str) -> None:
    """Whatever Unicode holds."""
    assert index.search(query, 5, EVERYWHERE) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(codec=None), min_size=1, max_size=300))
def test_any_text_can_be_indexed(index: TextIndex, text: str) -> None:
    """Documents hold everything too; each chunk counts, and its neighbours are found."""
    index.apply([EVERYWHERE], [passage(1, text, title=text[:20]), passage(2, "lighthouse")], sequence=1)
    assert index.count() == 2
    assert 2 in found(index, "lighthouse")


def test_what_was_applied_is_there_after_a_restart(index: TextIndex, directory: Path) -> None:
    """``apply`` is durable when it returns: nothing is saved at close."""
    index.apply([], [passage(1, "pear"), passage(2, "plum")], sequence=3)
    index.apply([of("x")], [passage(3, "pear")], sequence=4)
    before = index.search("pear", 5, EVERYWHERE)
    index.close()
    opened = open_text_index(directory)
    assert (opened.sequence, opened.count(), opened.search("pear", 5, EVERYWHERE)) == (4, 3, before)
    opened.apply([], [passage(4, "pear")], sequence=5)
    assert len(found(opened, "pear")) == 3
    opened.close()


def test_an_absent_index_is_told(directory: Path) -> None:
    """The caller builds the index from the database then."""
    with pytest.raises(SnapshotError):
        open_text_index(directory)
    directory.mkdir(parents=True)
    with pytest.raises(SnapshotError):
        open_text_index(directory)


def test_creating_wipes_what_was_there(index: TextIndex, directory: Path) -> None:
    """Damaged files, foreign files and folders do not live on in a new index."""
    index.apply([], [passage(1, "pear")], sequence=3)
    index.close()
    (directory / "folder").mkdir()
    (directory / "folder" / "file").write_text("x")
    (directory / "meta.json").write_text("nonsense")
    created = create_text_index(directory)
    assert (created.sequence, created.count()) == (0, 0)
    assert not (directory / "folder").exists()
    created.close()


def test_a_second_writer_is_refused(index: TextIndex, directory: Path) -> None:
    """Neither opening nor creating takes an index away from the process that writes to it."""
    index.apply([], [passage(1, "pear")], sequence=1)
    with pytest.raises(IndexInUseError):
        open_text_index(directory)
    with pytest.raises(IndexInUseError):
        create_text_index(directory)
    assert found(index, "pear") == [1]


def test_a_reader_works_beside_a_writer(index: TextIndex, directory: Path) -> None:
    """It sees what is committed, takes no lock and cannot write."""
    index.apply([], [passage(1, "pear")], sequence=1)
    reader = open_text_index(directory, read_only=True)
    assert found(reader, "pear") == [1]
    index.apply([], [passage(2, "pear")], sequence=2)
    assert (reader.sequence, sorted(found(reader, "pear"))) == (2, [1, 2])
    with pytest.raises(ValueError, match="read only"):
        reader.apply([], [], sequence=3)
    reader.close()


def damage(directory: Path, random: np.random.Generator) -> str:
    """Flip a bit, cut or remove one of the files that hold the index."""
    files = sorted(f for f in directory.iterdir() if not f.name.startswith("."))
    file = files[int(random.integers(len(files)))]
    data = bytearray(file.read_bytes())
    place = int(random.integers(len(data)))
    how = str(random.choice(["flip", "cut", "remove"]))
    if how == "flip":
        data[place] ^= 1 << int(random.integers(8))
        file.write_bytes(data)
    elif how == "cut":
        file.write_bytes(data[:place])
    else:
        file.unlink()
    return f"{how} {file.name} at {place}"


def test_damage_is_noticed_and_can_be_mended(index: TextIndex, directory: Path, tmp_path: Path) -> None:
    """A flipped bit, a short or a missing file makes the caller build anew, unless it has no effect at all."""
    index.apply([], [passage(i, f"pear number{i}", where=scope(f"d{i}")) for i in range(20)], sequence=1)
    index.apply([of("d3")], [passage(100, "plum")], sequence=2)
    right = index.search("pear plum number7", 99, readable_by("everyone"))
    index.close()
    random = np.random.default_rng(4)
    for attempt in range(40):
        copy = tmp_path / f"copy{attempt}"
        shutil.copytree(directory, copy)
        what = damage(copy, random)
        try:
            opened = open_text_index(copy)
        except SnapshotError:
            continue
        state = (opened.sequence, opened.count(), opened.search("pear plum number7", 99, readable_by("everyone")))
        opened.close()
        assert state == (2, 20, right), f"{what} was not noticed"
    mended = create_text_index(copy)
    assert (mended.sequence, mended.count()) == (0, 0)
    mended.close()


def test_scores_candidates_more_finely(index: TextIndex) -> None:
    """The same words in another order are the same to BM25, and not to its word pairs; scores come in order."""
    texts = ["the bank of England sets rates", "England sets the rates of a bank", "rivers flow"]
    index.apply([], [passage(i, text) for i, text in enumerate(texts)], sequence=1)
    ordered, mixed, neither = index.rescore("Bank of England", [searched_text("", "", text) for text in texts])
    assert ordered.terms == pytest.approx(mixed.terms, rel=0.05)
    assert ordered.pairs > mixed.pairs == 0
    assert (neither.terms, neither.pairs) == (0, 0)
    assert index.rescore("", ["x"])[0].terms == 0
    assert index.rescore("bank", []) == []


def test_each_language_is_searched_by_its_own_words(index: TextIndex) -> None:
    """A plural finds the singular, common words of a language find nothing, and no word finds another language's."""
    index.apply(
        [],
        [
            passage(1, "Die Rechnung kommt am Montag", language="de"),
            passage(2, "La facture arrive lundi", language="fr"),
            passage(3, "The invoice is for one die and two cubes", language="en"),
            passage(4, "Faktura przychodzi w poniedziałek", language="pl"),
            passage(5, "An invoice of nobody knows which language"),
        ],
        sequence=1,
    )
    assert found(index, "Rechnungen") == [1]
    assert found(index, "factures") == [2]
    assert set(found(index, "invoices")) == {3, 5}
    assert found(index, "faktura") == [4]
    assert found(index, "die") == [3]
    assert set(found(index, "Kommt die Rechnung, la facture?")) == {1, 2, 3}


def test_finer_scores_are_those_of_a_language_on_its_own(index: TextIndex, tmp_path: Path) -> None:
    """German passages beside them do not change what English ones score, and are scored by German words."""
    english = [passage(i, text) for i, text in enumerate(["two invoices and a bank", "a river bank", "rivers flow"])]
    alone = create_text_index(tmp_path / "alone")
    alone.apply([], english, sequence=1)
    german = [passage(10 + i, f"Rechnung Nummer {i} der Bank", language="de") for i in range(3)]
    index.apply([], [*english, *german], sequence=1)
    texts = [searched_text("", "", each.text) for each in english]
    before = [score.pairs + score.terms for score in alone.rescore("invoices of a bank", texts)]
    after = index.rescore("invoices of a bank", [*texts, "Rechnung der Bank"], ["en", "", "en", "de"])
    assert [score.pairs + score.terms for score in after[:3]] == pytest.approx(before)
    assert after[3].terms > 0
    assert index.rescore("Rechnungen", ["die Rechnung"], ["de"])[0].terms > 0
    assert index.rescore("Rechnungen", ["die Rechnung"], ["en"])[0].terms == 0
    alone.close()


def test_searches_go_on_while_a_writer_writes(index: TextIndex) -> None:
    """A search sees a commit whole or not at all."""
    size = 10

    def version(number: int) -> None:
        index.apply(
            [of("d")], [passage(number * size + i, "pear", where=scope("d")) for i in range(size)], sequence=number
        )

    version(0)
    wrong: list[list[Hit]] = []
    done = threading.Event()

    def search() -> None:
        while not done.is_set():
            hits = index.search("pear", 99, within("kb"))
            if len({hit.chunk_id // size for hit in hits}) != 1 or len(hits) != size:
                wrong.append(hits)

    readers = [threading.Thread(target=search) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(1, 25):
        version(number)
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []
