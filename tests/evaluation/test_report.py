"""What outcomes come to, on a handful whose figures can be counted."""

import pytest

from sitechat.evaluation import report as reports
from sitechat.evaluation.outcome import Outcome
from sitechat.evaluation.report import report
from tests.evaluation.outcomes import OF_EVERY_KIND, asked, run_of


def test_each_measure_is_over_the_questions_that_it_is_about() -> None:
    found = report(run_of(*OF_EVERY_KIND))
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
