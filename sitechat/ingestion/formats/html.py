"""Web pages: their main text, without menus, scripts and what is hidden."""

import copy
import logging
import re

import trafilatura
from lxml.html import HtmlElement

from sitechat.ingestion.formats.base import Block, Empty, Extracted
from sitechat.ingestion.formats.charset import decode
from sitechat.ingestion.formats.html_tree import declared_charset, parse_html, parse_xhtml
from sitechat.ingestion.formats.html_walk import HEADINGS, Walk, prune
from sitechat.ingestion.formats.text import title_from_name
from sitechat.ingestion.formats.writer import TextWriter, squeeze

_TITLE_SEPARATOR = re.compile(r"\s+(?:[|–—·•»«]|::|-)\s+")
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)

_NO_TITLES = frozenset({"no title", "untitled", "untitled document", "document", "home", "index"})
# Elements up to which the main text is guessed, which takes several copies of the page.
_MOST_GUESSED = 100_000
_MAIN = "//main | //*[@role='main'] | //article"


class HtmlExtractor:
    media_types = frozenset({"text/html", "application/xhtml+xml"})
    suffixes = frozenset({".html", ".htm", ".xhtml", ".shtml"})

    def extract(self, data: bytes, name: str, charset: str | None = None) -> Extracted:
        tree = parse_html(decode(data, charset or declared_charset(data)))
        if tree is None:
            raise Empty
        title = _title(tree) or title_from_name(name)
        try:
            return _read(copy.deepcopy(tree), title, hidden=True)
        except Empty:
            return _read(tree, title, hidden=False)


def write_fragment(writer: TextWriter, fragment: str) -> None:
    """Write a piece of HTML, as found within Markdown."""
    tree = parse_html(f"<div>{fragment}</div>")
    if tree is not None:
        prune(tree)
        Walk(writer).run(tree)


def write_page(writer: TextWriter, text: str, *, heading: str = "", xml: bool = False) -> None:
    """Write a whole page, as found within a file of another format. ``heading``: for a page without one.

    ``xml``: the page is XHTML, where ``<title/>`` is a whole element, and not the beginning of one.
    """
    tree = parse_xhtml(text) if xml else parse_html(text)
    if tree is None:
        return
    prune(tree)
    if heading and not any(True for _ in tree.iter(*HEADINGS)):
        writer.heading(1, heading)
    Walk(writer).run(tree)


def _read(tree: HtmlElement, title: str, *, hidden: bool) -> Extracted:
    prune(tree, hidden=hidden)
    main = _main_text(tree)
    writer = TextWriter()
    Walk(writer).run(_main_element(tree, main))
    whole = writer.extracted(title)
    return _without_edges(whole, main)


def _title(tree: HtmlElement) -> str:
    """The page's title without the site's name, as far as the first heading tells them apart."""
    title = _first(tree, "//title/text()")
    title = "" if title.lower() in _NO_TITLES else title
    heading = squeeze(" ".join(str(h.text_content()) for h in tree.xpath("(//h1)[1]"))).rstrip("¶#§ ")
    shared = _first(tree, "//meta[@property='og:title']/@content")
    for part in _TITLE_SEPARATOR.split(title):
        for short in (heading, shared):
            if short and part.casefold() == short.casefold():
                return short
    if shared and shared in title:
        return shared
    return title or shared or heading


def _first(tree: HtmlElement, xpath: str) -> str:
    for found in tree.xpath(xpath):
        text = squeeze(str(found))
        if text:
            return text
    return ""


def _main_text(tree: HtmlElement) -> str:
    """What trafilatura takes for the main text; empty when it finds none, and for pages too large for its guesses."""
    if sum(1 for _ in tree.iter()) > _MOST_GUESSED:
        return ""
    try:
        document = trafilatura.bare_extraction(
            copy.deepcopy(tree), include_comments=False, include_tables=True, favor_recall=True
        )
    except Exception:  # noqa: BLE001 (a guess that fails on odd pages must not cost the page)
        return ""
    return (document.text or "") if document is not None else ""


def _main_element(tree: HtmlElement, main: str) -> HtmlElement:
    """The element that says it holds the main text, if it holds about as much as was guessed; else the whole page."""
    candidates = tree.xpath(_MAIN)
    best = max(candidates, key=lambda element: len(_letters(str(element.text_content()))), default=None)
    if best is None:
        return tree
    held = len(_letters(str(best.text_content())))
    return best if held >= 200 and held >= 0.8 * len(_letters(main)) else tree


def _without_edges(whole: Extracted, main: str) -> Extracted:
    """``whole`` without what stands before and after the main text: banners, footers, lists of links.

    From the first heading on nothing is lost up to the last of the main text; nothing at all if the guess misses much
    of the page.
    """
    letters = _letters(main)
    if len(letters) < 0.5 * len(_letters(whole.text)):
        return whole
    lines = {_letters(line) for line in main.split("\n")}

    def is_main(block: Block) -> bool:
        mine = _letters(_text(whole, block))
        return mine in lines if len(mine) < 40 else mine[:40] in letters

    blocks = whole.blocks
    first = next((index for index, block in enumerate(blocks) if is_main(block)), 0)
    first = next((index for index, block in enumerate(blocks[:first]) if block.kind == "heading"), first)
    last = next((index for index in range(len(blocks) - 1, -1, -1) if is_main(blocks[index])), len(blocks) - 1)
    if first < last and blocks[first].kind == "paragraph" and _text(whole, blocks[first]) == whole.title:
        first += 1
    kept = blocks[first : last + 1]
    start, end = kept[0].start, kept[-1].end
    if end - start < 0.7 * len(whole.text):
        return whole
    moved = tuple(Block(b.kind, b.start - start, b.end - start, b.level, b.page) for b in kept)
    return Extracted(whole.title, whole.text[start:end], moved, whole.pages)


def _text(extracted: Extracted, block: Block) -> str:
    return extracted.text[block.start : block.end]


def _letters(text: str) -> str:
    return "".join(character for character in text if character.isalnum())
