"""Where a site's sitemaps are looked for, and what it says when there are none."""

from pathlib import Path

import pytest

from sitechat.identity import LOCAL
from sitechat.ingestion.site.plan import site
from sitechat.ingestion.urls import parse_url
from sitechat.progress import ItemRecord
from sitechat.settings import Settings
from tests.fixtures.web import Answer, WebServer, response
from tests.support.library import open_library

HOME = b"<h1>Home</h1><p>Everything else is only in the sitemap.</p>"
APP = response(HOME)
"""What many sites answer with, whatever they are asked for."""
GONE = response(b"", "404 Not Found")
HIDDEN = response(b"<h1>Hidden</h1><p>No page leads here.</p>")
MAP = b"<urlset><url><loc>/hidden</loc></url></urlset>"


def robots(*lines: str) -> bytes:
    return response("\n".join(["User-agent: *", *lines]).encode(), content_type="text/plain")


async def read(folder: Path, answers: dict[str, Answer], start: str = "/") -> dict[str, ItemRecord]:
    settings = Settings(
        data_dir=folder / "data", allow_networks="127.0.0.0/8", site_pause=0, sample=False, _env_file=None
    )
    async with WebServer(answers) as server, open_library(folder, settings=settings, backoff_seconds=0) as library:
        base = await library.base()
        job = await library.ingestion.add_site(LOCAL, base.id, site(f"http://127.0.0.1:{server.port}{start}"))
        await library.ended(job)
        return {parse_url(item.uri).target: item for item in await library.ingestion.items(LOCAL, job)}


@pytest.mark.parametrize("answer", [APP, GONE], ids=["a page", "not found"])
async def test_a_site_without_a_sitemap_has_no_failure(tmp_path: Path, answer: bytes) -> None:
    items = await read(tmp_path, {"/": APP, "/sitemap.xml": answer})
    assert (items["/"].state, items["/sitemap.xml"].state) == ("completed", "skipped")
    assert items["/sitemap.xml"].cause == "not_found"
    assert items["/sitemap.xml"].reason.startswith("There is no sitemap here: the site answered")


@pytest.mark.parametrize("rule", ["Disallow:", "Disallow: /sitemap.xml"])
async def test_those_that_robots_txt_names_are_read_whatever_is_at_the_usual_place(tmp_path: Path, rule: str) -> None:
    answers = {"/": APP, "/robots.txt": robots(rule, "Sitemap: /pages.xml"), "/sitemap.xml": APP}
    items = await read(tmp_path, {**answers, "/pages.xml": response(MAP), "/hidden": HIDDEN})
    assert items["/sitemap.xml"].cause == ("not_found" if rule == "Disallow:" else "robots")
    assert items["/pages.xml"].outcome == "looked through"
    assert items["/hidden"].outcome == "indexed"


async def test_a_sitemap_that_is_named_but_is_none_is_a_failure(tmp_path: Path) -> None:
    answers = {"/": APP, "/robots.txt": robots("Sitemap: /sitemap.xml", "Sitemap: /gone.xml"), "/sitemap.xml": APP}
    items = await read(tmp_path, dict(answers))
    assert (items["/sitemap.xml"].state, items["/sitemap.xml"].cause) == ("failed", "failed")
    assert "no sitemap" in items["/sitemap.xml"].reason
    assert (items["/gone.xml"].state, items["/gone.xml"].cause) == ("skipped", "not_found")


# A site that is begun at a list of its pages

LISTED = {
    "/maps/all.xml": response(b"<sitemapindex><sitemap><loc>/maps/some.xml</loc></sitemap></sitemapindex>"),
    "/maps/some.xml": response(b"<urlset><url><loc>/hidden</loc></url><url><loc>/home</loc></url></urlset>"),
    "/feed.rss": response(
        b"<rss><channel><item><link>/hidden</link></item><item><link>/home</link></item></channel></rss>"
    ),
    "/sitemap-all.txt": response(b"http://example.invalid/\n/hidden\n/home\n", content_type="text/plain"),
    "/hidden": HIDDEN,
    "/home": response(HOME + b"<a href=/hidden>hidden</a><a href=/more>more</a>"),
    "/more": response(b"<h1>More</h1><p>It is on no list.</p>"),
    "/robots.txt": robots("Sitemap: /other.xml"),
    "/other.xml": response(b"<urlset><url><loc>/more</loc></url></urlset>"),
}


@pytest.mark.parametrize("start", ["/maps/all.xml", "/maps/some.xml", "/feed.rss"])
async def test_a_site_begun_at_a_list_is_what_is_on_the_list(tmp_path: Path, start: str) -> None:
    items = await read(tmp_path, dict(LISTED), start)
    assert {uri for uri, item in items.items() if item.outcome == "indexed"} == {"/hidden", "/home"}
    lists = {start, "/maps/some.xml"} if start == "/maps/all.xml" else {start}
    assert {uri for uri, item in items.items() if item.outcome == "looked through"} == lists
    assert len(items) == 2 + len(lists)


@pytest.mark.parametrize(
    ("answer", "why"),
    [(APP, "That is no sitemap"), (GONE, "404 Not Found"), (response(b""), "is empty")],
    ids=["a page", "not found", "nothing"],
)
@pytest.mark.parametrize("start", ["/sitemap.xml", "/maps/all.xml"])
async def test_a_list_that_is_none_fails_and_says_why(tmp_path: Path, answer: bytes, why: str, start: str) -> None:
    (item,) = (await read(tmp_path, {"/": APP, start: answer}, start)).values()
    assert item.state == "failed"
    assert why in item.reason


async def test_a_first_page_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    items = await read(tmp_path, {}, "/")
    assert (items["/"].state, items["/"].cause, items["/"].reason) == (
        "failed",
        "not_found",
        "The page answered 404 Not Found.",
    )


async def test_an_outage_of_the_sitemap_makes_no_page_of_it_missing(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path / "data", allow_networks="127.0.0.0/8", site_pause=0, sample=False, _env_file=None
    )
    answers: dict[str, Answer] = {"/": APP, "/one": HIDDEN, "/two": response(b"<p>Two has other words on it.</p>")}
    answers["/sitemap.xml"] = response(b"<urlset><url><loc>/one</loc></url><url><loc>/two</loc></url></urlset>")
    async with WebServer(answers) as server, open_library(tmp_path, settings=settings, backoff_seconds=0) as library:
        base = await library.base()
        job = await library.ingestion.add_site(LOCAL, base.id, site(f"http://127.0.0.1:{server.port}/"))
        await library.ended(job)

        async def missing() -> set[str]:
            found = await library.knowledge.documents(LOCAL, base.id)
            return {parse_url(document.uri).target for document in found if document.missing_since}

        server.answers = {**answers, "/sitemap.xml": response(b"", "503 Service Unavailable")}
        again = await library.again(job)
        assert (await library.ended(again)).failed_files == 1
        assert await missing() == set()
        assert "sitemap could not be read" in (await library.ingestion.sources.changes(LOCAL, again)).note
        server.answers = {**answers, "/sitemap.xml": GONE}
        await library.ended(await library.again(job))
        assert await missing() == {"/one", "/two"}
