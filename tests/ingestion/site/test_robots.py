"""What robots.txt allows, by RFC 9309, and that no file can keep us busy."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitechat.ingestion.site.robots import ALLOWS_ALL, ALLOWS_NOTHING, parse_robots, robots_for_status

SIMPLE = """
User-Agent: *
Disallow: *.gif$
Disallow: /example/
Allow: /publications/

User-Agent: foobot
Disallow:/
Allow:/example/page.html
Allow:/example/allowed.gif

User-Agent: barbot
User-Agent: bazbot
Disallow: /example/page.html

User-Agent: quxbot
"""
MERGED = """
user-agent: ExampleBot
disallow: /foo
disallow: /bar
user-agent: otherbot
disallow: /other
user-agent: ExampleBot
disallow: /baz
"""
DECISIONS = [
    # the file, who asks, for what, the answer
    (SIMPLE, "anybot", "/publications/a", True),
    (SIMPLE, "anybot", "/example/", False),
    (SIMPLE, "anybot", "/a/b.gif", False),
    (SIMPLE, "anybot", "/a/b.gif?big", True),
    (SIMPLE, "foobot", "/", False),
    (SIMPLE, "FooBot/2.1", "/example/page.html", True),
    (SIMPLE, "barbot", "/example/page.html", False),
    (SIMPLE, "BAZBOT", "/example/page.html", False),
    (SIMPLE, "bazbot", "/example/", True),
    (SIMPLE, "quxbot", "/example/", True),
    (SIMPLE, "foobotnews", "/publications/", True),
    (MERGED, "examplebot", "/foo", False),
    (MERGED, "examplebot", "/baz", False),
    (MERGED, "examplebot", "/other", True),
    (MERGED, "anybot", "/foo", True),
    ("", "a", "/", True),
    ("disallow: /\n", "a", "/", True),
    ("user-agent: *\ndisallow:\n", "a", "/x", True),
    ("user-agent: *\ndisallow: /\n", "a", "/robots.txt", True),
    ("user-agent: *\ndisallow /\n", "a", "/x", True),
    ("User-agent: *\r\nDISALLOW : /x # why\r\n", "a", "/x", False),
    ("user-agent: *\rdisallow: /x\r", "a", "/x", False),
    ("\ufeffuser-agent: *\ndisallow: /x\n", "a", "/x", False),
    ("user-agent: *\ndissallow: /x\n", "a", "/x", False),
    # the longest match wins, and Allow of two that are as long
    ("user-agent: *\ndisallow: /a\nallow: /a\n", "a", "/a", True),
    ("user-agent: *\nallow: /a\ndisallow: /a/b\n", "a", "/a/b", False),
    ("user-agent: *\nallow: /$\ndisallow: /\n", "a", "/", True),
    ("user-agent: *\nallow: /$\ndisallow: /\n", "a", "/page.htm", False),
    ("user-agent: *\nallow: /page\ndisallow: /*.htm\n", "a", "/page.htm", False),
    # stars and ends
    ("user-agent: *\ndisallow: /*.php$\n", "a", "/x/y.php", False),
    ("user-agent: *\ndisallow: /*.php$\n", "a", "/x/y.php5", True),
    ("user-agent: *\ndisallow: /fish*\n", "a", "/fishheads", False),
    ("user-agent: *\ndisallow: /a*b*c$\n", "a", "/a-b-c-b-c", False),
    ("user-agent: *\ndisallow: /ab*b$\n", "a", "/ab", True),
    ("user-agent: *\ndisallow: /a$b\n", "a", "/a$b/c", False),
    ("user-agent: *\ndisallow: /fish\n", "a", "/Fish", True),
    # escapes
    ("user-agent: *\ndisallow: /foo/bar/ツ\n", "a", "/foo/bar/%E3%83%84", False),
    ("user-agent: *\ndisallow: /foo/bar/%e3%83%84\n", "a", "/foo/bar/ツ", False),
    ("user-agent: *\ndisallow: /foo/%62%61%7A\n", "a", "/foo/baz", False),
    ("user-agent: *\ndisallow: /a%2Fb\n", "a", "/a/b", True),
    ("user-agent: *\ndisallow: /file-%2A.html\n", "a", "/file-*.html", False),
    ("user-agent: *\ndisallow: /file-%2A.html\n", "a", "/file-x.html", True),
    ("user-agent: *\ndisallow: /price%24$\n", "a", "/price$", False),
    ("user-agent: *\ndisallow: /two words\n", "a", "/two%20words", False),
    # what is no rule ends no group
    ("user-agent: a\ncrawl-delay: 5\nuser-agent: b\ndisallow: /x\n", "a", "/x", False),
    ("user-agent: a\nsitemap: /s\nfoo: bar\n\nuser-agent: b\ndisallow: /x\n", "a", "/x", False),
    ("user-agent: a\ndisallow: /x\nuser-agent: b\ndisallow: /y\n", "a", "/y", True),
]


@pytest.mark.parametrize(("text", "agent", "target", "allowed"), DECISIONS)
def test_the_answer_is_that_of_the_rfc(text: str, agent: str, target: str, allowed: bool) -> None:
    assert parse_robots(text.encode()).allows(target, agent) is allowed


def test_a_delay_is_for_the_agents_named_before_it() -> None:
    robots = parse_robots(
        b"user-agent: a\ncrawl-delay: 1\nuser-agent: b\ncrawl-delay: 2.5\nuser-agent: c\ndisallow: /\n"
        b"user-agent: *\ncrawl-delay: 9\n"
    )
    assert [robots.crawl_delay(agent) for agent in ("A/1", "b", "c", "d")] == [1, 2.5, None, 9]


@pytest.mark.parametrize("value", [b"soon", b"-1", b"nan", b"inf", b""])
def test_a_delay_that_is_no_time_is_none(value: bytes) -> None:
    assert parse_robots(b"user-agent: *\ncrawl-delay: " + value).crawl_delay("a") is None


def test_sitemaps_are_kept_as_written_wherever_they_stand_and_each_once() -> None:
    robots = parse_robots(b"Sitemap: /a.xml\nuser-agent: *\nSITEMAP: http://e.org/B.xml\nsitemap:/a.xml\nsitemap:\n")
    assert robots.sitemaps == ("/a.xml", "http://e.org/B.xml")


def test_beyond_500_kib_nothing_counts_and_the_line_cut_there_does_not_either() -> None:
    head = b"user-agent: *\n"
    filler = b"#" * (500 * 1024 - len(head) - len(b"\ndisallow: /ab")) + b"\n"
    robots = parse_robots(head + filler + b"disallow: /abc\ndisallow: /x\n")
    assert robots.allows("/ab")
    assert robots.allows("/x")


def test_a_file_in_utf_16_and_one_in_no_encoding_are_read_too() -> None:
    assert not parse_robots("user-agent: *\ndisallow: /ä".encode("utf-16")).allows("/%C3%A4")
    assert not parse_robots("user-agent: *\ndisallow: /ä".encode("latin-1")).allows("/%E4")


@pytest.mark.parametrize(
    ("status", "robots"),
    [
        *((404, ALLOWS_ALL), (403, ALLOWS_ALL), (302, ALLOWS_ALL), (500, ALLOWS_NOTHING), (503, ALLOWS_NOTHING)),
        *((429, ALLOWS_NOTHING), (None, ALLOWS_NOTHING), (200, None)),
    ],
)
def test_without_the_file_its_status_decides(status: int | None, robots: object) -> None:
    assert robots_for_status(status) is robots
    assert ALLOWS_ALL.allows("/x")
    assert not ALLOWS_NOTHING.allows("/x")


@pytest.mark.parametrize(
    "rules",
    [
        b"disallow: /" + b"*a" * 200_000 + b"*b",
        b"".join(b"disallow: /*a*a*a%d\n" % number for number in range(20_000)),
        b"".join(b"user-agent: a%d\n" % number for number in range(15_000)) + b"disallow: /x\n" * 20_000,
        b"disallow" + b" " * 400_000 + b"x",
    ],
    ids=["stars", "many rules", "many agents", "spaces"],
)
def test_hostile_files_take_a_moment_and_no_more(rules: bytes) -> None:
    started = time.process_time()
    parse_robots(b"user-agent: *\n" + rules).allows("/" + "a" * 2000)
    assert time.process_time() - started < 5


@given(st.binary(max_size=300), st.text(max_size=50))
def test_no_bytes_break_it(data: bytes, target: str) -> None:
    robots = parse_robots(b"user-agent: *\ndisallow: " + data)
    assert robots.allows(target) in (True, False)


@given(st.text(alphabet="ab*", max_size=12), st.text(alphabet="ab", max_size=12))
def test_patterns_match_what_the_regular_expression_would(pattern: str, target: str) -> None:
    for end in ("", "$"):
        expression = "/" + re.escape(pattern).replace(r"\*", ".*") + end
        robots = parse_robots(f"user-agent: *\ndisallow: /{pattern}{end}\n".encode())
        assert robots.allows(f"/{target}") is (re.match(expression, f"/{target}") is None)
