"""The choice between refusing too much and answering too much, worked out by hand."""

import pytest

from sitechat.evaluation.curve import REMOVED, TWISTED, curve
from sitechat.evaluation.outcome import Outcome
from tests.evaluation.outcomes import asked, reply

OUTCOMES = [
    Outcome(asked("a"), reply=reply(2.0), without=reply(0.5)),
    Outcome(asked("b"), reply=reply(1.0), without=reply(1.5)),
    Outcome(asked("c", answerable=False), reply=reply(1.2)),
    Outcome(asked("d", answerable=False), reply=reply(0.1)),
    Outcome(asked("e", answerable=None), reply=reply(9.0)),
]


def test_each_threshold_has_its_wrong_refusals_and_its_wrong_answers() -> None:
    found = curve(OUTCOMES)
    assert found is not None
    assert found.threshold == 1.4
    assert found.auroc == {TWISTED: pytest.approx(3 / 4), REMOVED: pytest.approx(3 / 4)}
    lowest, highest = found.points[0], found.points[-1]
    assert (lowest.wrong_refusals, lowest.wrong_answers) == (0.0, {TWISTED: 1.0, REMOVED: 1.0})
    assert (highest.wrong_refusals, highest.wrong_answers) == (1.0, {TWISTED: 0.0, REMOVED: 0.0})
    middle = next(point for point in found.points if 1.2 < point.threshold <= 1.5)
    assert (middle.wrong_refusals, middle.wrong_answers) == (0.5, {TWISTED: 0.0, REMOVED: 0.5})
    refusals = [point.wrong_refusals for point in found.points]
    assert refusals == sorted(refusals)


def test_there_is_no_curve_without_scores_of_both_kinds() -> None:
    assert curve([]) is None
    assert curve([Outcome(asked("a"), reply=reply(2.0))]) is None
    assert curve([Outcome(asked("c", answerable=False), reply=reply(1.2))]) is None
    assert (
        curve([Outcome(asked("a"), reply=reply(None)), Outcome(asked("c", answerable=False), reply=reply(1.0))]) is None
    )
