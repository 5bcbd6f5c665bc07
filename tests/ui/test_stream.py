"""The freezer and the pacer: text in pieces, time as a number."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sitechat.ui.markdown import Mark, safe_markdown
from sitechat.ui.stream import BYTES_PER_SECOND, Crowd, Freezer, Pacer, addition

MARKS = {1: Mark(1, "https://example.org/a", "Source 1"), 2: Mark(2, "/source/x?start=1&end=2", "Source 2")}

LINES = st.sampled_from(
    [
        "", "", "", "word", "**bold** and *em*.", "- item", "* star", "  - nested", "1. one", "2. two", "1986) no", "    code",
        "```python", "```", "~~~", "# Heading", "===", "---", "> quote", "> - in quote", "| a | b |", "|---|---|", "| 1 | 2 |",
        "[ref]: http://example.org", "[ref] used", "see [1] and [2][1].", "`code [1]`", "![i](http://x.test/i)", "<b>x</b>",
        "$5 and $6", ":red[x]", "a -> b", "http://x.test/a_b", "\tTab", "wow![1]", "   three", "+", "-", "1.", "1", "\r", "**open",
    ]
)  # fmt: skip
TEXTS = st.lists(LINES, max_size=14).map("\n".join)


def frozen_in_pieces(text: str, sizes: list[int]) -> tuple[list[str], list[str]]:
    """Feed ``text`` in pieces of ``sizes``; what was frozen, and every live text seen on the way."""
    freezer = Freezer(dict(MARKS))
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


@settings(max_examples=600)
@given(TEXTS, st.lists(st.integers(1, 9), max_size=60))
def test_frozen_blocks_make_up_the_whole_however_the_pieces_fall(text: str, sizes: list[int]) -> None:
    frozen, _ = frozen_in_pieces(text, sizes)
    assert "\n\n".join(frozen) == safe_markdown(text, MARKS)
