"""What stands on a slide: its title, and its text boxes, lists and tables in the order in which they are drawn."""

from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from sitechat.ingestion.formats.writer import TextWriter, squeeze

_NAMESPACES = {
    "a": "http://schemas.openxmlformats.org/drawingml/2006/main",
    "p": "http://schemas.openxmlformats.org/presentationml/2006/main",
    "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
    "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
}


def _qualified(name: str) -> str:
    """``a:p`` in lxml's form."""
    prefix, _, local = name.partition(":")
    return f"{{{_NAMESPACES[prefix]}}}{local}"


_SHAPE, _PLACEHOLDER, _BODY = _qualified("p:sp"), _qualified("p:ph"), _qualified("p:txBody")
_P, _PPR, _FIELD, _BREAK = (_qualified(name) for name in ("a:p", "a:pPr", "a:fld", "a:br"))
_TABLE, _ROW, _CELL = _qualified("a:tbl"), _qualified("a:tr"), _qualified("a:tc")
_TEXT = frozenset({_qualified("a:t"), _qualified("m:t")})
_BULLETS = tuple(_qualified(name) for name in ("a:buChar", "a:buAutoNum", "a:buBlip"))
_NO_BULLET = _qualified("a:buNone")
# The older form of what is there in a newer one, and properties.
_LEFT_OUT = frozenset(_qualified(name) for name in ("mc:Fallback", "a:rPr", "a:pPr", "p:extLst"))
_TITLES = frozenset({"title", "ctrTitle"})
# Numbers, dates and footers are the same on every slide.
_RUNNING = frozenset({"sldNum", "dt", "ftr", "hdr", "sldImg"})
_LISTS = frozenset({"", "body", "obj"})
_RUNNING_FIELDS = ("slidenum", "datetime")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """``depth``: how far an item of a list is indented; None for what is no item."""

    text: str
    depth: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Slide:
    """``title`` is empty where there is none."""

    title: str
    content: tuple[Paragraph | Table, ...]


def read_slide(slide: etree._Element) -> Slide:
    """Read the ``p:sld`` element of a slide."""
    title = ""
    content: list[Paragraph | Table] = []
    for element in _shapes(slide):
        kind = _placeholder(element)
        if element.tag == _TABLE:
            content.append(_table(element))
        elif kind in _TITLES and not title:
            title = squeeze(" ".join(text_of(paragraph) for paragraph in element.iter(_P)))
        elif kind not in _RUNNING:
            content += _paragraphs(element, listed=kind in _LISTS)
    return Slide(title, tuple(content))


def write_content(writer: TextWriter, slide: Slide) -> None:
    """Write everything but the title."""
    for piece in slide.content:
        if isinstance(piece, Table):
            writer.end_block()
            for row in piece.rows:
                writer.row(list(row))
            writer.end_block()
        elif piece.depth is None:
            writer.paragraph(piece.text)
        else:
            writer.item(piece.text, piece.depth)


def text_of(paragraph: etree._Element) -> str:
    """The text of an ``a:p`` element, with a newline for each break in it."""
    parts: list[str] = []
    walker = etree.iterwalk(paragraph, events=("start",))
    for _, element in walker:
        if element.tag in _LEFT_OUT or (element.tag == _FIELD and _is_running(element)):
            walker.skip_subtree()
        elif element.tag in _TEXT:
            parts.append(element.text or "")
        elif element.tag == _BREAK:
            parts.append("\n")
    return "".join(parts)


def _shapes(slide: etree._Element) -> Iterator[etree._Element]:
    """Shapes and tables, looking into groups."""
    walker = etree.iterwalk(slide, events=("start",))
    for _, element in walker:
        if element.tag in _LEFT_OUT:
            walker.skip_subtree()
        elif element.tag in (_SHAPE, _TABLE):
            walker.skip_subtree()
            yield element


def _placeholder(shape: etree._Element) -> str | None:
    """The kind of placeholder that a shape fills; None for a text box, and for a table."""
    placeholder = next(shape.iter(_PLACEHOLDER), None) if shape.tag == _SHAPE else None
    return placeholder.get("type", "") if placeholder is not None else None


def _paragraphs(shape: etree._Element, *, listed: bool) -> list[Paragraph]:
    """``listed``: whether paragraphs are items of a list unless they say otherwise."""
    body = shape.find(_BODY)
    found = [] if body is None else [(paragraph, text_of(paragraph)) for paragraph in body.iter(_P)]
    found = [(paragraph, text) for paragraph, text in found if text.strip()]
    return [Paragraph(text, _depth(paragraph, listed=listed and len(found) > 1)) for paragraph, text in found]


def _depth(paragraph: etree._Element, *, listed: bool) -> int | None:
    properties = paragraph.find(_PPR)
    if properties is None:
        return 0 if listed else None
    bulleted = any(properties.find(bullet) is not None for bullet in _BULLETS)
    if not bulleted and (not listed or properties.find(_NO_BULLET) is not None):
        return None
    level = properties.get("lvl", "0")
    return int(level) if level.isdecimal() and len(level) == 1 else 0


def _table(table: etree._Element) -> Table:
    return Table(tuple(tuple(_cell_text(cell) for cell in row.iter(_CELL)) for row in table.iter(_ROW)))


def _cell_text(cell: etree._Element) -> str:
    return " ".join(text_of(paragraph) for paragraph in cell.iter(_P))


def _is_running(field: etree._Element) -> bool:
    return str(field.get("type", "")).startswith(_RUNNING_FIELDS)
