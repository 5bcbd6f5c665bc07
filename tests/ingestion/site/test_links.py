"""What a page says about itself: links, its address, whether it wants to be read, and whether it is there at all."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitechat.ingestion.formats.base import Unreadable
from sitechat.ingestion.site.facts import PageFacts
from sitechat.ingestion.site.links import MOST_LINKS, read_page
from sitechat.ingestion.site.robots_tags import RobotsTag, parse_robots_tag

URL = "https://example.org/docs/page.html?x=1"
WORDS = "A sentence with quite a few words in it, so that the page is not empty at all. " * 10


def page(body: str, head: str = "", html: str = "") -> PageFacts:
    return read_page(f"<!doctype html><html {html}><head>{head}</head><body>{body}</body></html>".encode(), URL)


def test_links_are_absolute_in_order_and_each_once() -> None:
    facts = page(
        """<a href="b.html">b</a> <a href="/a#part">a</a> <a href="/a">again</a> <a href="?y=2">y</a>
        <map><area href="//other.example.org/ü"></map> <a href=" ../c\n/d ">c</a> <a>none</a> <a href="">empty</a>"""
    )
    assert facts.links == (
        *("https://example.org/docs/b.html", "https://example.org/a", "https://example.org/docs/page.html?y=2"),
        *("https://other.example.org/%C3%BC", "https://example.org/c/d"),
    )


@pytest.mark.parametrize(
    "href",
    [
        *("#top", "mailto:a@example.org", "javascript:void(0)", " JavaScript:x", "data:text/html,x", "ftp://e.org/"),
        *("tel:1", "http://", "https://user:pass@example.org/", "http://[bad", "https://example.org:99999/"),
    ],
)
def test_what_is_no_page_is_no_link(href: str) -> None:
    assert page(f'<a href="{href}">x</a>').links == ()


def test_links_that_are_not_to_be_followed_are_left_out() -> None:
    facts = page('<a rel="external NoFollow" href="/a">a</a> <a rel="noopener" href="/b">b</a>')
    assert facts.links == ("https://example.org/b",)


def test_frames_lead_to_pages_too() -> None:
    facts = read_page(b'<html><frameset><frame src="/menu"><frame src="/main"></frameset></html>', URL)
    assert facts.links == ("https://example.org/menu", "https://example.org/main")


def test_base_moves_the_links_unless_it_is_no_web_address() -> None:
    moved = page('<a href="a">a</a>', '<base target="_top"><base href="/other/"><base href="/third/">')
    assert (moved.base, moved.links) == ("https://example.org/other/", ("https://example.org/other/a",))
    kept = page('<a href="a">a</a>', '<base href="file:///etc/">')
    assert (kept.base, kept.links) == (URL, ("https://example.org/docs/a",))


def test_the_canonical_address_is_the_heads_if_there_is_one() -> None:
    assert page("", '<link rel="Canonical" href="/docs/page">').canonical == "https://example.org/docs/page"
    two = '<link rel="canonical" href="/a"><link rel="canonical" href="/b">'
    assert page("", two).canonical is None
    assert page('<p>x<link rel="canonical" href="/evil">').canonical is None


@pytest.mark.parametrize(
    ("head", "noindex", "nofollow"),
    [
        ('<meta name="robots" content="noindex, follow">', True, False),
        ('<META NAME="ROBOTS" CONTENT="NOFOLLOW">', False, True),
        ('<meta name="robots" content="none">', True, True),
        ('<meta name="sitechat" content="noindex">', True, False),
        ('<meta name="googlebot" content="noindex">', False, False),
        ('<meta name="robots" content="max-snippet:-1, index">', False, False),
        ('<meta name="robots" content="nofollow"><meta name="SiteChat" content="noindex">', True, True),
    ],
)
def test_a_page_may_ask_not_to_be_read(head: str, noindex: bool, nofollow: bool) -> None:
    facts = page('<a href="/a">a</a>', head)
    assert (facts.noindex, facts.nofollow) == (noindex, nofollow)
    assert facts.links == ("https://example.org/a",)


@pytest.mark.parametrize(
    ("values", "noindex", "nofollow"),
    [
        ([], False, False),
        (["noindex"], True, False),
        (["NOINDEX, nofollow"], True, True),
        (["none"], True, True),
        (["noarchive", "nofollow"], False, True),
        (["googlebot: noindex, nofollow"], False, False),
        (["googlebot: noindex, SiteChat: nofollow"], False, True),
        (["sitechat: noindex"], True, False),
        (["googlebot: nofollow", "noindex"], True, False),
        (["unavailable_after: 25 Jun 2030 15:00:00 PST, noindex"], True, False),
        (["max-snippet: 10, nofollow"], False, True),
    ],
)
def test_a_header_may_ask_so_too(values: list[str], noindex: bool, nofollow: bool) -> None:
    assert parse_robots_tag(values) == RobotsTag(noindex, nofollow)


@pytest.mark.parametrize(
    ("content", "target"),
    [
        ("0; url=/new", "https://example.org/new"),
        ("5;URL='/new'", "https://example.org/new"),
        ("0.5, /new", "https://example.org/new"),
        ("30", None),
        ("30; url=", None),
        ("0; url=javascript:x", None),
    ],
)
def test_a_page_may_send_its_readers_elsewhere(content: str, target: str | None) -> None:
    assert page("", f'<meta http-equiv="Refresh" content="{content}">').refresh == target


@pytest.mark.parametrize(
    ("html", "head", "language"),
    [
        ('lang="de-CH"', "", "de-CH"),
        ('xml:lang="fr"', "", "fr"),
        ("", '<meta http-equiv="content-language" content=" it ">', "it"),
        ('lang="<%= lang %>"', "", None),
        ("", "", None),
    ],
)
def test_the_language_is_what_the_page_says(html: str, head: str, language: str | None) -> None:
    assert page("x", head, html).language == language


@pytest.mark.parametrize(
    ("body", "empty"),
    [
        ('<div id="root"></div><script src="/app.js"></script>', True),
        ('<div id="__next"><p>Loading…</p></div><script>x</script>', True),
        ("<app-root></app-root><script src=/main.js></script>", True),
        ("<noscript>Please enable JavaScript.</noscript><script src=/a.js></script>", True),
        (f'<div id="root">{WORDS}</div><script src="/app.js"></script>', False),
        ('<div id="root"></div>', False),
        ("<p>Closed on Mondays.</p><script src=/count.js></script>", False),
        (f"<div id=app></div><script>{WORDS}</script>", True),
    ],
)
def test_a_page_that_scripts_would_fill_is_told_from_one_that_is_short(body: str, empty: bool) -> None:
    assert page(body).looks_empty_without_javascript is empty


def test_the_charset_is_the_headers_or_the_pages() -> None:
    html = '<meta charset="windows-1251"><p>Это обычная страница на русском языке.</p><a href="/ключ">x</a>'
    expected = ("https://example.org/%D0%BA%D0%BB%D1%8E%D1%87",)
    assert read_page(html.encode("cp1251"), URL).links == expected
    assert read_page(html[30:].encode("cp1251"), URL, "windows-1251").links == expected


def test_nothing_is_a_page_without_facts_and_pictures_are_none() -> None:
    assert read_page(b"<!-- -->", URL) == PageFacts(URL)
    with pytest.raises(Unreadable):
        read_page(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10, URL)


@pytest.mark.parametrize(
    "data",
    [
        b"".join(b'<a href="/%d">x</a>' % number for number in range(300_000)),
        b"".join(b'<a href="http://%d@x/">x</a>' % number for number in range(300_000)),
        b"<script></script>" + b"<noscript><p>x</noscript>" * 200_000,
        b'<a href="' + b"../" * 3_000_000 + b'">',
    ],
    ids=["links", "no links", "noscript", "long"],
)
def test_huge_pages_are_read_in_part_and_in_time(data: bytes) -> None:
    started = time.process_time()
    assert len(read_page(data, URL).links) in (0, MOST_LINKS)
    assert time.process_time() - started < 20


def test_a_page_nested_without_end_is_refused_in_time() -> None:
    started = time.process_time()
    with pytest.raises(Unreadable, match="nested too deeply"):
        read_page(b"<div>" * 1_000_000, URL)
    assert time.process_time() - started < 20


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=100))
def test_no_markup_breaks_it(text: str) -> None:
    facts = page(f'<a href="{text}">{text}</a>', f'<meta http-equiv=refresh content="0;url={text}">{text}')
    assert all(link.startswith(("http://", "https://")) for link in facts.links)
