"""Turns the lines of PDF pages into paragraphs and headings.

A PDF knows where letters stand, not what belongs together: spacing, type size and the length of lines tell.
"""

import re
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from sitechat.ingestion.formats.writer import TextWriter, clean

_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
_WORD = re.compile(r"[^\W\d_]+")
_HYPHENATED = re.compile(r"([^\W\d_]{2,})[-\u2010]$")
_BULLET = re.compile(r"^\s*(?:[•●▪◦‣■\uf0b7*–-]|\(?[0-9a-z]{1,2}[.)])\s+\S")
_NUMBERED_HEADING = re.compile(r"^(\d{1,2}(?:\.\d{1,2}){0,4})\.?\s+[A-Z][^.!?]{2,90}$")
_SENTENCE_END = re.compile(r"[.!?:;…。！？]['\"”’)\]]*$")
_PAGE_NUMBER = re.compile(r"^\W*(?:page|seite|p\.)?\s*\d{1,4}(?:\s*(?:of|/|von)\s*\d{1,4})?\W*$", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")
_LONGEST_HEADING = 120
_EDGE = 2


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a page: ``size`` is the type's in points, ``y`` its height on the page (0: unknown).

    ``cells`` is how many pieces stand side by side in it; from three on it is a row of a table.
    """

    text: str
    size: float = 0.0
    y: float = 0.0
    bold: bool = False
    cells: int = 1

    @property
    def is_row(self) -> bool:
        return self.cells >= 3


class LineCollector:
    """A ``visitor_text`` for pypdf, which gets the text of a page piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[tuple[str, float, float, bool]] = []

    def visit(self, text: str, page: list[float], matrix: list[float], font: object, size: float) -> None:
        if text:
            scale = (matrix[2] ** 2 + matrix[3] ** 2) ** 0.5 * (page[2] ** 2 + page[3] ** 2) ** 0.5
            y = matrix[4] * page[1] + matrix[5] * page[3] + page[5]
            name = str(font.get("/BaseFont", "")) if isinstance(font, dict) else ""
            bold = any(word in name for word in ("Bold", "bold", "Black", "Heavy", "-Medi"))
            self._pieces.append((text, abs(size) * scale, y, bold))

    def lines(self) -> list[Line]:
        lines: list[Line] = []
        current: list[tuple[str, float, float, bool]] = []
        for text, size, y, bold in self._pieces:
            first, *others = text.split("\n")
            current.append((first, size, y, bold))
            for other in others:
                lines.append(_line(current))
                current = [(other, size, y, bold)]
        lines.append(_line(current))
        return _side_by_side([line for line in lines if line.text])


def _side_by_side(lines: list[Line]) -> list[Line]:
    """Pieces at the same height, one after the other, are one line."""
    rows: list[list[Line]] = []
    for line in lines:
        if rows and line.y and abs(rows[-1][-1].y - line.y) < 0.25 * max(line.size, 4):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [_merge(row) if len(row) > 1 else row[0] for row in rows]


def _merge(row: list[Line]) -> Line:
    text = (" | " if len(row) >= 3 else " ").join(line.text for line in row)
    bold = all(line.bold for line in row)
    return Line(text, max(line.size for line in row), row[0].y, bold, len(row))


def _line(pieces: list[tuple[str, float, float, bool]]) -> Line:
    text = clean("".join(piece[0] for piece in pieces)).translate(_LIGATURES)
    text = " ".join(text.split())
    visible = [piece for piece in pieces if piece[0].strip()]
    if not text or not visible:
        return Line("")
    longest = max(visible, key=lambda piece: len(piece[0].strip()))
    return Line(text, round(longest[1], 1), longest[2], all(piece[3] for piece in visible))


def without_running_lines(pages: list[list[Line]]) -> list[list[Line]]:
    """The pages without page numbers and without the headers and footers that most pages repeat."""
    seen: Counter[str] = Counter()
    for page in pages:
        seen.update({_pattern(line) for line in _edges(page)})
    often = max(3, 0.5 * len(pages))

    def runs(line: Line) -> bool:
        return seen[_pattern(line)] >= often or (len(pages) > 1 and bool(_PAGE_NUMBER.match(line.text)))

    return [
        [line for index, line in enumerate(page) if not ((index < _EDGE or index >= len(page) - _EDGE) and runs(line))]
        for page in pages
    ]


def _edges(page: list[Line]) -> list[Line]:
    return page if len(page) <= 2 * _EDGE else page[:_EDGE] + page[-_EDGE:]


def _pattern(line: Line) -> str:
    return _DIGITS.sub("0", line.text)


class PageWriter:
    """Writes pages of lines to a :class:`TextWriter`."""

    def __init__(self, writer: TextWriter, pages: list[list[Line]]) -> None:
        self._writer = writer
        self._pages = pages
        lines = [line for page in pages for line in page]
        self._words = Counter(word.lower() for line in lines for word in _WORD.findall(line.text))
        self._body = _body_size(lines)
        self._levels = _levels({line.size for line in lines if self._is_large(line)})
        self._width = max(_width(lines), 45)
        self._unfinished = False
        self.title: str | None = None

    def write(self) -> None:
        for number, page in enumerate(self._pages):
            self._writer.page()
            for index, group in enumerate(self._paragraphs(page)):
                self._write_group(group, continues=number > 0 and index == 0)

    def _write_group(self, group: list[Line], *, continues: bool) -> None:
        if group[0].is_row:
            for line in group:
                self._writer.record(line.text)
            return
        text = self._join(group)
        level = self._heading_level(group, text)
        if level:
            self._writer.heading(level, text)
            if self.title is None and level == 1 and self._writer.blocks <= 3:
                self.title = text
        elif continues and text[:1].islower() and self._unfinished:
            self._writer.continue_paragraph(text)
        elif _BULLET.match(text):
            self._writer.item(text, marker="")
        else:
            self._writer.paragraph(text)
        self._unfinished = not level and not _SENTENCE_END.search(text)

    def _paragraphs(self, page: list[Line]) -> Iterator[list[Line]]:
        spacing = _spacing(page)
        group: list[Line] = []
        for line in page:
            if group and self._breaks(group[-1], line, spacing):
                yield group
                group = []
            group.append(line)
        if group:
            yield group

    def _breaks(self, before: Line, line: Line, spacing: float) -> bool:
        """Whether a new paragraph begins with ``line``."""
        if before.is_row or line.is_row:
            return before.is_row != line.is_row
        if _BULLET.match(line.text) or _NUMBERED_HEADING.match(before.text):
            return True
        if abs(before.size - line.size) > 0.08 * max(before.size, line.size) or before.bold != line.bold:
            return self._is_heading_like(before) or self._is_heading_like(line)
        gap = before.y - line.y
        if spacing and before.y and line.y and gap > 1.3 * spacing:
            return True
        short = len(before.text) < 0.75 * self._width
        return short and bool(_SENTENCE_END.search(before.text)) and not line.text[:1].islower()

    def _join(self, group: list[Line]) -> str:
        """The lines as one, except where a line is too short to have been broken for want of room."""
        text = group[0].text
        for before, line in pairwise(group):
            hyphenated = _HYPHENATED.search(before.text)
            if hyphenated and line.text[:1].islower():
                text = self._without_hyphen(text, hyphenated[1], line.text)
            elif len(before.text) >= 0.6 * self._width or line.text[:1].islower():
                text += " " + line.text
            else:
                text += "\n" + line.text
        return text

    def _without_hyphen(self, text: str, first: str, following: str) -> str:
        """Join a word cut at a line's end; a hyphen that belongs to the word stays."""
        match = _WORD.match(following)
        second = match[0] if match else ""
        known = self._words
        compound = known[first.lower()] > 1 and known[second.lower()] > 1 and not known[(first + second).lower()]
        return (text if compound else text[:-1]) + following

    def _heading_level(self, group: list[Line], text: str) -> int:
        if len(text) > _LONGEST_HEADING or len(group) > 3 or not any(map(str.isalpha, text)):
            return 0
        if "\n" in text or text.endswith((".", ",", ";")) or _BULLET.match(text):
            return self._numbered_level(group, text)
        if all(self._is_large(line) for line in group):
            return self._levels.get(group[0].size, 1)
        numbered = self._numbered_level(group, text)
        if numbered or not self._is_heading_like(group[0]):
            return numbered
        return len(self._levels) + 1 if len(group) == 1 and len(text) <= 80 and text[:1].isupper() else 0

    def _numbered_level(self, group: list[Line], text: str) -> int:
        match = _NUMBERED_HEADING.match(text)
        stands_out = group[0].bold or self._is_large(group[0])
        return match[1].count(".") + 1 if match and stands_out and len(group) == 1 else 0

    def _is_large(self, line: Line) -> bool:
        return self._body > 0 and line.size > 1.12 * self._body and any(map(str.isalpha, line.text))

    def _is_heading_like(self, line: Line) -> bool:
        return (self._is_large(line) or line.bold) and len(line.text) <= _LONGEST_HEADING


def _body_size(lines: list[Line]) -> float:
    sizes: Counter[float] = Counter()
    for line in lines:
        sizes[line.size] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _levels(sizes: set[float]) -> dict[float, int]:
    """Heading levels by type size: the largest is 1; sizes that hardly differ share a level; 4 at most."""
    levels: dict[float, int] = {}
    level, last = 0, 0.0
    for size in sorted(sizes, reverse=True):
        if level == 0 or size < 0.93 * last:
            level, last = level + 1, size
        levels[size] = min(level, 4)
    return levels


def _spacing(page: list[Line]) -> float:
    """The usual distance between lines, in points."""
    gaps = [a.y - b.y for a, b in pairwise(page) if a.y and b.y and 0 < a.y - b.y < 100]
    return statistics.median_low(gaps) if gaps else 0.0


def _width(page: list[Line]) -> float:
    """How many characters a full line has."""
    lengths = sorted(len(line.text) for line in page)
    return float(lengths[int(0.9 * (len(lengths) - 1))]) if lengths else 0.0
