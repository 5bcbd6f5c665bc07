"""Sitemaps, their indexes, lists and feeds, as sites really write them, and what hostile ones cost."""

import contextlib
import gzip
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitechat.errors import InvalidInput
from sitechat.ingestion.site.dates import parse_date
from sitechat.ingestion.site.sitemaps import MOST_ENTRIES, BadSitemap, parse_sitemap

URL = "https://example.org/maps/sitemap.xml"
NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
URLSET = f"""<?xml version="1.0" encoding="UTF-8"?>
<urlset {NAMESPACE} xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
  <url>
    <image:image><image:loc>https://example.org/a.png</image:loc></image:image><image:loc>https://example.org/b.png</image:loc>
    <loc> https://EXAMPLE.org/a?x=1&amp;y=2#part </loc><lastmod>2024-05-06T07:08:09+02:00</lastmod>
  </url>
  <url><loc>/relative</loc><lastmod>yesterday</lastmod></url>
  <url><loc>https://example.org/relative</loc></url>
  <url><loc>mailto:someone@example.org</loc></url>
  <url><loc></loc></url>
</urlset>"""
EXPECTED = ["https://example.org/a?x=1&y=2", "https://example.org/relative"]


def urls(data: bytes) -> list[str]:
    return [entry.url for entry in parse_sitemap(data, URL).entries]


def test_a_sitemap_gives_its_pages_once_with_their_times_and_no_pictures() -> None:
    sitemap = parse_sitemap(URLSET.encode(), URL)
    assert (sitemap.kind, sitemap.complete, sitemap.url) == ("pages", True, URL)
    assert [entry.url for entry in sitemap.entries] == EXPECTED
    first, second = sitemap.entries
    assert first.lastmod == datetime(2024, 5, 6, 5, 8, 9, tzinfo=UTC)
    assert second.lastmod is None


@pytest.mark.parametrize(
    "data",
    [
        gzip.compress(URLSET.encode(), mtime=0),
        URLSET.replace(NAMESPACE, "").encode(),
        URLSET.replace(NAMESPACE, 'xmlns="http://example.com/other"').encode(),
        URLSET.replace(f"urlset {NAMESPACE}", f"s:urlset {NAMESPACE.replace('xmlns', 'xmlns:s')}")
        .replace("</urlset", "</s:urlset")
        .encode(),
        ("\n\n<br />Warning: something in /srv/x.php\n" + URLSET).encode(),
        URLSET.replace("&amp;", "&").encode(),
        URLSET.encode("utf-16"),
        URLSET.replace("</urlset>", "<!-- \xe4\xf6\xfc --></urlset>").encode("latin-1"),
        b"\xef\xbb\xbf" + URLSET.encode(),
    ],
    ids=["gzip", "no namespace", "odd namespace", "prefix", "warning", "ampersand", "utf-16", "latin-1", "bom"],
)
def test_it_is_read_in_every_way_in_which_it_is_written_wrongly(data: bytes) -> None:
    assert urls(data) == EXPECTED


def test_an_index_gives_sitemaps_even_without_loc() -> None:
    index = parse_sitemap(
        b"<sitemapindex><sitemap><loc>/a.xml</loc><lastmod>2024</lastmod></sitemap>"
        b"<sitemap>\nhttps://example.org/b.xml?x=1&amp;y=2\n</sitemap></sitemapindex>",
        URL,
    )
    assert index.kind == "sitemaps"
    assert [entry.url for entry in index.entries] == ["https://example.org/a.xml", "https://example.org/b.xml?x=1&y=2"]
    assert index.entries[0].lastmod == datetime(2024, 1, 1, tzinfo=UTC)


def test_a_list_of_addresses_is_a_sitemap_too() -> None:
    assert urls(b"\xef\xbb\xbfhttps://example.org/a\r\n# not one\n  HTTP://example.org/b  \n\nhttp://\n") == [
        "https://example.org/a",
        "http://example.org/b",
    ]


def test_feeds_give_their_entries_and_not_the_site_itself() -> None:
    rss = b"""<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><link>https://example.org/</link>
        <item><title>A</title><atom:link href="https://example.org/self"/><link><![CDATA[https://example.org/a?x=1&y=2]]></link>
        <pubDate>Wed, 02 Oct 2002 13:00:00 GMT</pubDate></item></channel></rss>"""
    atom = b"""<feed xmlns="http://www.w3.org/2005/Atom"><link href="/"/><entry><link rel="edit" href="/edit"/>
        <link rel="alternate" href="/a"/><link href="/b"/><updated>2003-12-13T18:30:02Z</updated></entry></feed>"""
    (entry,) = parse_sitemap(rss, URL).entries
    assert (entry.url, entry.lastmod) == ("https://example.org/a?x=1&y=2", datetime(2002, 10, 2, 13, tzinfo=UTC))
    assert urls(atom) == ["https://example.org/a", "https://example.org/b"]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"<html><body>Not found</body></html>", "neither a list of pages nor a feed"),
        (b"Not found", "no line of it"),
        (b"\x1f\x8b\x08nonsense", "unpacked"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\0\0\0\0\0", "not text"),
    ],
)
def test_what_is_no_sitemap_is_refused_with_a_sentence(data: bytes, why: str) -> None:
    with pytest.raises(BadSitemap, match=why) as caught:
        parse_sitemap(data, URL)
    assert isinstance(caught.value, InvalidInput)
    assert caught.value.message.endswith(".")


def test_a_sitemap_that_breaks_off_says_so_and_gives_no_address_that_was_cut() -> None:
    cut = parse_sitemap(b"<urlset><url><loc>https://example.org/1</loc></url><url><loc>https://example.org/2", URL)
    assert ([entry.url for entry in cut.entries], cut.complete) == (["https://example.org/1"], False)
    packed = gzip.compress(URLSET.encode(), mtime=0)
    assert not parse_sitemap(packed[: len(packed) // 2], URL).complete


def test_entities_neither_grow_nor_read_files() -> None:
    bomb = b'<!DOCTYPE urlset [<!ENTITY a "aaaa"><!ENTITY b SYSTEM "file:///etc/passwd">]>'
    listed = urls(bomb + b"<urlset><url><loc>https://example.org/&a;</loc></url><url><loc>/&b;c</loc></url></urlset>")
    assert listed == ["https://example.org/&a;", "https://example.org/&b;c"]


@pytest.mark.parametrize(
    "data",
    [
        b"<urlset>" + b"".join(b"<url><loc>/%d</loc></url>" % number for number in range(60_000)) + b"</urlset>",
        b"https://example.org/a\n" * 1_000_000,
        gzip.compress(b"https://example.org/a\n" + b"\n" * 200_000_000, 1, mtime=0),
        b"<urlset><url>" + b"<a/>" * 3_000_000,
        b"<urlset>" + b"<url>" * 1_000_000,
        b"<urlset>" + b"<![CDATA[" * 1_000_000,
        b"<urlset><url><loc>/" + b"a" * 20_000_000,
    ],
    ids=["entries", "lines", "packed", "wide", "deep", "sections", "long"],
)
def test_a_huge_sitemap_is_read_in_part_and_in_time(data: bytes) -> None:
    started = time.process_time()
    sitemap = parse_sitemap(data, URL)
    assert not sitemap.complete
    assert len(sitemap.entries) <= MOST_ENTRIES
    assert time.process_time() - started < 20


@given(st.binary(max_size=200))
def test_no_bytes_break_it_otherwise(data: bytes) -> None:
    for body in (data, b"<urlset><url><loc>" + data + b"</loc></url></urlset>", b"https://e.org/a\n" + data):
        with contextlib.suppress(BadSitemap):
            parse_sitemap(body, URL)


@given(st.text(max_size=40))
def test_no_date_breaks_it(text: str) -> None:
    date = parse_date(text)
    assert date is None or date.tzinfo is not None
