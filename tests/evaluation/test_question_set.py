"""Question sets are read as they are written, and what is wrong with one is said with its place."""

import json
from pathlib import Path

import pytest

from sitechat.errors import InvalidInput
from sitechat.evaluation.question_set import load_set
from tests.evaluation.sets import QUERIES, TEXTS, write_set


def test_a_set_has_its_texts_questions_and_grades(tmp_path: Path) -> None:
    found = load_set(write_set(tmp_path / "mills"))
    assert found.name == "mills"
    assert [text.id for text in found.texts] == [text["id"] for text in TEXTS]
    first, follow_up, other = found.questions[:3]
    assert first.relevant == {"t/1": 2.0}, "a grade of nothing is none"
    assert follow_up.history == ("Where is the mill?",)
    assert (first.answerable, other.answerable) == (True, False)
    assert other.relevant == {}


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("corpus.jsonl", "{", "corpus.jsonl, line 1: it is not JSON"),
        ("corpus.jsonl", "[]", "corpus.jsonl, line 1: it is not an object"),
        ("corpus.jsonl", '{"id": "t/1", "text": " "}', "line 1: “text” is missing"),
        ("corpus.jsonl", '{"id": "a", "text": "x"}\n{"id": "a", "text": "y"}', "texts with the same id"),
        ("queries.jsonl", "\n", "has no questions"),
        ("queries.jsonl", json.dumps(QUERIES[0]) + '\n\n{"id": 3}', "queries.jsonl, line 3: “id” is missing"),
        ("qrels.tsv", "head\nq1 t/1 1", "qrels.tsv, line 2: it is not query-id, corpus-id and score"),
        ("qrels.tsv", "head\nq1\tt/1\tgood", "qrels.tsv, line 2: it is not"),
        ("qrels.tsv", "head\nq1\tnowhere\t1", "qrels.tsv, line 2: corpus.jsonl has no text “nowhere”"),
    ],
    ids=range(9),
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, file: str, content: str, why: str) -> None:
    folder = write_set(tmp_path / "mills")
    (folder / file).write_text(content)
    with pytest.raises(InvalidInput) as raised:
        load_set(folder)
    assert why in raised.value.message


def test_a_folder_that_is_no_set_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"corpus\.jsonl, queries\.jsonl, qrels\.tsv is missing"):
        load_set(tmp_path)


def test_a_text_may_lie_in_a_file(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set")
    (tmp_path / "page.html").write_text("<p>Rye.</p>")
    row = '{"id": "p", "file": "../page.html"}\n'
    (folder / "corpus.jsonl").write_text((folder / "corpus.jsonl").read_text() + row)
    assert load_set(folder).texts[-1].file == folder / ".." / "page.html"
    (tmp_path / "page.html").unlink()
    with pytest.raises(InvalidInput, match=r"line 4: there is no file .*page\.html"):
        load_set(folder)
