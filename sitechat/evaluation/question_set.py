"""A question set: texts, questions about them, and which texts answer which question.

A folder in the form that retrieval benchmarks use: ``corpus.jsonl`` (id, title, text), ``queries.jsonl`` (id, text, and
where known history, answers, answerable) and ``qrels.tsv`` (query-id, corpus-id, score; one head line). A line of the
corpus may name a ``file`` in place of its text, by its path from the folder.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sitechat.errors import InvalidInput

CORPUS, QUERIES, QRELS = "corpus.jsonl", "queries.jsonl", "qrels.tsv"


@dataclass(frozen=True, slots=True)
class Text:
    """``file`` is where the text lies instead; then ``text`` is empty."""

    id: str
    title: str
    text: str
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """``history`` are the questions asked before it; ``answers`` are wordings of which an answer holds one.

    ``relevant`` grades the texts that answer it; ``answerable`` is None where the set does not say.
    """

    id: str
    text: str
    history: tuple[str, ...]
    answers: tuple[str, ...]
    answerable: bool | None
    relevant: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class QuestionSet:
    name: str
    texts: tuple[Text, ...]
    questions: tuple[Question, ...]


def load_set(folder: Path) -> QuestionSet:
    """Raises ``InvalidInput`` that names the file and line which is wrong."""
    missing = [name for name in (CORPUS, QUERIES, QRELS) if not (folder / name).is_file()]
    if missing:
        raise InvalidInput(f"{folder} is no question set: {', '.join(missing)} is missing.")
    texts = tuple(_text(row, where, folder) for where, row in _rows(folder / CORPUS))
    known = {text.id for text in texts}
    if len(known) < len(texts):
        raise InvalidInput(f"{folder / CORPUS} has texts with the same id.")
    relevant = _relevant(folder / QRELS, known)
    questions = tuple(_question(row, where, relevant) for where, row in _rows(folder / QUERIES))
    if not questions:
        raise InvalidInput(f"{folder / QUERIES} has no questions.")
    return QuestionSet(folder.resolve().name, texts, questions)


def _rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            where = f"{path}, line {number}"
            try:
                row = json.loads(line)
            except ValueError:
                raise InvalidInput(f"{where}: it is not JSON.") from None
            if not isinstance(row, dict):
                raise InvalidInput(f"{where}: it is not an object.")
            yield where, row


def _text(row: dict[str, Any], where: str, folder: Path) -> Text:
    identifier, title = _string(row, "id", where), str(row.get("title") or "")
    if "file" not in row:
        return Text(identifier, title, _string(row, "text", where))
    file = folder / _string(row, "file", where)
    if not file.is_file():
        raise InvalidInput(f"{where}: there is no file {file}.")
    return Text(identifier, title, "", file)


def _question(row: dict[str, Any], where: str, relevant: Mapping[str, Mapping[str, float]]) -> Question:
    identifier = _string(row, "id", where)
    return Question(
        identifier,
        _string(row, "text", where),
        tuple(str(earlier) for earlier in row.get("history") or ()),
        tuple(str(answer) for answer in row.get("answers") or ()),
        row.get("answerable"),
        relevant.get(identifier, {}),
    )


def _string(row: dict[str, Any], name: str, where: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InvalidInput(f"{where}: “{name}” is missing.")
    return value


def _relevant(path: Path, known: set[str]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        parts = line.split("\t")
        if number == 1 or not line.strip():
            continue
        try:
            question, text, score = parts
            grade = float(score)
        except ValueError:
            raise InvalidInput(f"{path}, line {number}: it is not query-id, corpus-id and score.") from None
        if text not in known:
            raise InvalidInput(f"{path}, line {number}: {CORPUS} has no text “{text[:80]}”.")
        if grade > 0:
            found[question][text] = grade
    return found
