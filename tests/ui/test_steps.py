"""The status line at every moment, and the list of steps below it."""

from sitechat.events import Notice, Status
from sitechat.ui import text
from sitechat.ui.steps import StatusLine, listed

SEARCHING = Status(step="retrieving", message="Searching knowledge base")
FOUND = Status(step="retrieving", message="Retrieving documents", detail={"ms": 503.4, "passages": 24, "pages": 9})


def test_a_step_shows_once_it_takes_a_while() -> None:
    line = StatusLine()
    line.status(SEARCHING, 0.0)
    assert line.at(0.05) == text.THINKING
    assert line.at(0.15) == "Searching knowledge base"


def test_a_quick_step_is_listed_but_never_shown() -> None:
    line = StatusLine()
    line.status(SEARCHING, 0.0)
    line.status(FOUND, 0.05)
    assert line.at(0.2) == text.THINKING
    assert listed(line.steps) == "Retrieving documents · 24 passages, 9 pages · 0.5 s"


def test_a_retry_counts_down_and_ends_with_the_next_word() -> None:
    line = StatusLine()
    line.notice(Notice(kind="retrying", message="busy", seconds=12), 0.0)
    assert line.at(0.0) == "The model is busy; retrying in 12 s."
    assert line.at(7.0) == "The model is busy; retrying in 5 s."
    line.text_began()
    assert line.at(8.0) == text.THINKING


def test_a_long_wait_says_how_long() -> None:
    line = StatusLine()
    line.notice(Notice(kind="waiting", message="…", seconds=20), 0.0)
    assert line.at(0.0) == "Still waiting for the model (20 s)…"


def test_another_notice_is_shown_in_its_own_words() -> None:
    line = StatusLine()
    line.notice(Notice(kind="preparing", message="The search model is still loading."), 0.0)
    assert line.at(1.0) == "The search model is still loading."


def test_a_message_of_a_step_is_text() -> None:
    assert listed([FOUND.model_copy(update={"message": "a *b* :red[c]"})]).startswith(r"a \*b\* \:red\[c\]")


def test_two_ends_of_one_step_are_both_listed() -> None:
    line = StatusLine()
    for message in ("Ranking results", "Validating information"):
        line.status(Status(step="grading", message=message), 0.0)
        line.status(Status(step="grading", message=message, detail={"ms": 20}), 0.02)
    assert listed(line.steps) == "Ranking results · 20 ms  \nValidating information · 20 ms"
