"""The measures are trec_eval's: worked out by hand on small rankings."""

import math

import pytest

from sitechat.evaluation import measures
from sitechat.evaluation.report import holds

RELEVANT = {"a": 1.0, "b": 1.0, "c": 1.0}


def test_recall_counts_what_is_among_the_first() -> None:
    assert measures.recall(["x", "a", "b"], RELEVANT, 1) == 0
    assert measures.recall(["x", "a", "b"], RELEVANT, 3) == pytest.approx(2 / 3)
    assert measures.recall(["a"], {"a": 1.0}, 20) == 1


def test_reciprocal_rank_is_of_the_first_that_is_right() -> None:
    assert measures.reciprocal_rank(["x", "y", "a", "b"], RELEVANT) == pytest.approx(1 / 3)
    assert measures.reciprocal_rank([*"0123456789", "a"], RELEVANT) == 0


def test_ndcg_is_one_for_the_best_order_and_less_for_any_other() -> None:
    assert measures.ndcg(["c", "a", "b", "x"], RELEVANT) == pytest.approx(1)
    assert measures.ndcg(["x", "a"], {"a": 1.0}) == pytest.approx(1 / math.log2(3))
    assert measures.ndcg([], RELEVANT) == 0
    graded = {"a": 2.0, "b": 1.0}
    assert measures.ndcg(["b", "a"], graded) == pytest.approx((1 + 2 / math.log2(3)) / (2 + 1 / math.log2(3)))


def test_ndcg_of_more_right_texts_than_places_can_be_reached() -> None:
    many = {str(number): 1.0 for number in range(30)}
    assert measures.ndcg([str(number) for number in range(10)], many) == pytest.approx(1)


def test_a_mean_is_over_those_that_have_the_measure() -> None:
    assert measures.mean([{"a": 1.0, "b": 0.0}, {"a": 0.0}]) == {"a": 0.5, "b": 0.0}
    assert measures.mean([]) == {}


def test_auroc_is_the_share_of_pairs_in_order_and_half_of_the_ties() -> None:
    assert measures.auroc([3, 4], [1, 2]) == 1
    assert measures.auroc([1, 2], [3, 4]) == 0
    assert measures.auroc([2, 3], [1, 2]) == pytest.approx(3.5 / 4)


def test_percentiles_are_values_that_were_seen() -> None:
    assert measures.percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert measures.percentile([float(value) for value in range(1, 101)], 0.95) == 95.0
    assert measures.percentile([], 0.5) == 0.0


@pytest.mark.parametrize(
    ("answer", "expected", "held"),
    [
        ("It was the **Normans**, in 911.", ["the Normans"], True),
        ("In 1911 nothing happened.", ["911"], False),
        ("Quoted: “Rollo’s men”.", ["nobody", "Quoted"], True),
        ("Anything.", [""], False),
    ],
)
def test_an_answer_holds_the_expected_words_or_not(answer: str, expected: list[str], held: bool) -> None:
    assert holds(answer, expected) is held
