"""Which questions are worth a look, and why."""

import pytest

from sitechat.evaluation.failures import Kind, failures, kind_of
from sitechat.evaluation.outcome import Outcome
from tests.evaluation.outcomes import asked, reply

GOOD = reply(cited=("a",), content="By the river.")
SILENT = reply(refused=True)


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Outcome(asked("q", answers="river"), ("a",), {}, GOOD, SILENT), None),
        (Outcome(asked("q", answers="sea"), ("a",), {}, GOOD, SILENT), "other words"),
        (Outcome(asked("q", relevant=("b",)), ("a", "b"), {}, GOOD, SILENT), "other page"),
        (Outcome(asked("q"), ("a",), {}, SILENT, SILENT), "refused"),
        (Outcome(asked("q"), ("a",), {}, GOOD, GOOD), "made up without"),
        (Outcome(asked("q"), tuple("bcdefa"), {}, GOOD, SILENT), "not found"),
        (Outcome(asked("q", answerable=False), ("a",), {}, GOOD), "made up"),
        (Outcome(asked("q", answerable=False), ("a",), {}, SILENT), None),
        (Outcome(asked("q", answerable=None), ("a",), {}, SILENT), None),
        (Outcome(asked("q"), ("b",)), "not found"),
        (Outcome(asked("q"), error="Busy."), "not asked"),
    ],
)
def test_a_question_fails_by_its_gravest_fault(outcome: Outcome, kind: Kind | None) -> None:
    assert kind_of(outcome) == kind


def test_the_gravest_come_first() -> None:
    refused = Outcome(asked("r"), ("a",), {}, SILENT)
    made_up = Outcome(asked("m", answerable=False), ("a",), {}, GOOD)
    fine = Outcome(asked("f"), ("a",), {}, GOOD)
    assert [failure.kind for failure in failures([fine, refused, made_up])] == ["made up", "refused"]
