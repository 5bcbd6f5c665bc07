"""What a page tells a crawler: where it leads, what it is called, and whether it wants to be read."""

import re
from collections.abc import Iterator

from lxml.html import HtmlElement

from sitechat.ingestion.formats.charset import decode
from sitechat.ingestion.formats.html_tree import declared_charset, parse_html
from sitechat.ingestion.formats.html_walk import tag_of
from sitechat.ingestion.site.facts import PageFacts
from sitechat.ingestion.site.robots import AGENT
from sitechat.ingestion.site.robots_tags import RobotsTag, parse_directives
from sitechat.ingestion.site.scripted import looks_empty
from sitechat.ingestion.urls import BadUrl, WebAddress, parse_url

MOST_LINKS = 5000
_MOST_BYTES = 20 << 20
_MOST_ANCHORS = 50_000
_REFRESH = re.compile(r"^\s*[\d.]+\s*[;,]\s*(?:url\s*=\s*)?[\"']?([^\"']*)", re.IGNORECASE)
_LANGUAGE = re.compile(r"^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}$")
_OTHER_SCHEME = re.compile(r"^\s*(?!https?:)[a-z][a-z0-9+.-]*:", re.IGNORECASE)


def read_page(data: bytes, url: str, charset: str | None = None, agent: str = AGENT) -> PageFacts:
    """Read the HTML found at ``url``: its first 20 MiB and 5,000 links. ``charset`` is what the header declared.

    ``agent`` is the name by which the page may address us. Raises ``Unreadable`` or :class:`BadUrl` (for ``url``).
    """
    data = data[:_MOST_BYTES]
    tree = parse_html(decode(data, charset or declared_charset(data)))
    here = parse_url(url)
    if tree is None:
        return PageFacts(str(here))
    base = _base(tree, here)
    tag = _robots(tree, agent)
    return PageFacts(
        base=str(base),
        links=_links(tree, base),
        canonical=_canonical(tree, base),
        noindex=tag.noindex,
        nofollow=tag.nofollow,
        refresh=_refresh(tree, base),
        language=_language(tree),
        looks_empty_without_javascript=looks_empty(tree),
    )


def _base(tree: HtmlElement, here: WebAddress) -> WebAddress:
    """The first ``<base href>`` counts; one that is no web address does not."""
    written = next((element.get("href") for element in tree.iter("base") if element.get("href")), None)
    return (_joined(here, written) if written else None) or here


def _links(tree: HtmlElement, base: WebAddress) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for count, written in enumerate(_written_links(tree)):
        if count >= _MOST_ANCHORS or len(found) >= MOST_LINKS:
            break
        address = _joined(base, written)
        if address is not None:
            found[str(address)] = None
    return tuple(found)


def _written_links(tree: HtmlElement) -> Iterator[str]:
    seen: set[str] = set()
    for element in tree.iter("a", "area", "frame"):
        written = (element.get("src" if tag_of(element) == "frame" else "href") or "").strip()
        if not written or written.startswith("#") or written in seen or "nofollow" in _words(element):
            continue
        seen.add(written)
        yield written


def _canonical(tree: HtmlElement, base: WebAddress) -> str | None:
    """Links in the body are not heeded: there they come from readers' comments as well as from the site."""
    head = tree.find("head")
    links = [] if head is None else head.iter("link")
    named = {
        str(address)
        for link in links
        if "canonical" in _words(link) and (address := _joined(base, link.get("href") or "")) is not None
    }
    return named.pop() if len(named) == 1 else None


def _robots(tree: HtmlElement, agent: str) -> RobotsTag:
    found = RobotsTag()
    for meta in tree.iter("meta"):
        if (meta.get("name") or "").strip().lower() in ("robots", agent.lower()):
            found |= parse_directives(meta.get("content") or "")
    return found


def _refresh(tree: HtmlElement, base: WebAddress) -> str | None:
    """None for a page that only loads itself again."""
    for meta in tree.iter("meta"):
        if (meta.get("http-equiv") or "").strip().lower() == "refresh":
            match = _REFRESH.match((meta.get("content") or "")[:10_000])
            address = _joined(base, match[1]) if match is not None and match[1].strip() else None
            return None if address is None else str(address)
    return None


def _language(tree: HtmlElement) -> str | None:
    written = tree.get("lang") or tree.get("xml:lang") or ""
    for meta in [] if written else tree.iter("meta"):
        if (meta.get("http-equiv") or "").strip().lower() == "content-language":
            written = meta.get("content") or ""
    return written.strip() if _LANGUAGE.match(written.strip()) else None


def _words(element: HtmlElement) -> set[str]:
    return set((element.get("rel") or "").lower().split())


def _joined(base: WebAddress, written: str) -> WebAddress | None:
    if not written or _OTHER_SCHEME.match(written):
        return None
    try:
        # Browsers drop line ends and tabs within links, which templates leave there.
        return base.join(re.sub(r"[\t\r\n]", "", written))
    except (BadUrl, ValueError):
        return None
