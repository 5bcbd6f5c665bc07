"""Two evaluations: what is said of their difference agrees with how sure one can be."""

from dataclasses import replace

import numpy as np
import pytest

from sitechat.evaluation import report
from sitechat.evaluation.comparison import compare, difference
from sitechat.evaluation.outcome import Outcome
from tests.evaluation.outcomes import asked, reply, run_of


def test_a_difference_that_every_question_shows_is_told() -> None:
    found = difference("mrr@10", [(0.5, 1.0)] * 20)
    assert (found.before, found.after, found.low, found.high) == (0.5, 1.0, 0.5, 0.5)
    assert found.verdict == "better"
    assert difference("mrr@10", [(1.0, 0.5)] * 20).verdict == "worse"


def test_one_that_may_be_luck_is_not() -> None:
    found = difference("mrr@10", [(0.0, 1.0)] * 10 + [(1.0, 0.0)] * 9 + [(1.0, 1.0)] * 20)
    assert found.low < 0 < found.high
    assert found.verdict == "not distinguishable"
    assert difference("mrr@10", [(0.0, 1.0)] * 5).verdict == "not distinguishable"
    assert difference("mrr@10", [(1.0, 1.0)] * 50).verdict == "not distinguishable"


def test_the_interval_is_about_that_of_the_normal_distribution() -> None:
    changes = np.random.default_rng(7).normal(0.1, 0.5, 400)
    found = difference("ndcg@10", [(0.0, float(change)) for change in changes])
    half = 1.96 * changes.std() / np.sqrt(400)
    assert found.low == pytest.approx(changes.mean() - half, abs=0.01)
    assert found.high == pytest.approx(changes.mean() + half, abs=0.01)
    assert found == difference("ndcg@10", [(0.0, float(change)) for change in changes])


def test_questions_are_compared_with_themselves_and_settings_that_changed_are_named() -> None:
    before = run_of(
        Outcome(asked("a"), ("x", "a"), reply=reply(words=9)),
        Outcome(asked("b"), ("b",), reply=reply(refused=True)),
        Outcome(asked("gone"), ("a",)),
    )
    after = run_of(
        Outcome(asked("b"), ("a",), reply=reply()),
        Outcome(asked("a"), ("a",), reply=reply(words=3)),
        Outcome(asked("failed"), error="Busy."),
        run_id="run-2",
    )
    after = replace(after, head=replace(after.head, settings={"language model": "openai/x", "passages given": "8"}))
    found = compare(before, after)
    assert (found.before, found.after, found.questions) == ("run-1", "run-2", 2)
    assert found.changed == (("language model", "extractive", "openai/x"), ("passages given", "", "8"))
    by_name = {each.measure: each for each in found.differences}
    assert (by_name["recall@1"].before, by_name["recall@1"].after) == (0.0, 1.0)
    assert (by_name[report.ANSWERED].before, by_name[report.ANSWERED].after) == (0.5, 1.0)
    assert report.WORDS not in by_name
