"""The freezer and the pacer: text in pieces, time as a number."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sitechat.ui.markdown import Mark, safe_markdown
from sitechat.ui.stream import Crowd, Freezer, Pacer, addition

MARKS = {1: Mark(1, "https://example.org/a", "Source 1"), 2: Mark(2, "/source/x?start=1&end=2", "Source 2")}

_PARAGRAPHS = [
    "",
    "word",
    "**bold** and *em*.",
    "   three",
    "see [1] and [2][1].",
    "`code [1]`",
    "wow![1]",
    "$5 and $6",
]
_LISTS = ["- item", "* star", "  - nested", "1. one", "2. two", "1986) no", "+", "-", "1.", "1", "    code", "\tTab"]
_BLOCKS = [
    "```python",
    "```",
    "~~~",
    "# Heading",
    "===",
    "---",
    "> quote",
    "> - in quote",
    "| a | b |",
    "|---|---|",
    "| 1 |",
]
_ODD = [
    "[ref]: http://example.org",
    "[ref] used",
    "![i](http://x.test/i)",
    "<b>x</b>",
    ":red[x]",
    "a -> b",
    "\r",
    "**open",
]
LINES = st.sampled_from(_PARAGRAPHS + _LISTS + _BLOCKS + _ODD + ["", ""])
TEXTS = st.lists(LINES, max_size=14).map("\n".join)


def frozen_in_pieces(text: str, sizes: list[int]) -> tuple[list[str], list[str]]:
    """Feed ``text`` in pieces of ``sizes``; what was frozen, and every live text seen on the way."""
    freezer = Freezer(dict(MARKS), worth_freezing=1)
    frozen, live = [], []
    position = 0
    for size in [*sizes, len(text)]:
        freezer.add(text[position : position + size])
        position += size
        cut = freezer.cut()
        frozen += [cut.frozen] if cut.frozen else []
        live.append(cut.live)
    rest = freezer.finish()
    return [*frozen, *([rest] if rest else [])], live


@settings(max_examples=600, deadline=None)
@given(TEXTS, st.lists(st.integers(1, 9), max_size=60))
@example("1. one\n\n1. two\n", [9, 1, 1, 1, 1, 1, 1])
@example("- item\n\n**bold** and\n\n    code", [1] * 40)
def test_frozen_blocks_make_up_the_whole_however_the_pieces_fall(text: str, sizes: list[int]) -> None:
    frozen, _ = frozen_in_pieces(text, sizes)
    assert "\n\n".join(frozen) == safe_markdown(text, MARKS)


ANSWER = """SiteChat searches **twice**: by `meaning`, and by words.[1] It costs $5 & more!

### In *order*

1. First, see [the guide](https://example.org/guide).
2. Then http://example.org/a_b, and so on.

| a | b |
|---|---|
| 1 | 2 |

```python
def f(x):
    return "```"
```

Done.[2]
"""


def test_finished_blocks_are_frozen_while_the_rest_still_comes() -> None:
    frozen, _ = frozen_in_pieces(ANSWER, [1] * len(ANSWER))
    assert len(frozen) == 6


def test_small_blocks_are_frozen_together() -> None:
    freezer = Freezer(worth_freezing=500)
    freezer.add("a\n\n" * 50)
    assert freezer.cut().frozen == ""
    freezer.add("b\n\n" * 200)
    assert len(freezer.cut().frozen) > 500


@pytest.mark.parametrize("size", [1, 3, 7])
def test_what_is_shown_only_ever_grows(size: int) -> None:
    """Nothing that was read is replaced: emphasis, marks, links, tables and code appear once, as they stay."""
    _, live = frozen_in_pieces(ANSWER, [size] * (len(ANSWER) // size))
    shown = ""
    for text in live:
        assert not text or addition(shown, text) is not None or safe_markdown(ANSWER, MARKS).count(text)
        shown = text


def test_a_snapshot_begins_anew() -> None:
    freezer = Freezer()
    freezer.add("lost")
    freezer.reset("kept")
    assert freezer.finish() == "kept"


def test_an_addition_is_what_is_new_and_none_where_something_changed() -> None:
    assert addition("a", "ab") == "b"
    assert addition("a", "b") is None


def sent_in(seconds: float, grows: float, pacer: Pacer, frozen_at: float = float("inf")) -> tuple[int, int]:
    """Updates and bytes sent while a block grows by ``grows`` bytes a second and is frozen at ``frozen_at`` bytes."""
    now = updates = total = 0.0
    begun = 0.0
    while now < seconds:
        size = int((now - begun) * grows)
        pacer.sent(now, size)
        updates, total = updates + 1, total + size + 400
        if size > frozen_at:
            begun = now
        now += max(pacer.wait(now), 0.001)
    return int(updates), int(total)


def test_a_huge_block_stays_within_the_budget_of_bytes() -> None:
    """8,000 tokens at 200 a second, all of them one code block."""
    _, total = sent_in(40, 1000, Pacer())
    assert total < 800_000


def test_paragraphs_are_updated_at_reading_pace() -> None:
    updates, total = sent_in(40, 1000, Pacer(), frozen_at=500)
    assert updates / 40 > 15
    assert total < 800_000


def test_updates_never_come_faster_than_25_a_second() -> None:
    updates, _ = sent_in(10, 0, Pacer())
    assert updates <= 251


def test_many_viewers_share_updates() -> None:
    crowd = Crowd()
    with crowd.joined():
        assert crowd.size == 1
        crowd.size = 100
        updates, _ = sent_in(10, 0, Pacer(crowd))
        assert updates < 80
        crowd.size = 1
    assert crowd.size == 0


def test_slow_work_slows_the_updates() -> None:
    pacer = Pacer()
    pacer.sent(0.0, 0, seconds=0.1)
    assert pacer.wait(0.5) == pytest.approx(0.5)
    assert pacer.wait(1.5) == 0
