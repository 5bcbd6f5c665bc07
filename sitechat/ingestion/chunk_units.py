"""The smallest pieces that a passage is made of: sentences, list items, table rows, lines of code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from providers.sentences import split_sentences
from sitechat.ingestion.formats.base import Block

# A word piece each: a short word or the beginning of a long one, four more letters of it, two digits, anything else.
_LATIN = "A-Za-z\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
_PIECE = re.compile(rf"(?<![{_LATIN}])[{_LATIN}]{{1,7}}|[{_LATIN}]{{1,4}}|\d{{1,2}}|[^\s]")
_HANGUL = re.compile("[\uac00-\ud7a3]")
_LINE = re.compile(r"[^\n]*\S[^\n]*")
# Where a sentence that is too long for a passage is cut, the best place first.
_CLAUSE = re.compile(r"[;:,)\]|–—、，；]\s+|[、，；。]")
_GAP = re.compile(r"\s+")

# How bad it is to end a passage after a piece, against the squared relative distance from the wanted size.
_AFTER_BLOCK = 0.0
_AFTER_LINE = 0.05
_AFTER_SENTENCE = 0.1
_AFTER_INTRODUCTION = 0.5
_AFTER_FRAGMENT = 1.0


@dataclass(frozen=True, slots=True)
class Unit:
    """``weight`` in word pieces; ``reluctance`` to end a passage after it, from 0."""

    start: int
    end: int
    weight: int
    reluctance: float


def weigh(text: str) -> int:
    """About how many word pieces an embedding model makes of ``text``; rather more than fewer."""
    pieces = len(_PIECE.findall(text))
    return pieces if text.isascii() else pieces + len(_HANGUL.findall(text))


def units_of(text: str, block: Block, maximum: int) -> list[Unit]:
    """The units of a block; none is heavier than ``maximum``."""
    if block.kind in ("paragraph", "heading"):
        spans, within = _sentences(text, block.start, block.end), _AFTER_SENTENCE
    elif block.kind == "list":
        spans, within = _items(text, block.start, block.end), _AFTER_LINE
    else:
        spans, within = list(_lines(text, block.start, block.end)), _AFTER_LINE
    units = [unit for start, end in spans for unit in _fitting(text, start, end, within, maximum)]
    if units:
        last = units[-1]
        introduces = text[last.start : last.end].endswith((":", "："))
        after = _AFTER_INTRODUCTION if introduces else _AFTER_BLOCK
        units[-1] = Unit(last.start, last.end, last.weight, after)
    return units


def _sentences(text: str, start: int, end: int) -> list[tuple[int, int]]:
    return [(start + a, start + b) for a, b in split_sentences(text[start:end])]


def _lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for match in _LINE.finditer(text, start, end):
        yield match.span()


def _items(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The lines of a list, together where a sentence goes on from one to the next."""
    sentences = _sentences(text, start, end)
    items: list[tuple[int, int]] = []
    index = 0
    for a, b in _lines(text, start, end):
        while index < len(sentences) and sentences[index][1] <= a:
            index += 1
        if items and index < len(sentences) and sentences[index][0] < a:
            items[-1] = (items[-1][0], b)
        else:
            items.append((a, b))
    return items


def _fitting(text: str, start: int, end: int, reluctance: float, maximum: int) -> Iterator[Unit]:
    """A span as one unit, or, if it is too heavy, its sentences, or else pieces of them."""
    weight = weigh(text[start:end])
    if weight <= maximum:
        yield Unit(start, end, weight, reluctance)
        return
    sentences = _sentences(text, start, end)
    if len(sentences) > 1:
        for a, b in sentences:
            yield from _fitting(text, a, b, _AFTER_SENTENCE, maximum)
    else:
        yield from _fragments(text, start, end, maximum)


def _fragments(text: str, start: int, end: int, maximum: int) -> Iterator[Unit]:
    """Cut a sentence that is too long: at a line's end, else after a clause, else between words, else anywhere."""
    while start < end:
        fits = _fitting_end(text, start, end, maximum)
        cut = end if fits == end else _cut(text, start, fits)
        piece = text[start:cut].rstrip()
        if piece:
            yield Unit(start, start + len(piece), weigh(piece), _AFTER_FRAGMENT)
        gap = _GAP.match(text, cut, end)
        start = gap.end() if gap else cut


def _fitting_end(text: str, start: int, end: int, maximum: int) -> int:
    """How far a piece from ``start`` may reach; possibly into the middle of a word."""
    weight = 0
    for match in _PIECE.finditer(text, start, end):
        weight += 2 if _HANGUL.match(match[0]) else 1
        if weight > maximum:
            return max(match.start(), start + 1)
    return end


def _cut(text: str, start: int, fits: int) -> int:
    earliest = start + (fits - start) // 2
    newline = text.rfind("\n", earliest, fits)
    if newline >= 0:
        return newline
    clauses = [match.end() for match in _CLAUSE.finditer(text, earliest, fits)]
    if clauses:
        return clauses[-1]
    gaps = [match.end() for match in _GAP.finditer(text, earliest, fits)]
    return gaps[-1] if gaps else fits
