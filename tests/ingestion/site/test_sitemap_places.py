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
HIDDEN = response(b"<h1>Hidden</h1><p>No page leads here.</p>")
MAP = b"<urlset><url><loc>/hidden</loc></url></urlset>"


def robots(*lines: str) -> bytes:
    return response("\n".join(["User-agent: *", *lines]).encode(), content_type="text/plain")


async def read(folder: Path, answers: dict[str, Answer]) -> dict[str, ItemRecord]:
    settings = Settings(
        data_dir=folder / "data", allow_networks="127.0.0.0/8", site_pause=0, sample=False, _env_file=None
    )
    async with WebServer(answers) as server, open_library(folder, settings=settings) as library:
        base = await library.base()
        job = await library.ingestion.add_site(LOCAL, base.id, site(f"http://127.0.0.1:{server.port}/"))
        await library.ended(job)
        return {parse_url(item.uri).target: item for item in await library.ingestion.items(LOCAL, job)}


@pytest.mark.parametrize("answer", [APP, response(b"", "404 Not Found"), response(b"", "503 Service Unavailable")])
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
