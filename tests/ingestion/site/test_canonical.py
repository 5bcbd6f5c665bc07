"""Two ways to write one page become one, and two pages stay two."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitechat.ingestion.site.canonical import canonical
from sitechat.ingestion.urls import WebAddress, parse_url

TOKEN = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
ADDRESSES = st.text(alphabet="ab.%/;?&=2Ee+~:@-_", max_size=40)


def written(url: str) -> str:
    return str(canonical(parse_url(url)))


@pytest.mark.parametrize(
    ("url", "form"),
    [
        ("HTTP://Example.ORG:80", "http://example.org/"),
        ("https://example.org:443/a#part", "https://example.org/a"),
        ("https://example.org:8443/a", "https://example.org:8443/a"),
        ("https://example.org/a/./b/../c", "https://example.org/a/c"),
        ("https://example.org/../../a/..", "https://example.org/"),
        ("https://example.org/a/%2e%2E/b", "https://example.org/b"),
        ("https://example.org/%7euser/%c3%a4?q=%61%2fb", "https://example.org/~user/%C3%A4?q=a%2Fb"),
        ("https://example.org/100%?x=%4%31", "https://example.org/100%25?x=%2541"),
        ("https://example.org/a?", "https://example.org/a"),
        ("https://example.org/a?utm_source=x&b=2&UTM_Medium=y&a=1&fbclid=z", "https://example.org/a?b=2&a=1"),
        ("https://example.org/a?gclid=x", "https://example.org/a"),
        ("https://example.org/a;jsessionid=1A2B.node1?x=1", "https://example.org/a?x=1"),
        ("https://example.org/a;JSESSIONID=1/b;v=1", "https://example.org/a/b;v=1"),
        (f"https://example.org/a?PHPSESSID={TOKEN}&sid={TOKEN}", "https://example.org/a"),
        ("https://example.org/a?sid=k3v8q0m1t5r7c2n4h6j9s8d0fg&x", "https://example.org/a?x"),
        ("https://example.org/a?%75tm_source=x", "https://example.org/a"),
    ],
)
def test_ways_to_write_a_page_meet(url: str, form: str) -> None:
    assert written(url) == form


@pytest.mark.parametrize(
    "url",
    [
        *(
            "https://example.org/a/",
            "https://example.org//a",
            "https://example.org/a?b=2&a=1",
            "https://example.org/a?x=",
        ),
        *(
            "https://example.org/a?sid=42",
            "https://example.org/?s=needle",
            "https://example.org/?s=covid-19-rules-of-2021",
            "https://example.org/a?utm=1",
        ),
        *(
            "https://example.org/a%2Fb",
            "https://www.example.org/A",
            "https://example.org/a?x=1&&y",
            "http://[::1]:8080/",
        ),
    ],
)
def test_what_may_be_another_page_is_left_alone(url: str) -> None:
    assert written(url) == url


@given(ADDRESSES)
def test_once_is_enough(target: str) -> None:
    once = canonical(parse_url(f"https://example.org/{target}"))
    assert canonical(once) == once
    assert parse_url(str(once)) == once


@given(st.text(max_size=30))
def test_whatever_a_target_holds_the_form_is_stable(target: str) -> None:
    once = canonical(WebAddress("https", "example.org", 443, f"/{target}"))
    assert canonical(once) == once
