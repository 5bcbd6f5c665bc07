"""Plain text."""

import re
from pathlib import PurePath

from sitechat.ingestion.formats.base import Extracted
from sitechat.ingestion.formats.charset import decode
from sitechat.ingestion.formats.writer import TextWriter, clean

_BLANK_LINES = re.compile(r"\n[^\S\n]*(?:\n[^\S\n]*)+")
_UNDERLINE = re.compile(r"^([=\-~^*#])\1{2,}$")
_BULLET = re.compile(r"^\s*(?:[-*•‣–]|\d{1,3}[.)])\s+\S")
# Lines at least this long were broken by an editor, not by the author.
_WRAPPED = 50


class TextExtractor:
    media_types = frozenset({"text/plain"})
    suffixes = frozenset({".txt", ".text"})

    def extract(self, data: bytes, name: str, charset: str | None = None) -> Extracted:
        writer = TextWriter()
        write_text(writer, decode(data, charset))
        return writer.extracted(title_from_name(name))


def write_text(writer: TextWriter, text: str) -> None:
    """Write plain text: its paragraphs, and headings where lines are underlined."""
    for paragraph in _BLANK_LINES.split(clean(text)):
        _write(writer, paragraph.strip("\n"))


def title_from_name(name: str) -> str:
    """``annual_report-2024.pdf`` as ``annual report-2024``: the file's name where it has no title of its own."""
    stem = PurePath(name.replace("\\", "/")).stem or name
    return stem.replace("_", " ").strip() or name


def unwrap(lines: list[str]) -> str:
    """The lines of a paragraph as one, if an editor broke them; otherwise each stays on its own."""
    wrapped = len(lines) > 1 and all(len(line) >= _WRAPPED for line in lines[:-1])
    plain = not any(line[:1].isspace() or _BULLET.match(line) for line in lines[1:])
    return (" " if wrapped and plain else "\n").join(lines)


def _write(writer: TextWriter, paragraph: str) -> None:
    lines = paragraph.split("\n")
    if len(lines) > 1 and _UNDERLINE.match(lines[1].strip()) and len(lines[0].strip()) <= 100:
        writer.heading(1 if lines[1].startswith("=") else 2, lines[0])
        lines = lines[2:]
    if not lines:
        return
    if all(line.startswith(("    ", "\t")) or not line.strip() for line in lines):
        writer.code("\n".join(lines))
    else:
        writer.paragraph(unwrap(lines))
