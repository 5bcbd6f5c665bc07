"""Word documents: headings by their styles, paragraphs, lists and tables in the order of the document.

The parts are opened by python-docx; the body is walked as XML, since its objects leave out what stands in content
controls, hyperlinks and text boxes, and are slow for long documents.
"""

import io
from collections.abc import Iterator

import docx
from docx.document import Document
from lxml import etree

from sitechat.ingestion.formats.archive import check_archive
from sitechat.ingestion.formats.base import Extracted
from sitechat.ingestion.formats.damage import damage_means
from sitechat.ingestion.formats.docx_styles import Style, qualified, read_styles
from sitechat.ingestion.formats.text import title_from_name
from sitechat.ingestion.formats.writer import TextWriter, squeeze

_DAMAGED = "It is damaged: it cannot be opened as a Word document."

_P, _TBL, _TR, _TC = qualified("w:p"), qualified("w:tbl"), qualified("w:tr"), qualified("w:tc")
_PPR = qualified("w:pPr")
_BOX = qualified("w:txbxContent")
_TEXT = frozenset({qualified("w:t"), qualified("m:t")})
_BREAKS = {
    qualified("w:tab"): "\t",
    qualified("w:br"): "\n",
    qualified("w:cr"): "\n",
    qualified("w:noBreakHyphen"): "-",
}
# Removed text, the older form of what is there in a newer one, and properties.
_LEFT_OUT = frozenset(
    qualified(name) for name in ("w:del", "w:moveFrom", "mc:Fallback", "w:pPr", "w:rPr", "w:instrText", "w:sdtPr")
)
_VALUE = qualified("w:val")


class DocxExtractor:
    media_types = frozenset({"application/vnd.openxmlformats-officedocument.wordprocessingml.document"})
    suffixes = frozenset({".docx", ".docm"})

    def extract(self, data: bytes, name: str, charset: str | None = None) -> Extracted:  # noqa: ARG002
        check_archive(data, _DAMAGED)
        with damage_means(_DAMAGED):
            document = docx.Document(io.BytesIO(data))
            body = _Body(read_styles(document))
            body.write(document.element.body)
            title = _property_title(document) or body.title or title_from_name(name)
        return body.text.extracted(title)


def _property_title(document: Document) -> str:
    title = squeeze(document.core_properties.title or "")
    return "" if title.lower() in ("word document", "untitled", "title", "document") else title


class _Body:
    """Walks the body's elements and writes them."""

    def __init__(self, styles: dict[str, Style]) -> None:
        self.text = TextWriter()
        self.title: str | None = None
        self._styles = styles

    def write(self, container: etree._Element) -> None:
        for element in _content(container):
            if element.tag == _P:
                self._paragraph(element)
            else:
                self._table(element)

    def _paragraph(self, paragraph: etree._Element) -> None:
        style = self._style(paragraph)
        text = _text_of(paragraph)
        if style.title and text.strip():
            self.title = self.title or squeeze(text)
        if style.level:
            self.title = self.title or (squeeze(text) or None)
            self.text.heading(style.level, text)
        elif style.list_depth is not None:
            self.text.item(text, style.list_depth)
        elif style.code:
            self.text.code(text)
        else:
            self.text.paragraph(text)
        for box in paragraph.iter(_BOX):
            if not any(above.tag in _LEFT_OUT or above.tag == _BOX for above in box.iterancestors()):
                self.write(box)

    def _style(self, paragraph: etree._Element) -> Style:
        properties = paragraph.find(_PPR)
        if properties is None:
            return self._styles[""]
        named = properties.find(qualified("w:pStyle"))
        style = self._styles.get(named.get(_VALUE, "") if named is not None else "", self._styles[""])
        return style.with_direct(properties)

    def _table(self, table: etree._Element) -> None:
        rows = [list(_content(row, _TC)) for row in _content(table, _TR)]
        self.text.end_block()
        if max((len(row) for row in rows), default=0) <= 1:
            for row in rows:
                for cell in row:
                    self.write(cell)
        else:
            for row in rows:
                self.text.row([_cell_text(cell) for cell in row])
        self.text.end_block()


def _content(container: etree._Element, *wanted: str) -> Iterator[etree._Element]:
    """The paragraphs and tables (or what is ``wanted``) within, looking into content controls and insertions."""
    tags = wanted or (_P, _TBL)
    pending = [iter(container)]
    while pending:
        element = next(pending[-1], None)
        if element is None:
            pending.pop()
        elif element.tag in tags:
            yield element
        elif element.tag not in _LEFT_OUT and element.tag not in (_P, _TBL):
            pending.append(iter(element))


def _cell_text(cell: etree._Element) -> str:
    return " ".join(_text_of(paragraph) for paragraph in cell.iter(_P))


def _text_of(paragraph: etree._Element) -> str:
    """The text of a paragraph without what its text boxes hold."""
    parts: list[str] = []
    walker = etree.iterwalk(paragraph, events=("start",))
    for _, element in walker:
        if element.tag in _LEFT_OUT or element.tag == _BOX:
            walker.skip_subtree()
        elif element.tag in _TEXT:
            parts.append(element.text or "")
        elif element.tag in _BREAKS:
            parts.append(_BREAKS[element.tag])
    return "".join(parts)
