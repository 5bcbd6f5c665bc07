"""Bytes of a web page to a tree: its declared encoding, and lxml without network."""

import re
from html.entities import html5

from lxml import etree
from lxml import html as lxml_html
from lxml.html import HtmlElement

from sitechat.ingestion.formats.base import Unreadable
from sitechat.ingestion.formats.lxml_errors import ran_out_of_memory

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w:.-]{1,40})", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"\A\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w:.-]{1,40})", re.IGNORECASE)
_XML_DECLARATION = re.compile(r"\A\s*<\?xml[^>]*>")
# With all that it declares: entities are never expanded.
_DOCTYPE = re.compile(r"<!DOCTYPE[^>\[]*(?:\[[^\]]*\])?[^>]*>", re.IGNORECASE)
_NAMED = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,30});")
_IN_HEAD = frozenset({"title", "meta", "link", "base", "style", "script", "noscript", "template"})
_TOO_DEEP = "Its HTML is nested too deeply to be read whole."
# What lxml reads but does not let be written again.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def declared_charset(data: bytes) -> str | None:
    """The encoding that a page names itself."""
    match = _CHARSET.search(data[:4096]) or _XML_ENCODING.match(data[:512])
    return match[1].decode("ascii") if match else None


def parse_html(text: str) -> HtmlElement | None:
    """The tree of a page; None for nothing but comments or white space. Raises ``Unreadable``."""
    parser = lxml_html.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True, huge_tree=True
    )
    text = _NOT_XML.sub("", _XML_DECLARATION.sub("", text))
    try:
        tree = lxml_html.document_fromstring(text.encode("utf-8"), parser=parser)
    except (etree.ParserError, AssertionError):
        return None
    except etree.LxmlError as error:
        if ran_out_of_memory(error):
            raise MemoryError from None
        raise Unreadable("Its HTML is too damaged to be read.") from None
    if any(entry.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT for entry in parser.error_log):
        raise Unreadable(_TOO_DEEP)  # lxml leaves out the rest of the page without a word
    _open_body(tree)
    return tree


def _open_body(tree: HtmlElement) -> None:
    """End the head where HTML ends it: without ``<body>``, lxml takes ``<main>`` and its like for a part of it."""
    head = tree.find("head")
    if head is None:
        return
    children = list(head)
    first = next((place for place, child in enumerate(children) if child.tag not in _IN_HEAD), None)
    if first is None:
        return
    body = tree.find("body")
    if body is None:
        body = tree.makeelement("body")
        head.addnext(body)
    children[-1].tail = (children[-1].tail or "") + (body.text or "") or None
    body.text = None
    body[:0] = children[first:]


def parse_xhtml(text: str) -> HtmlElement | None:
    """As XML, with tags as in HTML; as HTML where it is not well-formed."""
    parser = lxml_html.XHTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, resolve_entities=False, no_network=True, load_dtd=False
    )
    source = _NOT_XML.sub("", _XML_DECLARATION.sub("", text))
    source = _NAMED.sub(_character, _DOCTYPE.sub("", source, count=1))
    try:
        tree = etree.fromstring(source.encode("utf-8"), parser)
    except etree.XMLSyntaxError as error:
        if ran_out_of_memory(error):
            raise MemoryError from None
        return parse_html(text)
    for element in tree.iter(etree.Element):
        element.tag = etree.QName(element).localname
    return tree


def _character(named: re.Match[str]) -> str:
    """The character that HTML gives a name to, unless it is one that XML knows, or nobody."""
    character = html5.get(f"{named[1]};", "&")
    return named[0] if character in "<>&\"'" else character
