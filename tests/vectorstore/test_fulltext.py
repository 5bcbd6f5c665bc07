"""What is particular to the tantivy index: its commits, its finer scores, its words."""

import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.vectorstore.making import EVERYWHERE, of, passage, scope
from vectorstore.bm25 import Corpus, score
from vectorstore.fulltext import TantivyIndex
from vectorstore.words import count_words, searchable, searched_text


@pytest.fixture
def index(tmp_path: Path) -> Iterator[TantivyIndex]:
    index = TantivyIndex.create(tmp_path / "text")
    yield index
    index.close()


WRITER = """
import sys
from pathlib import Path
from tests.vectorstore.making import of, passage, scope
from vectorstore.fulltext import TantivyIndex
index = TantivyIndex.open(Path(sys.argv[1]))
print("ready", flush=True)
number = index.sequence
while True:
    number += 1
    where = scope(f"d{number % 3}")
    records = [passage(number * 20 + i, "pear", where=where) for i in range(20)]
    index.apply([of(where.document_id)], records, sequence=number)
    print(number, flush=True)
"""


def test_a_kill_in_the_middle_of_a_commit_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """Killed without warning at any moment, chunks and sequence are of one commit, and the lock is free."""
    directory = tmp_path / "killed"
    TantivyIndex.create(directory).close()
    random = np.random.default_rng(2)
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(directory)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(float(random.uniform(0, 0.2)))
        process.send_signal(signal.SIGKILL)
        lines = process.stdout.read().splitlines()
        process.wait()
        process.stdout.close()
        opened = TantivyIndex.open(directory)
        assert opened.sequence >= (int(lines[-1]) if lines else 0)
        assert opened.count() == 20 * min(3, opened.sequence)
        newest = {hit.chunk_id // 20 for hit in opened.search("pear", 99, EVERYWHERE)}
        assert newest == set(range(max(1, opened.sequence - 2), opened.sequence + 1))
        opened.close()


def test_a_failed_apply_leaves_the_index_usable(index: TantivyIndex) -> None:
    """What was not committed is forgotten, and the next change goes through."""
    index.apply([], [passage(1, "pear")], sequence=1)
    with pytest.raises((OverflowError, ValueError)):
        index.apply([of("d")], [passage(2, "pear"), passage(2**70, "pear")], sequence=2)
    assert (index.sequence, index.count()) == (1, 1)
    index.apply([], [passage(3, "pear")], sequence=2)
    assert (index.sequence, index.count()) == (2, 2)


def test_what_cannot_be_written_can_be_built_again_while_the_error_is_at_hand(
    index: TantivyIndex, tmp_path: Path
) -> None:
    """Its traceback must not keep the lock."""
    with pytest.raises(AttributeError) as error:
        index.apply([], [None], sequence=1)  # type: ignore[list-item]
    again = TantivyIndex.create(tmp_path / "text")
    assert again.sequence == 0
    assert error.value.__traceback__ is not None
    again.close()


def test_what_a_commit_that_was_cut_off_left_is_not_in_the_way_of_the_next(tmp_path: Path) -> None:
    """Deletions are numbered by the commit: the next one comes to the same number."""
    directory, where = tmp_path / "text", scope("d1")
    index = TantivyIndex.create(directory)
    index.apply([], [passage(number, "pear", where=where) for number in range(3)], sequence=1)
    index.close()
    meta = json.loads((directory / "meta.json").read_text())
    names = [segment["segment_id"].replace("-", "") for segment in meta["segments"]]
    for name in names:
        for number in range(meta["opstamp"], meta["opstamp"] + 50):
            (directory / f"{name}.{number}.del").touch(exist_ok=True)
    (directory / ".tmpABC").touch()
    index = TantivyIndex.open(directory)
    index.apply([], [passage(1, "plum", where=where)], sequence=2)
    assert index.count() == 3
    assert not (directory / ".tmpABC").exists()
    assert len(list(directory.glob("*.del"))) <= len(names)
    index.close()


def test_a_long_question_is_searched_by_its_rarest_words(index: TantivyIndex) -> None:
    """Somebody pastes a page: not all of its words are looked up, but those that tell passages apart are."""
    common = [f"common{i}" for i in range(200)]
    index.apply([], [passage(i, " ".join(common)) for i in range(5)] + [passage(9, "zebra")], sequence=1)
    assert 9 in {hit.chunk_id for hit in index.search(" ".join([*common, "zebra"]), 10, EVERYWHERE)}


def test_finer_scores_are_bm25_as_written_down(index: TantivyIndex) -> None:
    """Lucene's form with k1 .9 and b .4, and document frequencies of the whole index."""
    index.apply([], [passage(i, "pear plum apple cherry") for i in range(3)] + [passage(7, "grape fig")], sequence=1)
    average, length = (3 * 4 + 2) / 4, 2
    idf = math.log(1 + (4 - 1 + 0.5) / (1 + 0.5))
    expected = idf * 1 / (1 + 0.9 * (1 - 0.4 + 0.4 * length / average))
    (found,) = index.rescore("a grape", ["grape fig"])
    assert found.terms == pytest.approx(expected, rel=1e-6)
    assert index.rescore("", ["grape"])[0].terms == 0


def test_finer_scores_follow_the_index(index: TantivyIndex) -> None:
    """The mean length is that of the chunks there are now."""
    index.apply([], [passage(1, "pear", where=scope("a"))], sequence=1)
    before = index.rescore("pear", ["pear"])[0].terms
    index.apply([], [passage(2, "plum " * 50, where=scope("b"))], sequence=2)
    assert index.rescore("pear", ["pear"])[0].terms > before


def test_the_score_of_a_text_without_the_words_is_nothing() -> None:
    """Neither terms nor pairs are made up."""
    corpus = Corpus(10, 5.0, {"pear": 2}, {("pear", "tree"): 1})
    assert score(["plum", "tree"], corpus).terms == 0
    assert score([], corpus).pairs == 0


def test_words_are_made_alike_for_texts_and_questions() -> None:
    """Characters of scripts without spaces stand alone; halves of surrogate pairs are replaced."""
    assert searchable("a数据b").split() == ["a", "数", "据", "b"]
    assert searchable("\ud800x") == "?x"
    assert searched_text("T", "", "x") == "T\nx"
    assert count_words("It's 3 o'clock, naïve_user") == 7
