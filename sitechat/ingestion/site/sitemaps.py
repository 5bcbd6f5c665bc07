"""The lists of pages that sites offer: sitemaps and their indexes, lists of addresses, RSS and Atom feeds."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Literal

from sitechat.errors import InvalidInput
from sitechat.ingestion.fetch_body import Decoder
from sitechat.ingestion.fetch_errors import FetchFailed
from sitechat.ingestion.formats.base import Unreadable
from sitechat.ingestion.formats.charset import decode
from sitechat.ingestion.site.dates import parse_date
from sitechat.ingestion.site.sitemap_xml import read_places
from sitechat.ingestion.urls import BadUrl, parse_url

SitemapKind = Literal["pages", "sitemaps"]

MOST_ENTRIES = 50_000
_MOST_BYTES = 50 << 20  # both limits are the sitemap protocol's
_GZIP = b"\x1f\x8b"
_ENCODING = re.compile(rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w:.-]{1,40})", re.IGNORECASE)
# Whatever stands before the root is left out: white space and warnings, which XML forbids, and the document type, so
# that no entity is ever declared.
_ROOT = re.compile(r"<(?:[\w.-]{1,50}:)?(urlset|sitemapindex|rss|rdf|feed)[\s>/]", re.IGNORECASE)
_PROLOGUE = 64 << 10
_LINE = re.compile(r"(?:^|\r)[ \t]*(https?://\S+)", re.IGNORECASE | re.MULTILINE)


class BadSitemap(InvalidInput):
    """Not a list of pages, or one that cannot be read."""


@dataclass(frozen=True, slots=True)
class Entry:
    """``url`` is absolute, without its fragment; ``lastmod`` has a time zone (UTC where none is given)."""

    url: str
    lastmod: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sitemap:
    """``kind`` says what the entries lead to. Not ``complete`` if it is damaged, or larger than is read."""

    url: str
    kind: SitemapKind
    entries: tuple[Entry, ...]
    complete: bool = True


def parse_sitemap(data: bytes, url: str) -> Sitemap:
    """Read the sitemap found at ``url``, packed with gzip or not; its first 50 MiB and 50,000 entries.

    Entries are in order, each once; what is no web address is left out. Raises :class:`BadSitemap`.
    """
    data, complete = _unpacked(data)
    text = _text(data)
    root = _ROOT.search(text, 0, _PROLOGUE)
    kind: SitemapKind = "pages"
    if root is not None:
        places, whole = read_places(text[root.start() :], MOST_ENTRIES)
        complete = complete and whole
        kind = "sitemaps" if root[1].lower() == "sitemapindex" else "pages"
    elif text.lstrip().startswith("<"):
        raise BadSitemap("That is no sitemap: it holds neither a list of pages nor a feed.")
    else:
        places = [(line[1], "") for line in islice(_LINE.finditer(text), MOST_ENTRIES + 1)]
        complete = complete and len(places) <= MOST_ENTRIES
        if not places:
            raise BadSitemap("That is no sitemap: no line of it is the address of a page.")
    return Sitemap(url, kind, _entries(places[:MOST_ENTRIES], url), complete)


def _entries(places: Iterable[tuple[str, str]], url: str) -> tuple[Entry, ...]:
    base = parse_url(url)
    found: dict[str, Entry] = {}
    for place, time in places:
        try:
            address = str(parse_url(place) if "://" in place else base.join(place))
        except (BadUrl, ValueError):
            continue
        found.setdefault(address, Entry(address, parse_date(time)))
    return tuple(found.values())


def _unpacked(data: bytes) -> tuple[bytes, bool]:
    if not data.startswith(_GZIP):
        return data[:_MOST_BYTES], len(data) <= _MOST_BYTES
    decoder = Decoder("gzip")
    body = bytearray()
    try:
        for piece in decoder.decode(data):
            body += piece
            if len(body) > _MOST_BYTES:
                return bytes(body[:_MOST_BYTES]), False
    except FetchFailed:
        if not body:
            raise BadSitemap("The sitemap is packed in a way that cannot be unpacked.") from None
        return bytes(body), False
    return bytes(body), decoder.complete


def _text(data: bytes) -> str:
    if not data.strip():
        raise BadSitemap("The sitemap is empty.")
    declared = _ENCODING.search(data[:1024])
    try:
        return decode(data, declared[1].decode("ascii") if declared else None)
    except Unreadable:
        # Addresses are ASCII; what else stands in the file, or was cut in mid-character, may be lost.
        if b"\0" in data:
            raise BadSitemap("That is no sitemap: it is not text.") from None
        return data.decode("utf-8", "replace")
