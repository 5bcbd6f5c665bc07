"""How fast a job was, kept small however long it takes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitechat.storage.series import POINTS, added, rates


@given(st.lists(st.tuples(st.floats(0, 500_000), st.integers(1, 64)), max_size=200))
def test_it_never_grows_past_its_points_and_loses_no_passage(ticks: list[tuple[float, int]]) -> None:
    series = None
    for at, passages in sorted(ticks):
        series = added(series, at, passages)
    if series is not None:
        assert len(series["passages"]) <= POINTS
        assert sum(series["passages"]) == sum(passages for _, passages in ticks)
        assert len(rates(series, 60)) <= 60


def test_a_steady_job_has_a_flat_line_also_after_merging() -> None:
    series = None
    for second in range(1000):
        series = added(series, second, 20)
    assert series is not None
    *whole, _ = rates(series)
    assert whole == pytest.approx([20] * len(whole))


def test_what_was_given_is_left_alone() -> None:
    series = added(None, 0, 1)
    added(series, 1, 1)
    assert series == {"every": 1.0, "passages": [1]}
    assert rates(None) == []
