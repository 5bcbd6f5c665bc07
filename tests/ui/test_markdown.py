"""What of untrusted Markdown reaches Streamlit, and as what."""

import re

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sitechat.pipeline.claims import claims
from sitechat.pipeline.marks import split_marks
from sitechat.ui.markdown import Check, Mark, blocks, plain, safe_markdown
from sitechat.ui.text import CHECK_THIS

MARKS = {n: Mark(n, f"https://example.org/{n}#:~:text=a%20b,c", f"Source {n}: A “title” — “quote”") for n in (1, 2, 3)}
READER = MarkdownIt("commonmark", {"maxNesting": 50}).enable(["table", "strikethrough"])
READER.disable(["html_block", "html_inline", "reference"])

_BREAKS = ["\n", "\n\n", "===\n", "---\n", "```\n", "~~~\n", ":::note\n"]
_BEGINNINGS = ["# ", "> ", "- ", "+ ", "1. ", "2) ", "    ", "\t"]
_TABLES = ["| a | b |\n", "|---|:-:|\n", "|"]
_INLINE = ["*", "**", "_", "__", "~~", "`", "``", "[", "]", ")", "{", "}", "!", "\\", "&amp;", "&", "<b>", "$"]
_OURS = [":", ":red[", ":smile:", " -> ", "--", ">="]
_WORDS = ["word", "two words", " ", "  ", '"', "'", ".", "é", "☃"]
PIECES = st.sampled_from(_BREAKS + _BEGINNINGS + _TABLES + _INLINE + _OURS + _WORDS)
SOURCES = st.lists(PIECES, max_size=25).map("".join)


EMPTY_ITEM = re.compile(r"([-+*]|\d[.)])[ \t]*\n[ \t>]*\n")
"""An item without text, and then a blank line: whether it ends its list is read in more than one way."""


def as_streamlit_reads(markdown: str) -> str:
    """The HTML of our output; a guard directive around a character stands for that character."""
    return str(READER.render(re.sub(r":color\[((?:\\?[^\]\\])?|\\\])\]", r"\1", markdown)))


def bare(html: str) -> str:
    """Without what may differ: languages of code, blanks at the end of lines and of code, line breaks inside headings,
    and which of a heap of adjacent asterisks are emphasis and which are text."""
    html = re.sub(r' class="language-[^"]*"|</?(?:em|strong|s)>|[*_~]', "", html)
    html = re.sub(r"\s+(?=</code></pre>)| +(?=\n)", "", html)
    return re.sub(r"<h\d>.*?</h\d>", lambda heading: re.sub(r"(<br />)?\s+", " ", heading[0]), html, flags=re.DOTALL)


@settings(max_examples=1500, deadline=None)
@given(SOURCES)
@example("- a\n\n  b\n- c")
@example("*a*_b_")
@example("* ***\n")
@example("a\\\nb")
@example("| a | b |\n:---\n")
def test_what_is_written_anew_means_what_the_source_meant(source: str) -> None:
    assume(not EMPTY_ITEM.search(source))
    assert bare(as_streamlit_reads(safe_markdown(source))) == bare(READER.render(source))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(PIECES, st.sampled_from(["[1]", "[2]", "[9]", "![", "](x)"])), max_size=20).map("".join))
def test_marks_are_those_of_the_pipeline(source: str) -> None:
    """A mark is a mark where the pipeline sees one and a citation exists, unless it stands inside a link's words."""
    drawn = [int(n) for n in re.findall(r"\[:color\[\\\[\](\d+):color\[\\\]\]\]", safe_markdown(source, MARKS))]
    known = [piece for piece in split_marks(source) if isinstance(piece, int) and piece in MARKS]
    assert set(drawn) <= set(known)


@pytest.mark.parametrize(
    ("source", "drawn"),
    [
        ("![chart](http://x.test/i.png)", "[chart (x.test)](<http://x.test/i.png>)"),
        ("[Source 1](http://x.test:81/?q=S)", "[Source 1 (x.test:81)](<http://x.test:81/?q=S>)"),
        ("[http://x.test/](http://x.test/)", "[http://x.test/](<http://x.test/>)"),
        ("[a](https://good.test@evil.test/)", "[a (evil.test)](<https://good.test@evil.test/>)"),
        ("[x](javascript:alert)", r"\[x\](javascript\:alert)"),
        ("[x](page.html)", "x (page.html)"),
        ("[x](//evil.test/i)", "x (//evil.test/i)"),
        ("<img src=x>", r"\<img src=x\>"),
        ("$5 and $6", r"\$5 and \$6"),
        ("a:red[b]", r"a\:red\[b\]"),
        (":streamlit: :material/home:", r":color[\:]streamlit: :color[\:]material/home:"),
        ("a -> b", r"a :color[\-]\> b"),
        ("see http://x.test/a_b.", r"see [http://x.test/a\_b](<http://x.test/a_b>)."),
        ("```mermaid\nA-->B\n```", "```text\nA-->B\n```"),
        ("```\n![x](http://x.test)\n```", "```\n![x](http://x.test)\n```"),
        ("`[1]` [1](http://x.test)", "`[1]` [1 (x.test)](<http://x.test>)"),
    ],
)
def test_only_what_is_meant_survives(source: str, drawn: str) -> None:
    assert safe_markdown(source, MARKS) == drawn


@pytest.mark.parametrize(
    "source",
    [
        "**bold** and *em*, ***both***, ~~gone~~",
        "**Bold.** Then",
        "in*side*word and snake_case_name",
        "*a **b** c* and **a *b* c**",
        "_em_ and __strong__",
        "**one**_two_",
    ],
)
def test_emphasis_stays_what_it_is(source: str) -> None:
    assert as_streamlit_reads(safe_markdown(source)) == READER.render(source)


def test_a_mark_after_an_exclamation_mark_is_no_image() -> None:
    assert safe_markdown("wow![1]", MARKS).startswith(r"wow\![")


def test_a_mark_is_a_link_with_its_tooltip_and_its_brackets_stay_in_the_text() -> None:
    mark = {1: Mark(1, "/source/x?start=1&end=2#quote", 'Source 1: a "b" `c` [d] $e')}
    expected = r'[:color[\[]1:color[\]]](</source/x?start=1&end=2#quote> "Source 1: a \"b\" \`c\` \[d\] \$e")'
    assert safe_markdown("[1]", mark) == expected


@settings(max_examples=600, deadline=None)
@given(st.lists(st.one_of(PIECES, st.sampled_from(["[1]", "Plums keep a week. ", "Figs. "])), max_size=25).map("".join))
@example("**Plums** keep _a week_ `in a` cellar, see https://example.org/x for more [1].")
@example("| Fruit | Days kept in a cellar |\n|---|---|\n| Plums | 7 [1] |\n")
@example("> Plums keep a week\n> in a cellar.")
@example("\\|Plums keep a week. ")
@example("Plums keep a week\\")
@example("\\Plums keep a week. ")
def test_marking_what_is_to_be_checked_changes_nothing_else(source: str) -> None:
    checks = [Check(claim.start, claim.end, "/source/x", f"{CHECK_THIS}: why") for claim in claims(source)]
    drawn = bare(as_streamlit_reads(safe_markdown(source, MARKS, checks)))
    unmarked = re.sub(rf'<a href="/source/x" title="{CHECK_THIS}[^"]*">(.*?)</a>', r"\1", drawn, flags=re.DOTALL)
    assert unmarked == bare(as_streamlit_reads(safe_markdown(source, MARKS)))


def test_words_to_check_lead_to_the_nearest_words_and_say_why() -> None:
    checks = [Check(0, 21, "/source/x?start=1&end=2#quote", 'Check this: "7"')]
    link = r'(</source/x?start=1&end=2#quote> "Check this: \"7\"")'
    assert (
        safe_markdown("They **keep 7** days. Well.", {}, checks)
        == f"[They]{link} **[keep 7]{link}** [days.]{link} Well."
    )


def test_blocks_know_their_lines() -> None:
    found = blocks("# a\n\nb\nc\n\n- d\n\n```\ne")
    assert [(block.line, block.ends_in_fence) for block in found] == [(0, False), (2, False), (5, False), (7, True)]


def test_control_characters_do_not_survive() -> None:
    assert "\x1b" not in safe_markdown("\x1b]8;;http://x.test\x07x")
    assert plain("a\x00\tb\nc") == "a\ufffd b c"


@pytest.mark.parametrize(
    "text", ["- item", "1. one", "# head", "> quote", "+", "===", "*", ":red[x]", "![x](http://x.test)"]
)
def test_plain_text_stays_plain_at_the_start_of_a_line(text: str) -> None:
    assert MarkdownIt("commonmark").parse(plain(text))[0].type == "paragraph_open"
    assert "![" not in plain(text)
