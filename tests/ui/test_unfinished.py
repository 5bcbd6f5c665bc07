"""The end of a growing text that is not shown yet."""

import pytest

from sitechat.ui.unfinished import showable


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("It is **bo", "It is"),
        ("It is **bold**", "It is **bold**"),
        ("It is *", "It is"),
        ("2 * 3 is 6", "2 * 3 is 6"),
        ("snake_case", "snake_case"),
        ("see `co", "see"),
        ("see `code`", "see `code`"),
        ("see [the guide](http", "see"),
        ("see [the guide](http://x.test)", "see [the guide](http://x.test)"),
        ("so it is.[1", "so it is."),
        ("so it is.[1]", "so it is."),
        ("so it is.[1] A", "so it is.[1] A"),
        ("at http://x.te", "at"),
        ("at http://x.test and", "at http://x.test and"),
        ("AT&am", "AT"),
        ("wow!", "wow"),
        ("a\n- ", "a\n"),
        ("a\n\n1", "a\n\n"),
        ("a\n\n1. b", "a\n\n1. b"),
        ("a\n#", "a\n"),
        ("a\n\n| a | b", "a\n\n"),
        ("a\n\n| a | b |\n|--", "a\n\n"),
        ("a\n\n| a | b |\n|---|---|\n", "a\n\n| a | b |\n|---|---|\n"),
        ("a\n\n| a | b |\n|---|---|\n| 1 |", "a\n\n| a | b |\n|---|---|\n"),
        ("```\ncode\n``", "```\ncode\n"),
        ("```\n**code [x", "```\n**code [x"),
        ("- ```\n  a\n  ```\n- **b", "- ```\n  a\n  ```\n-"),
    ],
)
def test_an_end_that_cannot_be_read_yet_waits(source: str, shown: str) -> None:
    assert showable(source) == shown


def test_what_stays_open_too_long_is_shown_as_it_is() -> None:
    words = "word " * 100
    assert showable(f"**{words}x") == f"**{words}x"
    assert showable(f"[{words}x") == f"[{words}x"
