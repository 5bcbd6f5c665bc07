"""Where sentences lie: nothing lost, nothing doubled, and the cases that splitters get wrong."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from providers.sentences import find_quoted, readable, split_sentences


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


PIECES = st.sampled_from(
    ["One two.", " ", "\n", "\n\n", "- item", "1. step", "# Head", "| a | b |", "```", "    code()", "e.g. this",
     "No. 5", "“Quoted.”", "これは。", "U.S. law", "Dr. No", "...", "\t", "x" * 60, "3.14", "?", "!", ">", "[1]", "A.",
     "\u2028", "\x0c"]
)  # fmt: skip


@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=25).map("".join)))
@example("- \n\n-")
@example("\u2028a. B")
def test_spans_hold_every_visible_character_in_order(text: str) -> None:
    """Ordered, not overlapping, trimmed, not empty; what lies between them is white space only."""
    end = 0
    for start, stop in split_sentences(text):
        assert end <= start < stop <= len(text)
        assert not text[end:start].strip()
        assert text[start:stop] == text[start:stop].strip()
        end = stop
    assert not text[end:].strip()


@given(st.lists(PIECES, max_size=25).map("".join))
def test_what_is_quoted_can_be_found_again(text: str) -> None:
    """The reading form of each sentence leads back to a sentence that reads the same."""
    for sentence in sentences(text):
        span = find_quoted(readable(sentence), text)
        assert span is not None
        assert readable(text[span[0] : span[1]]) == readable(sentence)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Smith came. He left.", ["Dr. Smith came.", "He left."]),
        ("J. R. R. Tolkien wrote it. C. S. Lewis read it.", ["J. R. R. Tolkien wrote it.", "C. S. Lewis read it."]),
        ("It costs 3.50 dollars. Tax is 0.5.", ["It costs 3.50 dollars.", "Tax is 0.5."]),
        ("See Fig. 3 and No. 5. The answer is no. Stop.", ["See Fig. 3 and No. 5.", "The answer is no.", "Stop."]),
        ("In the U.S. Senate it passed. They left the U.S. The end.",
         ["In the U.S. Senate it passed.", "They left the U.S.", "The end."]),
        ("Use a list, e.g. this one. Then go on, i.e. stop.", ["Use a list, e.g. this one.", "Then go on, i.e. stop."]),
        ("Acme Inc. was sold. Tools, etc. are gone.", ["Acme Inc. was sold.", "Tools, etc. are gone."]),
        ("He asked “Why?” and left. “No.” She sat.", ["He asked “Why?” and left.", "“No.”", "She sat."]),
        ("Wait... what? Yes!", ["Wait... what?", "Yes!"]),
        ("これは文です。次の文！終わり", ["これは文です。", "次の文！", "終わり"]),
        ("The park was created in 1916\nby an act of Congress. It is large.",
         ["The park was created in 1916\nby an act of Congress.", "It is large."]),
        ("Install it. Run `a.b. C`.", ["Install it.", "Run `a.b. C`."]),
        ("It opened in 1894.[2] It is red.[3][4] Yes.", ["It opened in 1894.[2]", "It is red.[3][4]", "Yes."]),
        ("Version 3.11 is new. It needs v. 2 of that.", ["Version 3.11 is new.", "It needs v. 2 of that."]),
    ],
)  # fmt: skip
def test_prose(text: str, expected: list[str]) -> None:
    """Abbreviations, initials, decimals, quotes, wrapped lines."""
    assert sentences(text) == expected


@pytest.mark.parametrize(
    "piece",
    [".", "a. ", "(", "x[", "[1]", "| ", "- \n", "= ", "\t", "> ", "`", "f(x;", "\n\n", "A.B", "。", "*_", "    x\n"],
)
def test_hostile_text_takes_no_more_than_its_length(piece: str) -> None:
    """Patterns that backtrack would take minutes here."""
    text = piece * (200_000 // len(piece))
    spans = split_sentences(text)
    for start, end in spans[:50]:
        readable(text[start:end])


def test_structure_makes_units_of_its_own() -> None:
    """Headings, list items, table rows and code lines are not run together with what follows them."""
    text = (
        "# Setting up\nFirst steps\n\n- Install it.\n- Run it\n  with care\n1. One\n2. Two. Three.\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n```python\ndef f():\n    return 1\n```\nDone."
    )
    assert sentences(text) == [
        "# Setting up", "First steps", "- Install it.", "- Run it\n  with care", "1. One", "2. Two.", "Three.",
        "| a | b |", "|---|---|", "| 1 | 2 |", "```python", "def f():", "return 1", "```", "Done.",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("- A  point\n  made.", "A point made."),
        ("## A heading", "A heading"),
        ("2) Second.", "Second."),
        ("| a | b |", "a | b"),
        ("> quoted", "quoted"),
        ("The king[12] of France.[3]", "The king of France."),
        ("Call args[1] with x=2.", "Call `args[1]` with x=2."),
        ("`a[1]` is first", "`a[1]` is first"),
        ("2019. was a year", "2019. was a year"),
        ("-", "-"),
    ],
)
def test_a_quoted_sentence_reads_well(sentence: str, shown: str) -> None:
    """Without the marks of its list, and without anything that would pass for a mark of ours."""
    assert readable(sentence) == shown
