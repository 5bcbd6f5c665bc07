"""The sentences of an answer that state something, where they stand in its Markdown, and the marks they carry.

Code, headings, questions and courtesies state nothing that a source could support.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from providers.sentences import is_code, readable, split_sentences
from sitechat.pipeline.facts import facts, telling
from sitechat.pipeline.marks import MarkSpan, mark_spans

_FENCED = re.compile(
    r"^ {0,3}(?:(`{3,})|(~{3,}))[^\n]*\n(?:.*?\n)?(?: {0,3}(?:\1|\2)[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)
_LEAD = re.compile(r"(?:>\s*)*(?:(?:[-*+•‣◦▪–]|\d{1,3}[.)])\s+(?:\[[ xX]\]\s+)?|\|\s*)*")
_HEADING = re.compile(r"(?:>\s*)*#{1,6}\s")
_EMPHASIS = re.compile(r"\*+|~~|(?<!\w)_+|_+(?!\w)|`+")
_LINK = re.compile(r"!?\[([^\[\]]*)\]\((?:[^()\s]|\([^()\s]*\))*(?:\s[^()]*)?\)")
_COURTESY = re.compile(
    r"(?:let me know|i hope|feel free|sure\b|of course|certainly|happy to|here (?:is|are)|here's|in summary|thanks?\b"
    r"|dear\b|hi\b|hello\b|best regards|kind regards|sincerely)",
    re.IGNORECASE,
)
_POINTS_BACK = re.compile(
    r"(?:\W*)(?:it|its|they|their|them|this|these|that|those|he|his|she|her|both|such)\b", re.IGNORECASE
)
_CLOSED = re.compile(r"[.!。！।]\W*$")
_LEAST_WORDS = 4
"""Telling words of a line without a full stop, below which it is a label."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence at ``content[start:end]``, its marks included. ``text`` is what it reads as.

    ``context`` is the sentence before, where this one cannot be understood without it.
    """

    start: int
    end: int
    text: str
    marks: tuple[MarkSpan, ...] = ()
    context: str = ""

    @property
    def heard(self) -> str:
        return f"{self.context} {self.text}" if self.context else self.text

    @property
    def numbers(self) -> tuple[int, ...]:
        """Of its marks, each once."""
        return tuple(dict.fromkeys(number for mark in self.marks for number in mark.numbers))


def claims(content: str) -> list[Claim]:
    """The sentences of ``content`` that state something, in order."""
    marks = mark_spans(content)
    found: list[Claim] = []
    before = lead_in = ""
    for start, end, mine in _sentences(content, marks):
        raw = _without(content, start, end, mine)
        begin = start + _lead(content[start:end])
        text = _plain(raw)
        item = begin > start
        if states_something(raw, text, marked=bool(mine)):
            context = lead_in if item and lead_in else before if _POINTS_BACK.match(text) else ""
            found.append(Claim(begin, end, text, mine, context))
        before = text
        lead_in = text if text.endswith(":") else lead_in if item else ""
    return found


def states_something(raw: str, text: str, *, marked: bool) -> bool:
    """Whether a source could support it."""
    if _HEADING.match(raw) or is_code(" ".join(raw.split())) or not any(char.isalnum() for char in text):
        return False
    if marked:
        return True
    if text.endswith(("?", "？", "؟", ":")):
        return False
    if _COURTESY.match(text):
        return any(fact.kind != "name" for fact in facts(text))
    return bool(_CLOSED.search(text) and telling(text)) or len(telling(text)) >= _LEAST_WORDS


def _sentences(content: str, marks: Sequence[MarkSpan]) -> Iterator[tuple[int, int, tuple[MarkSpan, ...]]]:
    """Each sentence outside of code with the marks in it and right behind it, which its end includes."""
    bare = _blanked(content, marks)
    spans = [span for span in split_sentences(bare) if bare[span[0] : span[1]].strip()]
    ends = [*(start for start, _ in spans), len(content)][1:]
    left = 0
    for (start, end), following in zip(spans, ends, strict=True):
        mine = tuple(mark for mark in marks if left <= mark.start < following)
        left = following
        behind = [mark.end for mark in mine if mark.start >= end and "\n" not in content[end : mark.start]]
        yield start, max([end, *behind]), mine


def _blanked(content: str, marks: Sequence[MarkSpan]) -> str:
    """``content`` with spaces in place of marks and of fenced code."""
    for mark in marks:
        content = content[: mark.start] + " " * (mark.end - mark.start) + content[mark.end :]
    return _FENCED.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), content)


def _without(content: str, start: int, end: int, marks: Sequence[MarkSpan]) -> str:
    """The sentence without its marks and the space before them."""
    out, position = "", start
    for mark in marks:
        if mark.end <= end:
            out = (out + content[position : mark.start]).rstrip(" ")
            position = mark.end
    return out + content[position:end]


def _lead(sentence: str) -> int:
    """How many characters belong to a list marker or the edge of a table."""
    match = _LEAD.match(sentence)
    return match.end() if match else 0


def _plain(raw: str) -> str:
    """As it reads: without list marks, emphasis and addresses; cells of a table become a row of words."""
    line = readable(raw).strip("`")
    line = _EMPHASIS.sub("", _LINK.sub(r"\1", line))
    return " ".join(line.replace(" | ", ", ").split())
