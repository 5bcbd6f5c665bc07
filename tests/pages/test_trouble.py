"""A bug in a page is one sentence for the reader and a traceback for the log."""

from streamlit.testing.v1 import AppTest

from sitechat.ui import text


def broken_page() -> None:
    from sitechat.errors import NotFound
    from sitechat.ui import trouble

    for error in (ZeroDivisionError("inner detail"), NotFound("This document does not exist.")):
        assert trouble.show(error)


def test_a_bug_shows_no_detail_and_an_expected_failure_its_sentence() -> None:
    shown = [element.value for element in AppTest.from_function(broken_page).run().error]
    assert shown[0] == text.BROKE
    assert "This document does not exist" in shown[1]
    assert "inner detail" not in "".join(shown)
