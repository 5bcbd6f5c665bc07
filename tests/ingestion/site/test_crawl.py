"""A website on loopback is read by the real path; the site knows the fate of each of its addresses."""

import calendar
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from sitechat.identity import LOCAL
from sitechat.ingestion.site.plan import site
from sitechat.progress import ItemRecord
from sitechat.settings import Settings
from tests.fixtures.web import Answer, WebServer, response
from tests.servers.site import Prose, SiteServer, document, written
from tests.support.library import Library, open_library

PAUSE = 0.01
_OUTCOMES = {"unchanged": "indexed", "looked through": "sitemap"}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def web() -> Iterator[SiteServer]:
    with SiteServer(pages=60) as server:
        yield server


def settings(folder: Path) -> Settings:
    return Settings(
        data_dir=folder / "data", allow_networks="127.0.0.0/8", site_pause=PAUSE, max_file_mb=2, sample=False,
        _env_file=None,
    )  # fmt: skip


async def read(library: Library, web: SiteServer, again: str | None = None) -> tuple[str, list[ItemRecord]]:
    """Read the site to the end, or read it again after job ``again``; the job and its items."""
    base = await library.base()
    if again is None:
        job = await library.ingestion.add_site(LOCAL, base.id, site(web.url, max_pages=100_000))
    else:
        source_id = (await library.ingestion.job(LOCAL, again)).source_id
        assert source_id is not None
        job = await library.ingestion.sources.sync(LOCAL, source_id)
    assert (await library.ended(job)).status == "completed"
    return job, await library.ingestion.items(LOCAL, job)


def fate(item: ItemRecord) -> str:
    return item.cause or _OUTCOMES.get(item.outcome or "", item.outcome or item.state)


def differences(web: SiteServer, items: list[ItemRecord]) -> dict[str, tuple[str, str]]:
    """Addresses that ended otherwise than the site says: address → what it says, and what happened."""
    found = {item.uri: fate(item) for item in items}
    wrong = {uri: (cause, found.get(uri, "not met")) for uri, cause in web.expected.items() if found.get(uri) != cause}
    trapped = [uri for uri in found if uri not in web.expected]
    assert all(uri.startswith(tuple(web.trap_prefixes)) for uri in trapped)
    wrong |= {
        uri: ("trap", found[uri]) for uri in trapped if found[uri] not in ("indexed", "duplicate", "trap", "budget")
    }
    return wrong


async def texts(library: Library) -> Mapping[str, str]:
    base = await library.base()
    documents = await library.knowledge.documents(LOCAL, base.id)
    return {document.uri: await library.knowledge.text(LOCAL, document.id) for document in documents}


async def test_every_address_ends_with_its_reason_and_the_site_is_treated_well(tmp_path: Path, web: SiteServer) -> None:
    """Also: read again, only what has changed is embedded anew, and what is gone is marked as missing."""
    async with open_library(tmp_path, settings=settings(tmp_path)) as library:
        job, items = await read(library, web)
        assert differences(web, items) == {}
        assert len({item.uri for item in items}) == len(items)
        assert web.strays == []
        begun = sorted(web.log, key=lambda visit: visit.begun)
        assert all(earlier.ended is not None and later.begun >= earlier.ended for earlier, later in pairwise(begun))
        stored = await texts(library)
        assert {uri for uri, sentence in web.sentences.items() if sentence not in stored[uri]} == set()

        asked = len(web.log)
        library.embedder.texts.clear()
        _, items = await read(library, web, again=job)
        assert [item.uri for item in items if item.outcome == "indexed" and item.uri in web.expected] == []
        assert library.embedder.texts == []
        assert sum(visit.status == 304 for visit in list(web.log)[asked:]) > 30

        changed = set(web.change(3))
        gone = web.plain[-1]
        web.remove(gone)
        _, items = await read(library, web, again=job)
        assert differences(web, items) == {}
        assert {item.uri for item in items if item.outcome == "indexed" and item.uri in web.expected} == changed
        stored = await texts(library)
        assert {uri for uri, sentence in web.sentences.items() if sentence not in stored[uri]} == set()
        documents = await library.knowledge.documents(LOCAL, (await library.base()).id)
        assert [document.uri for document in documents if document.missing_since] == [f"{web.origin}{gone}"]
        assert [item.uri for item in items if item.change == "missing"] == [f"{web.origin}{gone}"]
        assert {item.uri for item in items if item.change == "changed" and item.uri in web.expected} == changed


@pytest.mark.soak
@pytest.mark.timeout(3000)
async def test_a_site_of_two_thousand_pages(tmp_path: Path) -> None:
    with SiteServer(pages=2000) as web:
        async with open_library(tmp_path, settings=settings(tmp_path)) as library:
            _, items = await read(library, web)
            assert differences(web, items) == {}
            assert web.strays == []


async def test_a_reading_that_is_broken_off_goes_on_where_it_was(tmp_path: Path, web: SiteServer) -> None:
    async with open_library(tmp_path, settings=settings(tmp_path)) as library:
        base = await library.base()
        job = await library.ingestion.add_site(LOCAL, base.id, site(web.url, max_pages=100_000))
        async for record in library.ingestion.watch(LOCAL, job):
            if record.processed_files >= 20:
                break
    async with open_library(tmp_path, settings=settings(tmp_path)) as library:
        assert (await library.ended(job)).status == "completed"
        items = await library.ingestion.items(LOCAL, job)
        assert differences(web, items) == {}
        assert len({item.uri for item in items}) == len(items)


async def test_limits_are_kept_and_said(tmp_path: Path, web: SiteServer) -> None:
    async with open_library(tmp_path, settings=settings(tmp_path)) as library:
        base = await library.base()
        job = await library.ingestion.add_site(LOCAL, base.id, site(web.url, max_pages=10))
        assert (await library.ended(job)).status == "completed"
        items = await library.ingestion.items(LOCAL, job)
        unasked = ("sitemap", "budget", "robots")
        assert sum(item.attempts > 0 and fate(item) not in unasked for item in items) == 10
        assert {item.reason for item in items if item.cause == "budget"} == {"The limit of 10 pages is reached."}


class Endless(dict[str, Answer]):
    """A calendar without events and without end, and a shop with ``goods`` that are described in words of their own."""

    def __init__(self, goods: int) -> None:
        products = "".join(f"<a href=/product?id={number}>{number}</a> " for number in range(goods))
        start = (
            f"<h1>Shop</h1><p>All that we make, and when we are open.</p><a href=/events/2024/1>Events</a> {products}"
        )
        super().__init__({"/": response(f"<body>{start}".encode())})

    def get(self, path: str, default: Any = None) -> Any:
        if path.startswith("/product?id="):
            article = Prose(7, path).article()
            return response(document(article.title, written(article)).encode())
        if path.startswith("/events/"):
            year, month = map(int, path.split("/")[2:])
            later = f"/events/{year + month // 12}/{month % 12 + 1}"
            name = calendar.month_name[month]
            return response(f"<h1>{name} {year}</h1><p>No events.</p><a href={later}>Later</a>".encode())
        return super().get(path, default)


async def read_shop(folder: Path, goods: int, max_pages: int) -> Counter[tuple[str, str]]:
    """How many pages of the shop (``product``) and of its calendar (``events``) ended in which way."""
    async with WebServer(Endless(goods)) as server, open_library(folder, settings=settings(folder)) as library:
        base = await library.base()
        scope = site(f"http://127.0.0.1:{server.port}/", max_pages=max_pages, max_depth=1000)
        job = await library.ingestion.add_site(LOCAL, base.id, scope)
        assert (await library.ended(job)).status == "completed"
        items = await library.ingestion.items(LOCAL, job)
    return Counter((re.split(r"[/?]", item.uri)[3], fate(item)) for item in items)


async def test_a_calendar_without_events_stops_early_and_a_catalogue_is_read_whole(tmp_path: Path) -> None:
    ends = await read_shop(tmp_path, goods=150, max_pages=400)
    assert ends["product", "indexed"] == 150
    assert ends["events", "trap"] == 1
    assert 100 <= ends["events", "indexed"] + ends["events", "duplicate"] < 150


@pytest.mark.soak
@pytest.mark.timeout(3000)
async def test_a_catalogue_of_many_pages_is_read_whole(tmp_path: Path) -> None:
    ends = await read_shop(tmp_path, goods=1500, max_pages=2000)
    assert ends["product", "indexed"] == 1500
    assert ends["events", "trap"] == 1
