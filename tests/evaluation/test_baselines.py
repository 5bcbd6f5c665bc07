"""The ways of ranking that stand beside ours, worked out by hand on a few passages."""

import math

import numpy as np
import pytest

from sitechat.evaluation.baselines import BM25, DENSE, RANKS, SCORES, Words, ways
from vectorstore.base import Scope, TextRecord

SCOPE = Scope("base", "document", "local", ())
PASSAGES = [
    TextRecord(1, SCOPE, "", "", "Mills mill grain."),
    TextRecord(2, SCOPE, "", "", "Bread is baked."),
    TextRecord(3, SCOPE, "", "", "The mill stands by a river."),
]


def test_bm25_is_lucene_s() -> None:
    scores = Words(PASSAGES).scores("Where is the mill?")
    rarity = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    average = (3 + 3 + 6) / 3
    expected = [
        rarity * tf / (tf + 0.9 * (1 - 0.4 + 0.4 * length / average)) if tf else 0.0
        for tf, length in ((2, 3), (0, 3), (1, 6))
    ]
    assert scores == pytest.approx(expected)


def test_each_language_is_asked_in_its_own_words() -> None:
    german = TextRecord(4, SCOPE, "", "", "Die Rechnungen sind bezahlt.", "de")
    scores = Words([*PASSAGES, german]).scores("Welche Rechnung?")
    assert [place for place, score in enumerate(scores) if score] == [3]


def test_a_text_is_as_good_as_its_best_passage_and_the_fusions_follow() -> None:
    words = np.array([10.0, 0.0, 2.0])
    cosines = np.array([0.1, 0.9, 0.2])
    found = ways(words, cosines, np.array([0, 0, 1]))
    assert found[BM25].tolist() == [10.0, 2.0]
    assert found[DENSE].tolist() == [0.9, 0.2]
    assert found[RANKS].tolist() == pytest.approx([2 / 61, 2 / 62])
    assert found[SCORES].tolist() == pytest.approx([0.9, 0.26])
