"""One walk over an HTML tree that writes its headings, paragraphs, lists, tables and code."""

import re

from lxml import etree
from lxml.html import HtmlElement

from sitechat.ingestion.formats.html_hidden import is_undisplayed, is_vanishing
from sitechat.ingestion.formats.writer import TextWriter, squeeze, squeeze_lines

DROPPED = frozenset(
    {
        *("script", "style", "noscript", "template", "svg", "iframe", "object", "embed", "canvas", "video", "audio"),
        *("select", "button", "input", "textarea", "nav", "dialog", "map", "head", "title", "link", "meta", "base"),
    }
)
HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    {
        *(
            "address",
            "article",
            "aside",
            "blockquote",
            "body",
            "center",
            "dd",
            "details",
            "div",
            "dl",
            "dt",
            "fieldset",
        ),
        *("figcaption", "figure", "footer", "form", "header", "hgroup", "hr", "html", "li", "legend", "main", "menu"),
        *("ol", "p", "pre", "section", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"),
        *("caption", "optgroup", "search", "listing", "xmp", "plaintext"),
        *HEADINGS,
    }
)
_IN_CELLS = ("p", "ul", "ol", "dl", "pre", "blockquote", "table", "div", *HEADINGS)
_VERBATIM = frozenset({"pre", "listing", "xmp", "plaintext"})
_LISTS = frozenset({"ul", "ol", "menu", "dl"})
_ITEMS = frozenset({"li", "dt", "dd"})
_ROLES_DROPPED = frozenset({"navigation", "search", "menu", "menubar", "toolbar", "tablist", "dialog", "alertdialog"})
_FURNITURE = re.compile(
    r"(?:^|[\s_-])(?:nav|navbar|navigation|menu|mainmenu|submenu|breadcrumbs?|sidebar|footer|masthead|pagination|pager"
    r"|skip-?link|social|share|sharing|cookies?|toc|related|tags)(?:$|[\s_-])",
    re.IGNORECASE,
)
_FURNISHED = frozenset({"div", "ul", "ol", "section", "header", "footer", "aside", "td", "table", "p", "span"})
_PERMALINK = re.compile(r"^[\s¶#§🔗⚓]*$")
_PERMALINK_CLASS = re.compile(r"headerlink|anchor|permalink|hash-link", re.IGNORECASE)
_DOOMED = "doomed"
_NUMBER = re.compile(r"^\d{1,6}$")


def tag_of(element: HtmlElement) -> str:
    """The lower case tag; empty for comments and the like."""
    return element.tag.lower() if isinstance(element.tag, str) else ""


def prune(tree: HtmlElement, *, hidden: bool = True) -> None:
    """Take out what is no text: scripts, controls, menus, text without size, and, if ``hidden``, what is not shown."""
    _drop(tree, [element for element in tree.iter() if _is_doomed(element, hidden)])
    whole = len(squeeze(str(tree.text_content())))
    _drop(tree, [element for element in tree.iter(*_FURNISHED) if _is_furniture(element, 0.3 * whole)])


def _drop(tree: HtmlElement, doomed: list[HtmlElement]) -> None:
    """Remove elements, but not the text that follows them. lxml's own ``drop_tree`` fails on control characters."""
    for element in doomed:
        if element is not tree and isinstance(element.tag, str):
            element.tag = _DOOMED
    etree.strip_elements(tree, _DOOMED, etree.Comment, etree.ProcessingInstruction, with_tail=False)


def _is_doomed(element: HtmlElement, hidden: bool) -> bool:
    tag = tag_of(element)
    if not tag or tag in DROPPED:
        return True
    attributes = element.attrib
    if not attributes or tag in ("html", "body"):
        return False
    if attributes.get("role") in _ROLES_DROPPED:
        return True
    if is_vanishing(element) or (hidden and is_undisplayed(element)):
        return True
    return tag == "a" and _is_permalink(element)


def _is_permalink(element: HtmlElement) -> bool:
    return bool(
        _PERMALINK_CLASS.search(element.get("class", "")) and _PERMALINK.match(str(element.text_content() or ""))
    )


def _is_furniture(element: HtmlElement, most: float) -> bool:
    """Whether an element is called a menu or the like, and is one: little of the page's text, most of it links."""
    if not _FURNITURE.search(f"{element.get('class', '')} {element.get('id', '')}"):
        return False
    length = len(squeeze(str(element.text_content())))
    linked = sum(len(squeeze(str(link.text_content()))) for link in element.iter("a"))
    return length <= most and linked >= 0.6 * length


class Walk:
    """Writes a pruned tree to ``writer``; leaves out tables of contents, which are links within the page."""

    def __init__(self, writer: TextWriter) -> None:
        self.writer = writer
        self._buffer: list[str] = []
        self._other_letters = 0
        self._jump_letters = 0
        self._jump_depth = 0
        self._lists: list[str] = []
        self._numbers: list[int] = []
        self._marker: str | None = None

    def run(self, tree: HtmlElement) -> None:
        walker = etree.iterwalk(tree, events=("start", "end"))
        for event, element in walker:
            tag = tag_of(element)
            if event == "start":
                if self._start(tag, element):
                    walker.skip_subtree()
            else:
                self._end(tag, element)
                if element is not tree and element.tail:
                    self._add(element.tail)
        self._flush()

    def _start(self, tag: str, element: HtmlElement) -> bool:
        """Handle a start tag; True if its content has been written already."""
        if tag in _BLOCKS:
            self._flush()
        if tag in _VERBATIM:
            self.writer.code(verbatim(element))
            return True
        if tag in HEADINGS and not any(True for _ in element.iterdescendants(*_BLOCKS)):
            self.writer.heading(HEADINGS[tag], str(element.text_content()))
            return True
        if tag == "table" and _is_data(element):
            self._write_table(element)
            return True
        if tag in _LISTS:
            self._open_list(tag, element)
        elif tag in _ITEMS:
            self._marker = self._next_marker(tag)
        elif tag == "br":
            self._buffer.append("\n")
        elif tag == "a" and (element.get("href") or "").startswith("#"):
            self._jump_depth += 1
        if element.text:
            self._add(element.text)
        return False

    def _end(self, tag: str, element: HtmlElement) -> None:
        if tag in _BLOCKS:
            self._flush()
        if tag in _LISTS and self._lists:
            self._lists.pop()
            self._numbers.pop()
            if not self._lists:
                self.writer.end_block()
        elif tag in _ITEMS:
            self._marker = None
        elif tag == "a" and (element.get("href") or "").startswith("#"):
            self._jump_depth = max(0, self._jump_depth - 1)

    def _add(self, text: str) -> None:
        self._buffer.append(text.replace("\n", " ").replace("\r", " "))
        letters = sum(map(str.isalnum, text))
        if self._jump_depth:
            self._jump_letters += letters
        else:
            self._other_letters += letters

    def _flush(self) -> None:
        text = "".join(self._buffer)
        self._buffer.clear()
        jump = self._jump_letters > 2 * self._other_letters
        self._jump_letters = self._other_letters = 0
        if jump or not text.strip():
            return
        if self._lists:
            self._write_item(text)
        else:
            self.writer.paragraph(text)

    def _write_item(self, text: str) -> None:
        depth = len(self._lists) - 1
        if self._marker is None:
            self.writer.item(text, depth + 1, "")
        else:
            self.writer.item(text, depth, self._marker)
            self._marker = None

    def _open_list(self, tag: str, element: HtmlElement) -> None:
        start = element.get("start", "")
        self._lists.append(tag)
        self._numbers.append(int(start) - 1 if _NUMBER.match(start) else 0)

    def _next_marker(self, tag: str) -> str | None:
        if not self._lists:
            self._lists.append("ul")
            self._numbers.append(0)
        if tag == "dt":
            return ""
        if tag == "dd":
            return None
        if self._lists[-1] == "ol":
            self._numbers[-1] += 1
            return f"{self._numbers[-1]}."
        return "-"

    def _write_table(self, table: HtmlElement) -> None:
        self.writer.end_block()
        for caption in table.iter("caption"):
            self.writer.paragraph(squeeze_lines(verbatim(caption)))
        for row in table.iter("tr"):
            self.writer.row([verbatim(cell) for cell in row if tag_of(cell) in ("td", "th")])
        self.writer.end_block()


def verbatim(element: HtmlElement) -> str:
    """All text within, with a newline for each ``<br>``."""
    parts: list[str] = []
    for event, inner in etree.iterwalk(element, events=("start", "end")):
        if event == "start":
            parts.append("\n" if tag_of(inner) == "br" else inner.text or "")
        elif inner is not element:
            parts.append(inner.tail or "")
    return "".join(parts)


def _is_data(table: HtmlElement) -> bool:
    """Whether a table holds rows of short cells, rather than laying out the page."""
    rows = 0
    widest = 0
    for row in table.iter("tr"):
        cells = [cell for cell in row if tag_of(cell) in ("td", "th")]
        if any(_is_flow(cell) for cell in cells):
            return False
        widest = max(widest, len(cells))
        rows += bool(cells)
    return rows > 0 and widest > 1


def _is_flow(cell: HtmlElement) -> bool:
    blocks = sum(1 for _ in cell.iter(*_IN_CELLS))
    return blocks > 0 and (blocks > 1 or len(squeeze(str(cell.text_content()))) > 300)
