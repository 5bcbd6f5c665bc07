"""Where the sentences of a text lie, and how one reads when it is quoted.

Made for extracted documents: headings, list items, table rows and lines of code are units of their own, hard-wrapped
paragraphs are joined, abbreviations and initials do not end a sentence, and Chinese and Japanese need no spaces.
"""

import re
from collections.abc import Iterator

from providers.words import word_set

Span = tuple[int, int]

_LINE = re.compile(r"[^\n]*\n?")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s")
_MARKER = re.compile(r"\s*(?:[-*+•‣◦▪–]|\d{1,3}[.)]|[a-zA-Z][.)]|\[[ xX]\])\s+(?=\S)")
_RULE = re.compile(r"\s*(?:[-=_*~]\s*){3,}$")
_TABLE = re.compile(r"\s*\|.*\|\s*$|(?:[^|\n]*\|){2,}[^|\n]*$|[^\t\n]*(?:\t[^\t\n]*){2,}$")
_INDENTED = re.compile(r"(?: {4}|\t)\s*\S")
_CODE = re.compile(
    r"""^(?:
    >>>|\.\.\.\s\S|\$\s\S|\#!|@[\w.]+(?:\(|$)
    |from\s+[\w.]+\s+import\b|import\s+[\w.]+(?:\s+as\s+\w+)?;?$|(?:async\s+)?def\s+\w+\s*\(|class\s+\w+\s*[(:{]
    |(?:const|let|var)\s+\w+\s*=|(?:export\s+)?function\s*\w*\s*\(|return\s+[\w.]+\(|\#include\b
    |(?:SELECT|INSERT\ INTO|UPDATE|DELETE\ FROM|CREATE\ TABLE|CREATE\ INDEX)\s
    |[\w.\[\]"']+\s*[-+*/]?=\s*\S|[\w.]+\(.*\)?[;,:]?$|[\]})]+[;,]?$|.*[{}]$|.*[=(].*;$
    )""",
    re.VERBOSE,
)
_SHORT_LINE = 50
_LONGEST_CODE = 300
_LONGEST_MARKED = 5_000

_BREAK = re.compile(
    r"(?P<west>(?<![.!?…])[.!?…]++(?:[\"'”’)\]»*_]|\[\d{1,3}\])*+)(?=\s)\s+|(?P<east>[。！？｡]+[」』”’）】\"')]*)\s*|(?P<danda>(?<![।۔؟])[।۔؟]++)\s+"
)
_OPENERS = "\"'“‘«([¿¡*_`<"
_WORD_BEFORE = re.compile(r"[\w.&'’-]+$")
_WORD_AFTER = re.compile(r"[^\W\d_]+")
_LETTERS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_NEVER = word_set(
    "mr mrs ms mx dr prof rev fr hon gen col maj capt cmdr lt sgt gov sen rep pres st mt ft e.g eg i.e ie cf viz vs "
    "approx est ca jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur thurs fri"
)
_BEFORE_NUMBER = word_set("no nos fig figs eq eqs vol vols p pp ch chap sec sect art par para ver v rev op tab ex")
_SOMETIMES = word_set("etc al inc ltd co corp bros jr sr ph.d dept univ ave blvd rd u.s u.k e.u a.m p.m a.d b.c")
_STARTERS = word_set(
    "a an the this that these those it its he she they we you i his her their our my there here in on at by for from "
    "to with as if when while after before although though however but and so thus then also many most some all "
    "each both one two since during under over what who where why how which"
)
_LEADING_MARK = re.compile(r"^(?:>\s*)*(?:#{1,6}\s+|(?:[-*+•‣◦▪–]|\d{1,3}[.)]|[a-zA-Z]\))\s+(?:\[[ xX]\]\s+)?)?")
_REFERENCE = re.compile(r"\s?\[\d{1,3}\]")
_INDEXED = re.compile(r"[\w.\])]+\[\d{1,3}\][\w.\[\]()]*")
_CODE_SIGNS = re.compile(r"[=;{}_`]|\w\(|\)\.")


def split_sentences(text: str) -> list[Span]:
    """Spans ``(start, end)`` in order, without overlap, trimmed; together they hold every visible character."""
    return [span for unit in _units(text) for span in _within(text, *unit)]


def readable(sentence: str) -> str:
    """The sentence as it is quoted: on one line, without list marks, heading hashes or the outer bars of a table.

    A line of code becomes a code span. Elsewhere a reference such as ``[12]`` is dropped, since answers use that form
    for marks of their own.
    """
    line = " ".join(sentence.split())
    if is_code(line):
        return f"`{line}`"
    line = _LEADING_MARK.sub("", line, count=1) or line
    return _without_marks(line.strip("| ") or line)


def is_code(line: str) -> bool:
    """Whether a line looks like source code rather than words. One that quotes code in a span is words."""
    if "`" in line or line[-1:] in ".!?" or len(line) > _LONGEST_CODE:
        return False
    return bool(_CODE.match(line.strip()))


def _without_marks(line: str) -> str:
    if "[" not in line or len(line) > _LONGEST_MARKED:
        return line
    about_code = bool(_CODE_SIGNS.search(line))
    parts = line.split("`")
    parts[::2] = [_mark_free(part, about_code) for part in parts[::2]]
    return "`".join(parts).strip() or line


def _mark_free(text: str, about_code: bool) -> str:
    if about_code:
        text = _INDEXED.sub(r"`\g<0>`", text)
        return "`".join(p if i % 2 else _REFERENCE.sub("", p) for i, p in enumerate(text.split("`")))
    return _REFERENCE.sub("", text)


def find_quoted(quoted: str, text: str) -> Span | None:
    """Where ``text`` holds the sentence that reads as ``quoted`` (see :func:`readable`)."""
    return next((span for span in split_sentences(text) if readable(text[span[0] : span[1]]) == quoted), None)


def _units(text: str) -> Iterator[Span]:
    """Paragraphs, and the lines that stand for themselves."""
    start = end = 0
    previous = ""
    fenced = False
    for match in _LINE.finditer(text):
        line = match[0]
        if not line:
            break
        if joins := bool(previous) and not fenced and _continues(previous, line):
            end = match.end()
        else:
            if end > start:
                yield start, end
            start, end = match.span()
        fenced ^= bool(_FENCE.match(line)) and not joins
        previous = line if line.strip() else ""
    if end > start:
        yield start, end


def _continues(previous: str, line: str) -> bool:
    """Whether ``line`` goes on with the paragraph, or the list item, of the line before it."""
    if not line.strip() or _stands_alone(line) or _stands_alone(previous, starting=False):
        return False
    if is_code(previous.strip()) or is_code(line.strip()):
        return False
    if _INDENTED.match(line) and not _INDENTED.match(previous) and not _MARKER.match(previous):
        return False
    ended_short = len(previous.rstrip()) < _SHORT_LINE and previous.rstrip()[-1:] not in ",;-–—"
    begins_anew = line.lstrip()[:1].isupper() or line.lstrip()[:1].isdigit()
    return not (ended_short and begins_anew and previous.rstrip()[-1:] not in ".!?:")


def _stands_alone(line: str, *, starting: bool = True) -> bool:
    """A heading, rule, table row, fence; as the ``starting`` line also a list item or a line of code."""
    if _FENCE.match(line) or _HEADING.match(line) or _RULE.match(line) or _TABLE.match(line.rstrip("\n")):
        return True
    return starting and bool(_MARKER.match(line))


def _within(text: str, start: int, end: int) -> Iterator[Span]:
    """The sentences of one unit."""
    begin = start
    for match in _BREAK.finditer(text, start, end):
        if match["west"] is None or _ends_sentence(text, begin, match, end):
            yield from _trimmed(text, begin, match.end())
            begin = match.end()
    yield from _trimmed(text, begin, end)


def _trimmed(text: str, start: int, end: int) -> Iterator[Span]:
    piece = text[start:end]
    if stripped := piece.strip():
        offset = start + piece.index(stripped[0])
        yield offset, offset + len(stripped)


def _ends_sentence(text: str, begin: int, match: re.Match[str], end: int) -> bool:
    after = text[match.end() : min(end, match.end() + 40)]
    following = after.lstrip(_OPENERS)[:1]
    if not following or following.islower():
        return not following and not after
    if match["west"] != ".":
        return True
    before = text[max(begin, match.start() - 24) : match.start()]
    if match.start() - begin <= 4 and before.strip().isdigit():
        return False  # the number of a list
    return not _is_abbreviation(before, after)


def _is_abbreviation(before: str, after: str) -> bool:
    """Whether the single full stop after ``before`` belongs to a shortened word rather than ends the sentence."""
    word_match = _WORD_BEFORE.search(before)
    word = word_match[0].strip("'’").lower() if word_match else ""
    if word in _NEVER:
        return True
    if word in _BEFORE_NUMBER:
        return after[:1].isdigit() or (len(word) == 1 and after[:1].isupper())
    if word in _SOMETIMES or _LETTERS.fullmatch(word):
        rest = after.lstrip(_OPENERS)
        next_word = _WORD_AFTER.match(rest)
        if next_word is None or (len(next_word[0]) == 1 and rest[1:2] == "."):
            return True
        return word != "i" and next_word[0].lower() not in _STARTERS
    return False
