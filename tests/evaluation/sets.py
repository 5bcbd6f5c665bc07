"""A small question set on disk."""

import json
from pathlib import Path

TEXTS = [
    {"id": "t/1", "title": "The mill", "text": "The old mill stands by the river Stour.\n\n* It was built in 1782 *"},
    {"id": "t/2", "title": "Bread", "text": "# Rye bread needs a sour starter and a night of rest."},
    {"id": "t/3", "title": "", "text": "1. Otters hold hands while they sleep, so that they do not drift apart."},
]
QUERIES = [
    {"id": "q1", "text": "Where does the old mill stand?", "answers": ["river Stour"], "answerable": True},
    {"id": "q2", "text": "When was it built?", "history": ["Where is the mill?"], "answerable": True},
    {"id": "q3", "text": "Who is the president of Peru?", "answerable": False},
    {"id": "q4", "text": "Why do otters hold hands?", "answers": ["drift apart"], "answerable": True},
]
QRELS = [("q1", "t/1", 2), ("q1", "t/2", 0), ("q2", "t/1", 1), ("q4", "t/3", 1)]


def write_set(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in (("corpus.jsonl", TEXTS), ("queries.jsonl", QUERIES)):
        (folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    lines = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in QRELS)]
    (folder / "qrels.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
