"""Outcomes made by hand."""

from datetime import UTC, datetime

from sitechat.evaluation.outcome import Head, Outcome, Reply, Run
from sitechat.evaluation.question_set import Question


def asked(
    name: str, *, answerable: bool | None = True, relevant: tuple[str, ...] = ("a",), answers: str = ""
) -> Question:
    grades = dict.fromkeys(relevant, 1.0) if answerable is not False else {}
    return Question(name, f"What is {name}?", (), (answers,) if answers else (), answerable, grades)


def reply(score: float | None = None, *, refused: bool = False, **more: object) -> Reply:
    values: dict[str, object] = {
        "content": "",
        "words": 0,
        "score": score,
        "threshold": 1.4,
        "refused": refused,
        **more,
    }
    return Reply(**values)  # type: ignore[arg-type]


def run_of(*outcomes: Outcome, name: str = "mills", run_id: str = "run-1", owner: str = "local", day: int = 1) -> Run:
    at = datetime(2026, 11, day, tzinfo=UTC)
    return Run(Head(run_id, name, owner, at, len(outcomes), {"language model": "extractive"}, {}), outcomes)
