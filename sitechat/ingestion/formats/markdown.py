"""Markdown: its text without the marks of emphasis and links; code, tables and lists are kept."""

import re
from dataclasses import replace

from markdown_it import MarkdownIt
from markdown_it.token import Token

from sitechat.ingestion.formats.base import Extracted
from sitechat.ingestion.formats.charset import decode
from sitechat.ingestion.formats.html import write_fragment
from sitechat.ingestion.formats.markdown_source import plain_markdown, split_front_matter
from sitechat.ingestion.formats.text import title_from_name
from sitechat.ingestion.formats.writer import TextWriter, clean, squeeze

_ROLE = re.compile(r"\{[\w:-]+\}$")
_ROLE_TARGET = re.compile(r"\s*<[^<>]*>$")


class MarkdownExtractor:
    media_types = frozenset({"text/markdown", "text/x-markdown"})
    suffixes = frozenset({".md", ".markdown", ".mdown", ".mkd", ".mdx"})

    def extract(self, data: bytes, name: str, charset: str | None = None) -> Extracted:
        title, source = split_front_matter(clean(decode(data, charset)))
        writer = _MarkdownWriter()
        parser = MarkdownIt("commonmark").enable("table")
        for token in parser.parse(plain_markdown(source)):
            writer.take(token)
        extracted = writer.text.extracted(title_from_name(name))
        return replace(extracted, title=squeeze(title or "") or _first_title(extracted) or extracted.title)


def _first_title(extracted: Extracted) -> str:
    """The heading that stands above all others, if there is one."""
    headings = [block for block in extracted.blocks if block.kind == "heading"]
    if not headings:
        return ""
    highest = min(heading.level for heading in headings)
    first = next(heading for heading in headings if heading.level == highest)
    alone = sum(heading.level == highest for heading in headings) == 1 and first is headings[0]
    return extracted.text[first.start : first.end] if highest == 1 or alone else ""


class _MarkdownWriter:
    """Takes the parser's block tokens one by one."""

    def __init__(self) -> None:
        self.text = TextWriter()
        self._within: list[str] = []
        self._level = 0
        self._marker: str | None = None
        self._depth = 0
        self._cells: list[str] = []

    def take(self, token: Token) -> None:
        if token.nesting > 0:
            self._open(token)
        elif token.nesting < 0:
            self._close(token)
        elif token.type == "inline":
            self._inline(inline_text(token.children or []))
        elif token.type in ("fence", "code_block"):
            self.text.code(token.content)
        elif token.type == "html_block":
            write_fragment(self.text, token.content)

    def _open(self, token: Token) -> None:
        kind = token.type.removesuffix("_open")
        self._within.append(kind)
        if kind == "heading":
            self._level = int(token.tag[1:])
        elif kind in ("bullet_list", "ordered_list"):
            self._depth += 1
        elif kind == "list_item":
            self._marker = f"{token.info}{token.markup}" if token.info else "-"
        elif kind == "tr":
            self._cells = []

    def _close(self, token: Token) -> None:
        kind = token.type.removesuffix("_close")
        self._within.pop()
        if kind in ("bullet_list", "ordered_list"):
            self._depth -= 1
            if self._depth == 0:
                self.text.end_block()
        elif kind == "tr":
            self.text.row(self._cells)
        elif kind == "table":
            self.text.end_block()

    def _inline(self, content: str) -> None:
        within = self._within[-1] if self._within else "paragraph"
        if within == "heading":
            self.text.heading(self._level, content)
        elif within in ("th", "td"):
            self._cells.append(content)
        elif self._depth:
            depth = self._depth - 1 if self._marker else self._depth
            self.text.item(content, depth, self._marker or "")
            self._marker = None
        else:
            self.text.paragraph(content)


def inline_text(tokens: list[Token]) -> str:
    """The words of a paragraph: without emphasis, link targets, pictures and tags; code keeps its backticks."""
    parts: list[str] = []
    for token in tokens:
        if token.type == "text":
            parts.append(token.content)
        elif token.type == "code_inline":
            parts.append(_code(token.content, parts))
        elif token.type == "softbreak":
            parts.append(" ")
        elif token.type == "hardbreak" or (token.type == "html_inline" and token.content.startswith("<br")):
            parts.append("\n")
    return "".join(parts)


def _code(content: str, before: list[str]) -> str:
    """Code in backticks; of a MyST role such as ``{ref}`text <target>```, the text alone."""
    if before and _ROLE.search(before[-1]):
        before[-1] = _ROLE.sub("", before[-1])
        return _ROLE_TARGET.sub("", content)
    return f"`{content}`"
