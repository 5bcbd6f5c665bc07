"""What outcomes come to, on a handful whose figures can be counted."""

import pytest

from sitechat.evaluation import report as reports
from sitechat.evaluation.outcome import Outcome
from sitechat.evaluation.report import report
from tests.evaluation.outcomes import asked, reply, run_of


def test_each_measure_is_over_the_questions_that_it_is_about() -> None:
    found = report(
        run_of(
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
    )
    assert (found.questions, found.judged, found.failed) == (5, 3, 1)
    assert found.retrieval["recall@1"] == pytest.approx((0.5 + 0 + 1) / 3)
    assert found.answers[reports.ANSWERED] == 0.5
    assert found.answers[reports.REFUSED] == 0.0
    assert found.answers[reports.REMOVED] == 0.5
    assert found.answers[reports.HOLDS] == 1.0
    assert found.answers[reports.PRECISION] == 0.5
    assert found.answers[reports.RECALL] == pytest.approx((0.5 + 0) / 2)
    assert found.answers[reports.SUPPORTED] == 0.5
    assert found.answers[reports.WORDS] == pytest.approx((3 + 5 + 4) / 3)
    assert found.answers["AUROC unanswerable"] == pytest.approx(1 / 2)
    assert found.answers["AUROC removed"] == pytest.approx(3 / 4)
    assert found.milliseconds == {"retrieving": (20.0, 30.0)}


def test_where_nothing_was_answered_there_is_only_the_ranking() -> None:
    found = report(run_of(Outcome(asked("a"), ("a",))))
    assert (found.answers, found.trade_off) == ({}, None)
    assert found.values()["ndcg@10"] == 1.0
