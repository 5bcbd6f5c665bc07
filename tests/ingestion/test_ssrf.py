"""Whatever an address or a page says, nothing inside is ever dialled: judged by who is dialled, not by what is said."""

import pytest

from sitechat.ingestion.fetch_errors import FetchFailed
from sitechat.ingestion.urls import BadUrl
from tests.fixtures.ssrf import METADATA, PUBLIC, REFERENCES, observed, read_through, referring
from tests.fixtures.web import response

REFUSED = [
    # The machine itself and the metadata service, in the spellings that resolvers, browsers and libraries understand.
    *("http://127.0.0.1/", "http://127.0.0.1./", "http://127.1/", "http://127.0.1/", "http://2130706433/"),
    *("http://0x7f000001/", "http://017700000001/", "http://0177.0.0.1/", "http://0x7f.0.0.1/", "http://0x7f.0.1/"),
    *("http://127.000.000.001/", "http://127.0.0.0x1/", "http://%31%32%37.0.0.1/", "http://１２７.０.０.１/"),
    *("http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://127．0．0．1/", "http://0/", "http://0.0.0.0/"),
    *("http://2852039166/", "http://0xa9fea9fe/", "http://169.254.43518/", "http://0251.0376.0251.0376/"),
    *("http://[::]/", "http://[::1]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::ffff:127.0.0.1]/"),
    *("http://[::ffff:a9fe:a9fe]/", "http://[0:0:0:0:0:ffff:a9fe:a9fe]/", "http://[::ffff:0:a9fe:a9fe]/"),
    *(
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[64:ff9b:1::7f00:1]/",
        "http://[2002:7f00:1::]/",
    ),
    *("http://[fe80::1]/", "http://[fe80::1%25eth0]/", "http://[fd00:ec2::254]/", "http://[fec0::1]/"),
    # Names that lead inside.
    *(
        "http://localhost/",
        "http://LOCALHOST./",
        "http://a.localhost/",
        "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/",
        "http://metadata.internal/",
    ),
    *("http://127.0.0.1.dns.example/", "http://inside/", "http://xn--bcher-kva.inside/"),
    # Two programs would see two hosts.
    *("http://site.example@127.0.0.1/", "http://127.0.0.1#@site.example/", "http://127.0.0.1?@site.example/"),
    *("http://127.0.0.1\\@site.example/", "http://site.example\\@127.0.0.1/", "http:127.0.0.1/", "http:///127.0.0.1/"),
    *("http:\\\\127.0.0.1\\", "http://127.0.0.1%23.site.example/", "http://127.0.0.1\t.site.example/"),
    *("http://site.example＃@127.0.0.1/", "http://127.0.0.1／.site.example/", "http://a@site.example:80@127.0.0.1/"),
    # Other services, other protocols.
    *(
        "http://site.example:22/",
        "http://site.example:6379/",
        "http://site.example:5432/",
        "https://site.example:9200/",
    ),
    *(
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "gopher://127.0.0.1:6379/_x",
        "ftp://127.0.0.1/",
        "dict://127.0.0.1/",
    ),
    *(
        "http+unix://%2Frun%2Fdocker.sock/",
        "jar:http://127.0.0.1!/",
        "view-source:http://127.0.0.1/",
        "ws://127.0.0.1/",
    ),
    *("data:text/html,x", "javascript:alert(1)", "//127.0.0.1/", "\\\\127.0.0.1\\share", ""),
]

LOCATIONS = [
    *("http://127.0.0.1/", "//127.0.0.1/", "/\\127.0.0.1/", "\\\\127.0.0.1/", "http:127.0.0.1", "///127.0.0.1/"),
    *("http://[::ffff:a9fe:a9fe]/", "http://2130706433/", "http://localhost/", "http://site.example:6379/"),
    *("file:///etc/passwd", "gopher://127.0.0.1/", "http://site.example@127.0.0.1/", "http://x:y@site.example/"),
]


@pytest.mark.parametrize("url", REFUSED)
async def test_what_leads_inside_is_refused_before_any_connection(url: str) -> None:
    async with observed({}, "site.example") as (fetcher, seen):
        error = await read_through(fetcher, url)
    assert error is not None
    assert seen.dialled == []
    assert seen.nothing_around()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", LOCATIONS)
async def test_a_redirect_leads_no_further_than_an_address_of_its_own_would(status: int, location: str) -> None:
    answers = {"/": response(status=f"{status} Moved", location=location)}
    async with observed(answers, "site.example") as (fetcher, seen):
        await read_through(fetcher, "http://site.example/")
    assert set(seen.dialled) == {(PUBLIC, 80)}
    assert seen.nothing_around()


@pytest.mark.parametrize("how", REFERENCES)
@pytest.mark.parametrize("target", [f"http://{METADATA}/x", "http://127.0.0.1/x", "file:///etc/hostname"])
async def test_what_a_page_refers_to_is_not_fetched_by_reading_it(how: str, target: str) -> None:
    """A document is data: reading it dials nobody, opens nothing and follows nothing."""
    async with observed({"/": referring(how, target)}, "site.example") as (fetcher, seen):
        await read_through(fetcher, "http://site.example/")
    assert seen.dialled == [(PUBLIC, 80)]
    assert seen.nothing_around()


async def test_a_name_that_changes_its_mind_is_refused_once_it_leads_inside() -> None:
    """Each new connection asks once, and goes to what was checked."""
    answers = {"/": response(b"<p>A page.</p>", connection="close")}
    async with observed(answers) as (fetcher, seen):
        assert await read_through(fetcher, "http://rebind.example/") is None
        assert await read_through(fetcher, "http://rebind.example/") is not None
    assert seen.dialled == [(PUBLIC, 80)]
    assert seen.resolver.asked == ["rebind.example", "rebind.example"]


@pytest.mark.parametrize("url", ["http://1.1.1.1/", "http://172.32.0.1/", "http://100.128.0.1/", "http://11.0.0.1/"])
async def test_public_addresses_are_dialled_as_they_stand(url: str) -> None:
    async with observed({"/": response(b"<p>A page.</p>")}) as (fetcher, seen):
        assert await read_through(fetcher, url) is None
    assert seen.dialled == [(url.removeprefix("http://").rstrip("/"), 80)]
    assert seen.resolver.asked == []


async def test_what_looks_like_an_inner_address_elsewhere_in_the_url_does_no_harm() -> None:
    answers = {"/a?u=http://127.0.0.1/": response(b"<p>A page.</p>")}
    async with observed(answers, "site.example") as (fetcher, seen):
        assert await read_through(fetcher, "http://localhost.site.example/a?u=http://127.0.0.1/") is None
    assert seen.dialled == [(PUBLIC, 80)]


async def test_refusals_say_why() -> None:
    async with observed({"/": response(status="302 Found", location="file:///etc/passwd")}, "site.example") as (f, _):
        assert isinstance(await read_through(f, "http://127.1/"), BadUrl)
        redirect = await read_through(f, "http://site.example/")
    assert isinstance(redirect, FetchFailed)
    assert "redirects to somewhere that is not read" in redirect.message
