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


OF_EVERY_KIND = (
    Outcome(
        asked("a", relevant=("a", "b"), answers="the river"),
        ("a", "x", "b"),
        {"retrieving": 10.0},
        reply(2.0, content="By a River [1].", words=3, cited=("a", "x"), support={"supported": 1, "weak": 1}),
        reply(0.2, refused=True),
    ),
    Outcome(asked("b"), ("x", "a"), {"retrieving": 30.0}, reply(1.0, refused=True), reply(1.6)),
    Outcome(asked("c", answerable=False), ("x",), {"retrieving": 20.0}, reply(1.5, words=5, cited=("x",))),
    Outcome(asked("d", answerable=None), ("a",), {}, reply(2.0, words=4)),
    Outcome(asked("e"), error="The model is busy."),
)
"""Between them they have every measure."""
