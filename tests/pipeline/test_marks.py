"""Marks are found in text, never in code or links, and the same whether the text streams or is whole."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitechat.pipeline.marks import MarkScanner, Piece, split_marks, strip_marks


def merged(pieces: list[Piece]) -> list[Piece]:
    """Neighbouring plain pieces as one, so that two ways of cutting compare equal."""
    out: list[Piece] = []
    for piece in pieces:
        if out and isinstance(piece, str) and isinstance(out[-1], str):
            out[-1] += piece
        else:
            out.append(piece)
    return out


@pytest.mark.parametrize(
    ("markdown", "pieces"),
    [
        ("Rome fell [1].", ["Rome fell ", 1, "."]),
        ("Both say so [1, 3].", ["Both say so ", 1, 3, "."]),
        ("So [2][5]", ["So ", 2, 5]),
        ("`a[1]` is code [2]", ["`a[1]` is code ", 2]),
        ("``x ` [1]`` then [2]", ["``x ` [1]`` then ", 2]),
        ("```py\na[1]\n```\nDone [1]", ["```py\na[1]\n```\nDone ", 1]),
        ("~~~\n[1]\n~~~\n[2]", ["~~~\n[1]\n~~~\n", 2]),
        ("A [1](http://x) link", ["A [1](http://x) link"]),
        ("An array [1: 2]", ["An array [1: 2]"]),
        ("a lone ` tick\n\nand [4]", ["a lone ` tick\n\nand ", 4]),
        ("[note] stays", ["[note] stays"]),
        ("open [12", ["open [12"]),
        ("fact [1]: and more", ["fact ", 1, ": and more"]),
        ("The steps [1]:\n\n- one", ["The steps ", 1, ":\n\n- one"]),
        ("The steps [1]:", ["The steps ", 1, ":"]),
        ("[1]:http://x", ["[1]:http://x"]),
    ],
)
def test_marks_are_told_from_code_links_and_plain_brackets(markdown: str, pieces: list[Piece]) -> None:
    assert merged(split_marks(markdown)) == pieces


MARKDOWN = st.text(alphabet="ab 1,2[]()`~\n:", max_size=60)


@given(MARKDOWN, st.lists(st.integers(0, 60), max_size=6))
def test_a_stream_cut_anywhere_gives_what_the_whole_text_gives(text: str, cuts: list[int]) -> None:
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    scanner = MarkScanner()
    pieces: list[Piece] = []
    for start, end in pairwise(places):
        pieces += scanner.feed(text[start:end])
    pieces += scanner.end()
    assert merged(pieces) == merged(split_marks(text))


@given(MARKDOWN)
def test_plain_text_is_never_lost(text: str) -> None:
    assert all(piece in text for piece in split_marks(text) if isinstance(piece, str))


def test_a_model_sees_its_own_answers_without_marks() -> None:
    assert strip_marks("Rome fell [1]. It burned [2][3] twice.") == "Rome fell. It burned twice."
