"""Web pages: their main text, without menus, scripts and what is hidden."""

import copy
import logging
import re

import trafilatura
from lxml import etree
from lxml import html as lxml_html
from lxml.html import HtmlElement

from sitechat.ingestion.formats.base import Block, Empty, Extracted, Unreadable
from sitechat.ingestion.formats.charset import decode
from sitechat.ingestion.formats.html_walk import Walk, prune
from sitechat.ingestion.formats.lxml_errors import ran_out_of_memory
from sitechat.ingestion.formats.text import title_from_name
from sitechat.ingestion.formats.writer import TextWriter, squeeze

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w:.-]{1,40})", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"\A\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w:.-]{1,40})", re.IGNORECASE)
_XML_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*>")
# What lxml reads but does not let be written again.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_TITLE_SEPARATOR = re.compile(r"\s+(?:[|–—·•»«]|::|-)\s+")
logging.getLogger("trafilatura").setLevel(logging.CRITICAL)

_NO_TITLES = frozenset({"no title", "untitled", "untitled document", "document", "home", "index"})
_TOO_DEEP = "Its HTML is nested too deeply to be read whole."
# Elements up to which the main text is guessed, which takes several copies of the page.
_MOST_GUESSED = 100_000
_MAIN = "//main | //*[@role='main'] | //article"


class HtmlExtractor:
    media_types = frozenset({"text/html", "application/xhtml+xml"})
    suffixes = frozenset({".html", ".htm", ".xhtml", ".shtml"})

    def extract(self, data: bytes, name: str, charset: str | None = None) -> Extracted:
        tree = _parse(decode(data, charset or _declared(data)))
        if tree is None:
            raise Empty
        title = _title(tree) or title_from_name(name)
        try:
            return _read(copy.deepcopy(tree), title, hidden=True)
        except Empty:
            return _read(tree, title, hidden=False)


def write_fragment(writer: TextWriter, fragment: str) -> None:
    """Write a piece of HTML, as found within Markdown."""
    tree = _parse(f"<div>{fragment}</div>")
    if tree is not None:
        prune(tree)
        Walk(writer).run(tree)


def _read(tree: HtmlElement, title: str, *, hidden: bool) -> Extracted:
    prune(tree, hidden=hidden)
    main = _main_text(tree)
    writer = TextWriter()
    Walk(writer).run(_main_element(tree, main))
    whole = writer.extracted(title)
    return _without_edges(whole, main)


def _declared(data: bytes) -> str | None:
    match = _CHARSET.search(data[:4096]) or _XML_ENCODING.match(data[:512])
    return match[1].decode("ascii") if match else None


def _parse(text: str) -> HtmlElement | None:
    parser = lxml_html.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=True
    )
    text = _NOT_XML.sub("", _XML_DECLARATION.sub("", text))
    try:
        tree = lxml_html.document_fromstring(text.encode("utf-8"), parser=parser)
    except (etree.ParserError, AssertionError):
        return None  # nothing but comments or white space
    except etree.LxmlError as error:
        if ran_out_of_memory(error):
            raise MemoryError from None
        raise Unreadable("Its HTML is too damaged to be read.") from None
    if any(entry.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT for entry in parser.error_log):
        raise Unreadable(_TOO_DEEP)  # lxml leaves out the rest of the page without a word
    return tree


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
