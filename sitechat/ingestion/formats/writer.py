"""Collects a document's text and blocks, so that every format comes out in the same form."""

import re
import unicodedata

from sitechat.ingestion.formats.base import Block, BlockKind, Empty, Extracted, TooLarge

# What the application can take in without growing by it; about 8,000 printed pages.
LONGEST_TEXT = 20_000_000
MOST_BLOCKS = 200_000
_LONGEST_TITLE = 300
# Control characters except tab and newline, surrogates, and the invisible: zero width spaces, direction marks, soft
# hyphens, tag characters. They hide text from the reader or break encoders. Joiners stay: scripts need them.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e007f]"
)
# Marks that sit on a letter: no script piles up thirty, and composing a pile takes the square of its height.
_MARKS = (
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u1ab0-\u1aff"
    "\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)
_PILE = re.compile(f"({_MARKS}{{30}}){_MARKS}+")
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_SPACES = re.compile(r"[^\S\n]+")
_ANY_SPACE = re.compile(r"\s+")


def clean(text: str) -> str:
    """``text`` with one kind of newline, composed characters and nothing invisible in it."""
    text = _UNWANTED.sub("", _LINE_ENDS.sub("\n", text))
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _PILE.sub(r"\1", text))


def squeeze(text: str) -> str:
    """On one line, with single spaces."""
    return _ANY_SPACE.sub(" ", clean(text)).strip()


def squeeze_lines(text: str) -> str:
    """Single spaces in every line, no empty lines."""
    lines = (_SPACES.sub(" ", line).strip() for line in clean(text).split("\n"))
    return "\n".join(line for line in lines if line)


class TextWriter:
    """Builds an :class:`Extracted`. Empty pieces are ignored; text is cleaned on the way in.

    More than :data:`LONGEST_TEXT` or :data:`MOST_BLOCKS` raises :class:`TooLarge` at once, so a bomb goes no further.
    """

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._blocks: list[Block] = []
        self._pages: list[int] = []
        self._open = False

    @property
    def blocks(self) -> int:
        """How many blocks there are so far."""
        return len(self._blocks)

    def page(self) -> None:
        """A new page begins with the next block."""
        self._pages.append(-1)

    def heading(self, level: int, text: str) -> None:
        self._block("heading", squeeze(text), level=max(1, min(level, 9)))

    def paragraph(self, text: str) -> None:
        self._block("paragraph", squeeze_lines(text))

    def continue_paragraph(self, text: str) -> None:
        """Add to the last paragraph, across a page break."""
        self._append(" ", squeeze_lines(text))

    def code(self, text: str) -> None:
        lines = [line.rstrip() for line in clean(text).expandtabs(4).split("\n")]
        self._block("code", "\n".join(lines).strip("\n"))

    def item(self, text: str, depth: int = 0, marker: str = "-") -> None:
        """An item of a list, on a line of its own. Items that follow each other are one list."""
        text = squeeze(text)
        if text:
            indent = "  " * min(depth, 8)
            self._line("list", f"{indent}{marker} {text}" if marker else f"{indent}{text}")

    def row(self, cells: list[str]) -> None:
        """A row of a table: its cells with ``|`` between. Rows that follow each other are one table."""
        cells = [squeeze(cell) for cell in cells]
        if any(cells):
            self._line("table", " | ".join(cells).strip())

    def record(self, line: str) -> None:
        """A row of a table that is worded already."""
        line = squeeze(line)
        if line:
            self._line("table", line)

    def end_block(self) -> None:
        """The next item or row begins a list or table of its own."""
        self._open = False

    def extracted(self, title: str) -> Extracted:
        """Everything so far. Raises :class:`Empty` when there is no text."""
        if not any(block.kind != "heading" for block in self._blocks) and self._length == 0:
            raise Empty
        pages = [self._length if offset < 0 else offset for offset in self._pages]
        title = squeeze(title)[:_LONGEST_TITLE]
        return Extracted(title, "".join(self._parts), tuple(self._blocks), tuple(pages))

    def _line(self, kind: BlockKind, text: str) -> None:
        if self._open and self._blocks and self._blocks[-1].kind == kind:
            self._append("\n", text)
        else:
            self._block(kind, text)
            self._open = True

    def _block(self, kind: BlockKind, text: str, level: int = 0) -> None:
        if not text.strip():
            return
        if self._parts:
            self._write("\n\n")
        self._begin_pages()
        start = self._length
        self._write(text)
        self._blocks.append(Block(kind, start, self._length, level, len(self._pages) or None))
        self._open = False

    def _append(self, separator: str, text: str) -> None:
        if not text:
            return
        self._write(separator)
        self._begin_pages()
        self._write(text)
        last = self._blocks[-1]
        self._blocks[-1] = Block(last.kind, last.start, self._length, last.level, last.page)

    def _begin_pages(self) -> None:
        for index in range(len(self._pages) - 1, -1, -1):
            if self._pages[index] >= 0:
                break
            self._pages[index] = self._length

    def _write(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
        if self._length > LONGEST_TEXT:
            raise TooLarge.of(LONGEST_TEXT, "characters of text")
        if len(self._blocks) > MOST_BLOCKS:
            raise TooLarge.of(MOST_BLOCKS, "paragraphs")
