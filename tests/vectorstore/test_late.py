"""Vectors of the parts of texts: what is kept of them, and how near a question comes."""

import numpy as np
import pytest

from tests.vectorstore.making import random_vectors
from tests.vectorstore.making import unit as unit_rows
from vectorstore.late import LateVectors, encoded, score, unit

QUERY = random_vectors(1, 64, seed=9)[0]


def parts(windows: int, sentences: int, seed: int = 0) -> LateVectors:
    rows = random_vectors(windows + sentences, 64, seed)
    spans = tuple((10 * i, 10 * i + 9) for i in range(sentences))
    return LateVectors(encoded(rows[:windows]), encoded(rows[windows:]), spans)


def test_what_is_kept_is_what_was_made() -> None:
    made = parts(3, 2)
    kept = LateVectors.from_bytes(made.to_bytes())
    assert kept.spans == ((0, 9), (10, 19))
    np.testing.assert_array_equal(kept.windows, made.windows)
    np.testing.assert_array_equal(kept.sentences, made.sentences)
    assert len(made.to_bytes()) < 5 * 64 + 32, "a number in eight bits"


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: d[:3], lambda d: d + b"x", lambda d: b"\x09" + d[1:]])
def test_bytes_that_are_something_else_are_refused(damage: object) -> None:
    with pytest.raises(ValueError, match="no vectors of parts"):
        LateVectors.from_bytes(damage(parts(2, 1).to_bytes()))  # type: ignore[operator]


def test_codes_keep_directions() -> None:
    rows = random_vectors(50, 64) * np.geomspace(0.001, 1000, 50, dtype=np.float32)[:, np.newaxis]
    assert (unit(encoded(rows)) * unit_rows(rows)).sum(axis=1).min() > 0.9995
    assert not unit(encoded(np.zeros((1, 64), np.float32))).any(), "nothing has no direction"


def test_a_text_is_as_near_as_its_nearest_part() -> None:
    texts = [parts(4, 3, seed=1), parts(1, 5, seed=2)]
    scores = score(QUERY, texts)
    assert score(QUERY, []) == []
    for text, found in zip(texts, scores, strict=True):
        assert found.window == pytest.approx(float((unit(text.windows) @ QUERY).max()), abs=1e-6)
        assert found.sentence == pytest.approx(float((unit(text.sentences) @ QUERY).max()), abs=1e-6)


def test_a_text_without_sentences_is_measured_by_its_windows() -> None:
    (found,) = score(QUERY, [parts(3, 0)])
    assert found.sentence == found.window
