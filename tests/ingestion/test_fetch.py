"""The one door to the network: who may be dialled, and what may come in."""

import asyncio
import gzip
import hashlib
import ssl
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sitechat.errors import SiteChatError, TimedOut
from sitechat.ingestion.addresses import AddressRefused, AddressRules, parse_networks
from sitechat.ingestion.fetch import Fetcher
from sitechat.ingestion.fetch_errors import FetchFailed, PageTooLarge
from sitechat.ingestion.formats.base import Unsupported
from sitechat.ingestion.site.robots_tags import parse_robots_tag
from tests.fixtures.web import Answer, LeadingNetwork, Names, WebServer, response
from tests.support.certificates import certified

SITE = "93.184.216.34"
OTHER = "1.1.1.1"
PAGE = b"<h1>Hello</h1>"


class Site:
    """A fetcher whose network leads to a server; ``site.example`` and ``other.example`` are known names."""

    def __init__(self, server: WebServer, network: LeadingNetwork, names: Names, fetcher: Fetcher) -> None:
        self.server = server
        self.network = network
        self.names = names
        self.fetcher = fetcher


@asynccontextmanager
async def site(
    answers: Mapping[str, Answer],
    names: Names | None = None,
    *,
    max_bytes: int = 1_000_000,
    deadline: float = 30,
    server_tls: ssl.SSLContext | None = None,
    client_tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Site]:
    names = names or Names(site_example=[[SITE]], other_example=[[OTHER]], inside_example=[["10.0.0.5"]])
    async with WebServer(answers, server_tls) as server:
        network = LeadingNetwork(server.port)
        fetcher = Fetcher(resolve=names, network=network, max_bytes=max_bytes, deadline=deadline, tls=client_tls)
        yield Site(server, network, names, fetcher)
        await fetcher.close()


async def failing(answer: Answer, *, max_bytes: int = 1_000_000) -> SiteChatError:
    """The error that a page with this answer gives."""
    async with site({"/": answer}, max_bytes=max_bytes) as web:
        with pytest.raises((FetchFailed, PageTooLarge)) as caught:
            await web.fetcher.fetch("http://site.example/")
    return caught.value


# --- Where to ---------------------------------------------------------------------------------------------------------


async def test_a_page_comes_with_what_is_needed_to_read_it() -> None:
    async with site({"/docs/a%20page": response(PAGE, content_type="Text/HTML; charset=KOI8-R")}) as web:
        fetched = await web.fetcher.fetch("http://site.example/docs/a page#part")
    assert (fetched.url, fetched.status, fetched.data) == ("http://site.example/docs/a%20page", 200, PAGE)
    assert (fetched.media_type, fetched.charset, fetched.name) == ("text/html", "KOI8-R", "a page")


async def test_the_connection_goes_to_the_address_that_was_checked_and_the_name_is_looked_up_once() -> None:
    """A second look-up could give another answer: that is how checks are got around."""
    async with site({"/": response(PAGE)}, Names(site_example=[[SITE], ["127.0.0.1"]])) as web:
        await web.fetcher.fetch("http://site.example/")
    assert web.network.dialled == [(SITE, 80)]
    assert web.names.asked == ["site.example"]
    assert "Host: site.example\r\n" in web.server.requests[0]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.5]/",
        "http://169.254.169.254/latest/meta-data/",
        "http://inside.example/",
        "http://site.example:22/",
        "http://site.example:9000/",
    ],
)
async def test_what_may_not_be_read_is_never_dialled(url: str) -> None:
    async with site({}) as web:
        with pytest.raises(AddressRefused):
            await web.fetcher.fetch(url)
    assert web.network.dialled == []


async def test_one_private_answer_among_public_ones_is_enough_to_refuse() -> None:
    async with site({}, Names(site_example=[[SITE, "10.0.0.5"]])) as web:
        with pytest.raises(AddressRefused, match="private network"):
            await web.fetcher.fetch("http://site.example/")
    assert web.network.dialled == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_every_hop_is_checked_anew(status: int) -> None:
    away = response(status=f"{status} Moved", location="http://inside.example/")
    async with site({"/": away}) as web:
        with pytest.raises(AddressRefused):
            await web.fetcher.fetch("http://site.example/")
    assert web.network.dialled == [(SITE, 80)]


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "/\\127.0.0.1/", "http://u:p@other.example/", "http://0x7f.1/", "gopher://x/"]
)
async def test_a_redirect_to_what_is_no_plain_web_address_is_not_followed(location: str) -> None:
    async with site({"/": response(status="302 Found", location=location)}) as web:
        with pytest.raises(FetchFailed, match="redirects to somewhere that is not read") as caught:
            await web.fetcher.fetch("http://site.example/")
    assert not caught.value.retryable
    assert len(web.server.requests) == 1


async def test_redirects_are_followed_to_other_sites() -> None:
    answers = {
        "/": response(status="301 Moved", location="/b"),
        "/b": response(status="302 Found", location="//other.example/c?d"),
        "/c?d": response(PAGE, set_cookie="a=b"),
    }
    async with site(answers) as web:
        fetched = await web.fetcher.fetch("http://site.example/")
    assert fetched.url == "http://other.example/c?d"
    assert {host for host, _ in web.network.dialled} == {SITE, OTHER}


async def test_a_circle_of_redirects_ends() -> None:
    async with site({"/": response(status="302 Found", location="/")}) as web:
        with pytest.raises(FetchFailed, match="more than 10 times"):
            await web.fetcher.fetch("http://site.example/")
    assert len(web.server.requests) == 11


async def test_the_next_address_is_tried_when_one_does_not_answer() -> None:
    async with site({"/": response(PAGE)}, Names(site_example=[[OTHER, SITE]])) as web:
        web.network.unreachable.add(OTHER)
        await web.fetcher.fetch("http://site.example/")
    assert web.network.dialled == [(OTHER, 80), (SITE, 80)]


async def test_an_allowed_network_is_read_over_the_real_network() -> None:
    """Without anything in between: the system's resolver and sockets."""
    async with WebServer({"/": response(PAGE)}) as server:
        fetcher = Fetcher(AddressRules(parse_networks("127.0.0.0/8,::1/128")))
        fetched = await fetcher.fetch(f"http://127.0.0.1:{server.port}/")
        await fetcher.close()
    assert fetched.data == PAGE


async def test_nothing_about_the_person_or_the_machine_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """No cookies from an earlier page, and no proxy from the environment."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9/")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9/")
    async with site({"/": response(PAGE, set_cookie="id=1")}) as web:
        await web.fetcher.fetch("http://site.example/")
        await web.fetcher.fetch("http://site.example/")
    names = [line.split(":")[0] for line in web.server.requests[1].splitlines()[1:] if line]
    assert names == ["Host", "User-Agent", "Accept", "Accept-Encoding"]


# --- What comes in ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(PAGE, mtime=0)),
        ("gzip", gzip.compress(PAGE[:5], mtime=0) + gzip.compress(PAGE[5:], mtime=0)),
        ("deflate", zlib.compress(PAGE)),
        ("deflate", zlib.compress(PAGE)[2:-4]),
        ("identity", PAGE),
    ],
)
async def test_packed_pages_are_unpacked(encoding: str, packed: bytes) -> None:
    async with site({"/": response(packed, content_encoding=encoding)}) as web:
        assert (await web.fetcher.fetch("http://site.example/")).data == PAGE


async def test_a_small_answer_that_unpacks_to_much_is_cut_off() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    error = await failing(response(bomb, content_encoding="gzip"), max_bytes=1_000_000)
    assert error.message == "The page is larger than 1 MB, the most that is read of one page."


async def test_bombs_within_bombs_are_not_unpacked_at_all() -> None:
    nested = gzip.compress(gzip.compress(PAGE, mtime=0))
    error = await failing(response(nested, content_encoding="gzip, gzip"))
    assert not error.retryable


@pytest.mark.parametrize("packed", [b"not gzip at all", gzip.compress(PAGE, mtime=0)[:-10]])
async def test_damaged_packing_is_an_error_not_a_shorter_page(packed: bytes) -> None:
    assert isinstance(await failing(response(packed, content_encoding="gzip")), FetchFailed)


async def test_a_page_that_says_it_is_too_large_is_not_read() -> None:
    assert isinstance(await failing(response(content_length="2000000")), PageTooLarge)


async def test_a_page_that_does_not_say_so_is_cut_off() -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    assert isinstance(await failing(endless, max_bytes=500_000), PageTooLarge)


async def test_endless_headers_are_cut_off() -> None:
    async def headers(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X-More: yes\r\n" * 1000)
            await writer.drain()

    assert "not the web's protocol" in (await failing(headers)).message


async def test_a_page_that_never_ends_runs_into_the_deadline() -> None:
    async def dripping(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with site({"/": dripping}, deadline=0.5) as web:
        with pytest.raises(TimedOut, match="took longer than 0") as caught:
            await web.fetcher.fetch("http://site.example/")
    assert caught.value.retryable


async def test_a_page_that_breaks_off_may_be_tried_again() -> None:
    async def breaking(writer: asyncio.StreamWriter) -> None:
        writer.write(response(b"half", content_length="1000"))
        await writer.drain()

    error = await failing(breaking)
    assert error.message == "The connection to site.example broke before the page was complete."
    assert error.retryable


@pytest.mark.parametrize("media_type", ["image/png", "video/mp4", "application/zip", "text/css", "application/x-sh"])
async def test_types_that_are_not_read_are_left_where_they_are(media_type: str) -> None:
    async with site({"/": response(b"x", content_type=media_type)}) as web:
        with pytest.raises(Unsupported, match="are not read yet"):
            await web.fetcher.fetch("http://site.example/")


@pytest.mark.parametrize(
    "media_type", ["application/pdf", "text/plain", "text/csv", "application/json", "application/octet-stream", ""]
)
async def test_types_that_are_read_or_need_a_closer_look_come_in(media_type: str) -> None:
    async with site({"/": response(b"x", content_type=media_type)}) as web:
        assert (await web.fetcher.fetch("http://site.example/")).data == b"x"


@pytest.mark.parametrize(
    ("status", "message", "retryable"),
    [
        ("404 Gone fishing", "The page answered 404 Not Found.", False),
        ("403 Forbidden", "The page answered 403 Forbidden: it is not open to everyone.", False),
        ("429 Slow down", "The page answered 429 Too Many Requests.", True),
        ("503 Busy", "The page answered 503 Service Unavailable.", True),
        ("599 Odd", "The page answered 599.", False),
        ("304 Not Modified", "The page answered 304 Not Modified.", False),
    ],
)
async def test_what_the_server_answers_is_said_in_our_words(status: str, message: str, retryable: bool) -> None:
    error = await failing(response(status=status, retry_after="7"))
    assert (error.message, error.retryable, error.retry_after) == (message, retryable, 7)


async def test_an_unknown_name_is_a_wrong_address() -> None:
    async with site({}) as web:
        with pytest.raises(FetchFailed, match="There is no site named") as caught:
            await web.fetcher.fetch("http://missing.example/")
    assert not caught.value.retryable


async def test_a_site_that_cannot_be_reached_may_be_tried_again() -> None:
    async with site({}) as web:
        web.network.unreachable.add(SITE)
        with pytest.raises(FetchFailed, match="cannot be reached") as caught:
            await web.fetcher.fetch("http://site.example/")
    assert caught.value.retryable


async def test_what_is_no_web_server_is_said_to_be_none() -> None:
    async def smtp(writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()

    assert "not the web's protocol" in (await failing(smtp)).message


# --- TLS --------------------------------------------------------------------------------------------------------------


async def test_the_certificate_is_checked_against_the_name_though_the_address_is_dialled(tmp_path: Path) -> None:
    server_tls, client_tls = certified("site.example", tmp_path)
    asked: list[str | None] = []
    server_tls.sni_callback = lambda _socket, name, _context: asked.append(name)
    async with site({"/": response(PAGE)}, server_tls=server_tls, client_tls=client_tls) as web:
        assert (await web.fetcher.fetch("https://site.example/")).data == PAGE
    assert asked == ["site.example"]
    assert web.network.dialled == [(SITE, 443)]


async def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    server_tls, client_tls = certified("evil.example", tmp_path)
    async with site({"/": response(PAGE)}, server_tls=server_tls, client_tls=client_tls) as web:
        with pytest.raises(FetchFailed, match="is not valid, so nothing was read") as caught:
            await web.fetcher.fetch("https://site.example/")
    assert not caught.value.retryable
    assert web.server.requests == []


async def test_every_x_robots_tag_is_kept() -> None:
    """Several are several: joined with commas, the second would belong to the crawler that the first names."""
    body = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX-Robots-Tag: greedybot: nofollow\r\n"
    body += b"X-Robots-Tag: noindex\r\nContent-Length: 1\r\n\r\nx"
    async with site({"/": body}) as web:
        fetched = await web.fetcher.fetch("http://site.example/")
    assert fetched.robots_tags == ("greedybot: nofollow", "noindex")
    assert parse_robots_tag(fetched.robots_tags).noindex


async def test_a_large_page_is_in_a_file_while_it_arrives(tmp_path: Path) -> None:
    """It leaves nothing behind, and memory does not grow with it."""
    piece = b"words and words " * 4096
    page = piece * 600
    head = response(content_length=str(len(page)))

    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        for _ in range(600):
            writer.write(piece)
            await writer.drain()

    async with WebServer({"/": send}) as server:
        network = LeadingNetwork(server.port)
        resolve = Names(site_example=[["93.184.216.34"]])
        fetcher = Fetcher(resolve=resolve, network=network, spool=tmp_path / "spool")
        tracemalloc.start()
        fetched = await fetcher.fetch("http://site.example/")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert fetched.body.size == len(page)
        assert fetched.body.sha256 == hashlib.sha256(page).hexdigest()
        assert fetched.data == page
        assert peak < 10_000_000
        assert list((tmp_path / "spool").iterdir()) == []
        await fetcher.close()
