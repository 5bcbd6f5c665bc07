"""What the styles of a Word document say about a paragraph: heading, list item, title or code."""

import re
from dataclasses import dataclass, replace

from docx.document import Document
from lxml import etree

_NAMESPACES = {
    "w": "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "m": "http://schemas.openxmlformats.org/officeDocument/2006/math",
    "mc": "http://schemas.openxmlformats.org/markup-compatibility/2006",
}
_HEADING = re.compile(r"^(?:heading|überschrift|titre|título|titolo|kop)\s*(\d)$", re.IGNORECASE)
_CODE = re.compile(r"code|source|preformatted|verbatim|\bmacro", re.IGNORECASE)
_DEEPEST_INHERITANCE = 20


@dataclass(frozen=True, slots=True)
class Style:
    """``level``: a heading's, else 0. ``list_depth``: how far an item is indented; None for what is no item."""

    level: int = 0
    list_depth: int | None = None
    title: bool = False
    code: bool = False

    def with_direct(self, properties: etree._Element) -> "Style":
        """This style with what a paragraph's or a style's own ``pPr`` adds to it."""
        outline = _number(properties, "w:outlineLvl")
        numbered = _number(properties, "w:numPr/w:numId")
        style = self
        if outline is not None:
            style = replace(style, level=outline + 1 if outline < 9 else 0)
        if numbered is not None and not style.level:
            depth = _number(properties, "w:numPr/w:ilvl") or 0
            style = replace(style, list_depth=depth if numbered else None)
        return style


def qualified(name: str) -> str:
    """``w:p`` in lxml's form."""
    prefix, _, local = name.partition(":")
    return f"{{{_NAMESPACES[prefix]}}}{local}"


def read_styles(document: Document) -> dict[str, Style]:
    """Paragraph styles by id; under the empty string what applies without a style."""
    elements = {
        element.get(qualified("w:styleId"), ""): element
        for element in document.styles.element.iter(qualified("w:style"))
    }
    styles = {style_id: _resolve(style_id, elements, 0) for style_id in elements if style_id}
    return {**styles, "": Style()}


def _resolve(style_id: str, elements: dict[str, etree._Element], depth: int) -> Style:
    element = elements.get(style_id)
    if element is None or depth > _DEEPEST_INHERITANCE:
        return Style()
    base = element.find(qualified("w:basedOn"))
    parent = base.get(qualified("w:val"), "") if base is not None else ""
    style = _resolve(parent, elements, depth + 1) if parent else Style()
    properties = element.find(qualified("w:pPr"))
    if properties is not None:
        style = style.with_direct(properties)
    return _by_name(style, _name(element))


def _by_name(style: Style, name: str) -> Style:
    heading = _HEADING.match(name)
    if heading:
        return replace(style, level=int(heading[1]) or 1, list_depth=None)
    if name.lower() == "title":
        return replace(style, level=1, title=True)
    if name.lower().startswith("list ") and style.list_depth is None and not style.level:
        digits = re.search(r"\d", name)
        return replace(style, list_depth=int(digits[0]) - 1 if digits else 0)
    return replace(style, code=True) if _CODE.search(name) else style


def _name(element: etree._Element) -> str:
    name = element.find(qualified("w:name"))
    return name.get(qualified("w:val"), "") if name is not None else ""


def _number(properties: etree._Element, path: str) -> int | None:
    found = properties.find("/".join(qualified(step) for step in path.split("/")))
    value = found.get(qualified("w:val"), "") if found is not None else ""
    return int(value) if value.isdecimal() else None
