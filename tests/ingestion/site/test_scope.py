"""What belongs to a website, and the sentences for what does not."""

from typing import Any

import pytest

from sitechat.errors import InvalidInput
from sitechat.ingestion.site.scope import Scope
from sitechat.ingestion.urls import parse_url

START = parse_url("https://www.example.org/docs/")


def bound(scope: Scope, url: str, depth: int = 1) -> str | None:
    found = scope.verdict(parse_url(url), depth)
    if found is not None:
        assert found.message[0].isupper()
        assert found.message.endswith(".")
    return found.bound if found is not None else None


@pytest.mark.parametrize(
    ("same_site", "url", "expected"),
    [
        ("host", "https://www.example.org/x", None),
        ("host", "http://example.org/x", None),
        ("host", "https://blog.example.org/x", "site"),
        ("host", "https://www.example.org:8443/x", "site"),
        ("host", "https://example.org.evil.test/", "site"),
        ("domain", "https://blog.example.org/x", None),
        ("domain", "https://a.b.example.org/x", None),
        ("domain", "https://notexample.org/", "site"),
        ("domain", "https://org/", "site"),
    ],
)
def test_the_site_is_a_host_or_a_domain(same_site: Any, url: str, expected: str | None) -> None:
    assert bound(Scope(START, same_site), url) == expected


def test_the_domain_of_a_short_or_numeric_host_is_the_host_alone() -> None:
    assert bound(Scope(parse_url("http://www.test/"), "domain"), "http://other.test/") == "site"
    assert bound(Scope(parse_url("http://127.0.0.1/"), "domain"), "http://127.0.0.2/") == "site"


@pytest.mark.parametrize(
    ("include", "exclude", "url", "expected"),
    [
        (("/docs/",), (), "https://www.example.org/docs/a/b?c", None),
        (("/docs/",), (), "https://www.example.org/blog/", "not included"),
        (("/docs",), (), "https://www.example.org/docs/a", "not included"),
        (("*.pdf", "*.html"), (), "https://www.example.org/a/b.html", None),
        ((), ("*/print/*",), "https://www.example.org/a/print/b", "excluded"),
        (("/docs/",), ("*?*",), "https://www.example.org/docs/?x=1", "excluded"),
        (("https://example.org/*",), (), "https://www.example.org/x", "not included"),
        (("https://example.org/*",), (), "https://example.org/x", None),
        (("/über%2f*$",), (), "https://www.example.org/%C3%BCber%2Fx$", None),
        (("/a*" * 50,), (), "https://www.example.org" + "/a" * 1000, None),
    ],
)
def test_patterns_say_what_is_read_and_what_is_left_out(
    include: tuple[str, ...], exclude: tuple[str, ...], url: str, expected: str | None
) -> None:
    assert bound(Scope(START, include=include, exclude=exclude), url) == expected


def test_the_start_is_read_whatever_the_patterns_say() -> None:
    assert bound(Scope(START, include=("/other/",), exclude=("*",)), "https://www.example.org/docs/#top") is None


def test_depth_pages_and_time_have_an_end() -> None:
    scope = Scope(START, max_depth=2, max_pages=1500, max_seconds=60)
    assert bound(scope, "https://www.example.org/x", 2) is None
    assert bound(scope, "https://www.example.org/x", 3) == "depth"
    assert scope.exhausted(1499, 59) is None
    assert scope.exhausted(1500, 0) == "The limit of 1,500 pages is reached."
    assert scope.exhausted(0, 60) == "The limit of 1 min is reached."


@pytest.mark.parametrize(
    "wrong",
    [
        {"same_site": "planet"},
        {"max_depth": -1},
        {"max_pages": 0},
        {"max_seconds": float("nan")},
        {"include": ("docs/*",)},
        {"exclude": ("",)},
        {"exclude": ("/a",) * 101},
        {"include": ("/" + "a" * 1001,)},
    ],
)
def test_bounds_that_make_no_sense_are_refused_with_a_sentence(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=r"\.$"):
        Scope(START, **wrong)
