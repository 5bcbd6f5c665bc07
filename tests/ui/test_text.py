"""Numbers, times and lengths as people read them; and that no text is left over."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sitechat.evaluation.report import report
from sitechat.ui import text
from tests.evaluation.outcomes import OF_EVERY_KIND, run_of

NOW = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
PAGES = Path(text.__file__).parent.parent


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.004, "4 ms"),
        (0.0996, "0.1 s"),
        (2.14, "2.1 s"),
        (9.97, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert text.spent(seconds) == words


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=5), "5 hours ago"),
        (timedelta(days=3), "3 days ago"),
        (timedelta(days=40), "on 10 April 2026"),
    ],
)
def test_how_long_ago(passed: timedelta, words: str) -> None:
    assert text.ago(NOW - passed, NOW) == words


@pytest.mark.parametrize(
    ("days", "heading"),
    [(0, "Today"), (1, "Yesterday"), (4, "Previous 7 days"), (20, "Previous 30 days"), (60, "March 2026")],
)
def test_headings_of_days(days: int, heading: str) -> None:
    assert text.heading_of_day(NOW - timedelta(days=days), NOW) == heading


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3, "a few seconds left"), (42, "about 40 s left"), (236, "about 4 min left"), (5400, "about 1.5 h left")],
)
def test_time_left(seconds: float, words: str) -> None:
    assert text.time_left(seconds) == words


def test_counts_sizes_and_shortened_lines() -> None:
    assert text.count(1, "page") == "1 page"
    assert text.count(12345, "page") == "12,345 pages"
    assert (text.size(812), text.size(14_200), text.size(3_210_000)) == ("812 B", "14 kB", "3.2 MB")
    assert text.shortened("one two\nthree, four", 14) == "one two three…"
    assert text.outcome(412, 3, 1) == "412 ready · 3 skipped · 1 failed"
    assert text.outcome(2, 0, 0) == "2 ready"


def test_every_text_is_used() -> None:
    code = "".join(path.read_text("utf-8") for path in PAGES.rglob("*.py"))
    names = [name for name in vars(text) if not name.startswith("_") and re.search(rf"^(?:def )?{name}\b", code, re.M)]
    unused = [name for name in names if len(re.findall(rf"\b{name}\b", code)) < 2]
    assert "ASK_TITLE" in names
    assert unused == []


def test_no_page_writes_its_own_words() -> None:
    """A sentence in a page's code would be missed by a translation."""
    call = re.compile(r"st\.(?:markdown|caption|title|button|error|info|warning|subheader)\(\s*\"[A-Za-z]")
    for path in PAGES.glob("*.py"):
        assert not call.findall(path.read_text("utf-8")), path.name


def test_every_measure_that_an_evaluation_can_have_has_a_name_and_a_meaning() -> None:
    assert set(report(run_of(*OF_EVERY_KIND)).values()) == set(text.FIGURES)
