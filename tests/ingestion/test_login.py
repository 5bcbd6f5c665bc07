"""A login goes to the site that it was given for and nowhere else, and is not to be found anywhere in clear."""

import logging
import os
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from sitechat.errors import InvalidInput
from sitechat.identity import LOCAL
from sitechat.ingestion.fetch import Fetcher
from sitechat.ingestion.login import Login, leads_to_login, parse_headers, shows_login
from sitechat.ingestion.login_lines import header_lines
from sitechat.ingestion.site.plan import site
from sitechat.ingestion.urls import parse_url
from sitechat.ingestion.vault import KEY_FILE, LoginLost, Vault
from sitechat.progress import ItemRecord
from sitechat.settings import Settings
from tests.fixtures.web import Answer, LeadingNetwork, Names, WebServer, response
from tests.support.library import Library, open_library

SECRET = "s3cr3t-of-a-session"
LINE = f"Cookie: session={SECRET}"
START = parse_url("http://site.example/docs/")
FORM = b"<form action=/login><input name=user><input name=pass type='password'></form>"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("Host: other.example", "SiteChat's own"),
        ("content-length: 3", "SiteChat's own"),
        ("Accept-Encoding: br", "SiteChat's own"),
        ("Transfer-Encoding: chunked", "SiteChat's own"),
        ("Proxy-Authorization: Basic x", "SiteChat's own"),
        ("Sec-Fetch-Site: none", "SiteChat's own"),
        ("If-None-Match: x", "SiteChat's own"),
        ("User-Agent: Mozilla", "SiteChat's own"),
        ("Cookie: a=b\r\nX-Other: c", "line ends"),
        ("Cookie: a=\x00b", "line ends"),
        ("Cookie: größe", "plain ASCII"),
        ("Cookie:", "has no value"),
        ("no header at all", "write it as Name: value"),
        ("Bad Name: x", "write it as Name: value"),
        (f"Cookie: {'x' * 9000}", "longer than"),
    ],
)
def test_headers_that_are_no_login_are_refused_without_their_value(line: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why) as refused:
        parse_headers([line])
    assert line.partition(":")[2].strip() not in refused.value.message or not line.partition(":")[2].strip()


def test_headers_are_lines_each_once() -> None:
    assert parse_headers(["Authorization:  Bearer a:b ", "", LINE]) == (
        ("Authorization", "Bearer a:b"),
        ("Cookie", f"session={SECRET}"),
    )
    with pytest.raises(InvalidInput, match="given twice"):
        parse_headers([LINE, "cookie: b=c"])


def test_what_is_given_on_the_command_line_goes_to_one_site(tmp_path: Path) -> None:
    file = tmp_path / "headers"
    file.write_text(f"{LINE}\n\nX-Team: docs\n")
    assert header_lines(["A: b"], file, ["https://a.example/x", "https://a.example/y"]) == [
        "A: b",
        LINE,
        "",
        "X-Team: docs",
    ]
    for addresses in ([], ["https://a.example/", "https://b.example/"], ["https://a.example/", "http://a.example/"]):
        with pytest.raises(InvalidInput, match="one site"):
            header_lines([LINE], None, addresses)
    with pytest.raises(InvalidInput, match="no file"):
        header_lines([], tmp_path / "nothing", ["https://a.example/"])


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/login",
        "http://a.example/users/sign_in?back=x",
        "http://a.example/wp-login.php",
        "https://login.other.example/x",
        "https://a.example/oauth2/authorize",
    ],
)
def test_addresses_where_one_logs_in_are_known(url: str) -> None:
    assert leads_to_login(parse_url(url))


def test_other_addresses_and_pages_with_a_box_for_the_login_are_not_taken_for_one() -> None:
    for url in ("http://a.example/blog/login-screens", "http://a.example/author/x", "http://login/"):
        assert not leads_to_login(parse_url(url))
    assert shows_login(FORM)
    assert shows_login(b"<script>" + b"var a = 1;" * 1000 + b"</script>" + FORM)
    assert not shows_login(FORM + b"<p>" + b"A whole page of words. " * 100)
    assert not shows_login(b"<p>Type your password.</p>")


# The vault


def test_a_login_is_sealed_with_a_key_that_only_its_owner_reads(tmp_path: Path) -> None:
    login = Login(START.origin, parse_headers([LINE]))
    sealed = Vault(tmp_path).seal(login)
    assert SECRET not in sealed
    assert SECRET not in repr(login)
    assert stat.S_IMODE(os.stat(tmp_path / KEY_FILE).st_mode) == 0o600
    assert os.listdir(tmp_path) == [KEY_FILE]
    assert Vault(tmp_path).open(sealed, START) == login
    assert Vault(tmp_path).open("", START) is None


def test_keys_can_be_exchanged(tmp_path: Path) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    login = Login(START.origin, parse_headers([LINE]))
    sealed = Vault(tmp_path, old).seal(login)
    assert not (tmp_path / KEY_FILE).exists()
    both = Vault(tmp_path, f"{new}, {old}")
    assert both.open(sealed, START) == login
    assert Vault(tmp_path, new).open(both.seal(login), START) == login
    for lost in (Vault(tmp_path, new), Vault(tmp_path)):
        with pytest.raises(LoginLost, match="Add the site again"):
            lost.open(sealed, START)


def test_a_damaged_key_and_a_login_of_another_site_are_lost_logins(tmp_path: Path) -> None:
    sealed = Vault(tmp_path).seal(Login(START.origin, parse_headers([LINE])))
    with pytest.raises(LoginLost):
        Vault(tmp_path).open(sealed, parse_url("https://site.example/"))
    (tmp_path / KEY_FILE).write_bytes(b"\xff")
    with pytest.raises(LoginLost):
        Vault(tmp_path).open(sealed, START)


# The door


@asynccontextmanager
async def fetching(answers: Mapping[str, Answer]) -> AsyncIterator[tuple[Fetcher, WebServer]]:
    names = Names(site_example=[["93.184.216.34"]], other_example=[["93.184.216.35"]])
    async with WebServer(answers) as server:
        fetcher = Fetcher(resolve=names, network=LeadingNetwork(server.port))
        yield fetcher, server
        await fetcher.close()


def given(server: WebServer) -> list[tuple[str, str, bool]]:
    """Host and path of each request, and whether the login was sent."""
    return [
        (request.lower().partition("host: ")[2].split()[0], request.split()[1], SECRET in request)
        for request in server.requests
    ]


LOGIN = Login(START.origin, parse_headers([LINE]))


async def test_a_login_is_dropped_for_good_once_a_redirect_leads_elsewhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answers = {
        "/a": response(status="302 Found", location="/b"),
        "/b": response(status="302 Found", location="http://other.example/c"),
        "/c": response(status="302 Found", location="http://site.example/d"),
        "/d": response(b"<p>A page.</p>"),
    }
    async with fetching(answers) as (fetcher, server):
        await fetcher.fetch("http://site.example/a", login=LOGIN)
        assert given(server) == [
            ("site.example", "/a", True),
            ("site.example", "/b", True),
            ("other.example", "/c", False),
            ("site.example", "/d", False),
        ]
    assert SECRET not in caplog.text


@pytest.mark.parametrize("url", ["http://other.example/d", "http://site.example:8080/d", "http://sub.site.example/d"])
async def test_a_login_is_not_sent_to_another_origin(url: str) -> None:
    async with WebServer({"/d": response(b"<p>A page.</p>")}) as server:
        fetcher = Fetcher(resolve=lambda *_: public(), network=LeadingNetwork(server.port))
        await fetcher.fetch(url, login=LOGIN)
        assert not any(sent for _, _, sent in given(server))
        await fetcher.close()


async def public() -> list[str]:
    return ["93.184.216.34"]


# A site behind a login


def members(*, ended: bool = False) -> dict[str, Answer]:
    """Pages for those who are logged in; after the session has ended, one answers 401 and one shows the form."""
    pages: dict[str, Answer] = {
        "/robots.txt": response(b"User-agent: *\nDisallow:\n", content_type="text/plain"),
        "/": response(b"<h1>Start</h1><p>The lighthouse keeps its own hours.</p><a href=/one>1</a><a href=/two>2</a>"),
        "/one": response(b"<h1>One</h1><p>Granite was carried up by mules every spring.</p>"),
        "/two": response(b"<h1>Two</h1><p>The lamp burned rape oil until paraffin came.</p>"),
        "/login": response(FORM),
        "/enter": response(b"<title>Enter</title>" + FORM),
    }
    if ended:
        pages["/one"] = response(b"", "401 Unauthorized")
        pages["/two"] = response(status="302 Found", location="/enter")
    return pages


@asynccontextmanager
async def library_for(folder: Path) -> AsyncIterator[Library]:
    settings = Settings(
        data_dir=folder / "data", allow_networks="127.0.0.0/8", site_pause=0, sample=False, _env_file=None
    )
    async with open_library(folder, settings=settings) as library:
        yield library


async def read(library: Library, job: str) -> dict[str, ItemRecord]:
    await library.ended(job)
    return {parse_url(item.uri).target: item for item in await library.ingestion.items(LOCAL, job)}


async def test_a_site_is_read_with_its_login_and_an_ended_one_is_said_and_costs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The pages that were read before stay; nothing that was written holds the secret."""
    caplog.set_level(logging.DEBUG)
    async with WebServer(members()) as server, library_for(tmp_path) as library:
        base = await library.base()
        scope = site(f"http://127.0.0.1:{server.port}/")
        job = await library.ingestion.add_site(LOCAL, base.id, scope, [LINE])
        items = await read(library, job)
        assert [items[page].outcome for page in ("/", "/one", "/two")] == ["indexed"] * 3
        assert all(sent for _, _, sent in given(server))

        server.answers = members(ended=True)
        again = await library.ingestion.read_again(LOCAL, job)
        items = await read(library, again)
        for page in ("/one", "/two"):
            assert (items[page].state, items[page].cause) == ("failed", "login")
            assert items[page].reason.startswith("The site asks for a login; the login that was given")
        assert len(await library.uris()) == 3
        record = await library.ingestion.job(LOCAL, again)
        assert SECRET not in record.model_dump_json() + caplog.text + repr(items)
    for file in (tmp_path / "data").rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file


async def test_without_a_login_it_says_what_to_do(tmp_path: Path) -> None:
    answers = members(ended=True) | {"/": response(b"", "401 Unauthorized")}
    async with WebServer(answers) as server, library_for(tmp_path) as library:
        base = await library.base()
        address = f"http://127.0.0.1:{server.port}"
        items = await read(library, await library.ingestion.add_site(LOCAL, base.id, site(address)))
        assert items["/"].reason == "The site asks for a login; add it again with the headers of a login."
        items = await read(library, await library.ingestion.add_url(LOCAL, base.id, f"{address}/two"))
        assert items["/two"].cause == "login"


async def test_a_single_page_has_its_login_too(tmp_path: Path) -> None:
    async with WebServer(members()) as server, library_for(tmp_path) as library:
        base = await library.base()
        job = await library.ingestion.add_url(LOCAL, base.id, f"http://127.0.0.1:{server.port}/one", [LINE])
        assert (await read(library, job))["/one"].outcome == "indexed"
        assert [sent for _, path, sent in given(server) if path == "/one"] == [True]
        with pytest.raises(InvalidInput, match="Only a website"):
            await library.ingestion.read_again(LOCAL, job)


async def test_a_lost_key_asks_for_the_login_again_and_nothing_is_lost(tmp_path: Path) -> None:
    async with WebServer(members()) as server:
        async with library_for(tmp_path) as library:
            base = await library.base()
            scope = site(f"http://127.0.0.1:{server.port}/")
            job = await library.ingestion.add_site(LOCAL, base.id, scope, [LINE])
            await library.ended(job)
            paused = await library.ingestion.add_site(LOCAL, base.id, scope, [LINE])
            await library.ingestion.pause(LOCAL, paused)
        (tmp_path / "data" / KEY_FILE).unlink()
        async with library_for(tmp_path) as library:
            with pytest.raises(LoginLost, match="Add the site again with its login"):
                await library.ingestion.read_again(LOCAL, job)
            await library.ingestion.resume(LOCAL, paused)
            items = await read(library, paused)
            assert {item.cause for item in items.values() if item.state == "failed"} == {"login"}
            assert len(await library.uris()) == 3
