"""How long a job will take, told from what is known."""

import pytest

from sitechat.storage.forecast import Left, forecast, recent_rate
from sitechat.storage.series import added
from sitechat.storage.tables import JobRow


def job(*paces: tuple[float, float]) -> JobRow:
    """One that worked for so many seconds at so many passages a second, one after the other."""
    series, at, done = None, 0.0, 0.0
    for seconds, rate in paces:
        for _ in range(int(seconds * 2)):
            at += 0.5
            before, done = done, done + rate / 2
            if int(done) > int(before):
                series = added(series, at, int(done) - int(before))
    return JobRow(busy_seconds=at, series=series)


def left(passages: float, guessed: float = 0.0) -> Left:
    return Left(passages=passages, guessed=guessed, weight=passages, weight_done=1000.0)


def test_a_steady_job_takes_what_is_left_by_its_rate() -> None:
    found = forecast(job((200, 10)), left(500))
    assert found is not None
    assert found.rate == pytest.approx(10, rel=0.05)
    assert found.seconds == pytest.approx(50, rel=0.05)
    assert found.low < 50 < found.high


def test_the_time_before_the_first_passage_is_no_work() -> None:
    found = forecast(job((15, 0), (20, 10)), left(500))
    assert found is not None
    assert found.seconds == pytest.approx(50, rel=0.1)


def test_a_job_that_grew_slower_is_judged_by_how_it_goes_now() -> None:
    found = forecast(job((1000, 20), (400, 5)), left(500))
    assert found is not None
    assert found.seconds == pytest.approx(100, rel=0.1)


def test_the_range_is_wider_where_more_is_guessed() -> None:
    sure, unsure = forecast(job((200, 10)), left(500)), forecast(job((200, 10)), left(500, guessed=1.0))
    assert sure is not None
    assert unsure is not None
    assert unsure.high - unsure.low > 3 * (sure.high - sure.low)


def test_where_nothing_is_new_files_are_counted() -> None:
    found = forecast(JobRow(busy_seconds=10.0, series=None), left(500))
    assert found is not None
    assert found.seconds == pytest.approx(5)


def test_too_little_tells_nothing() -> None:
    assert recent_rate(None, 10) is None
    assert recent_rate(added(None, 1.0, 3), 5.0) is None
    assert forecast(JobRow(busy_seconds=0.0, series=None), left(500)) is None
    assert forecast(JobRow(busy_seconds=5.0, series=None), Left(500, 1.0, 500, weight_done=2.0)) is None
