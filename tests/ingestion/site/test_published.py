"""Published cases and samples of robots.txt and sitemaps, where a checkout has them beside it.

They are others' and no part of the repository. Where they are not there the tests are skipped, and in CI, which takes
a skip for a failure, left out: the tests beside this file say the same with cases of our own.
"""

import base64
import json
import re
from pathlib import Path

import pytest

from sitechat.ingestion.site.robots import parse_robots
from sitechat.ingestion.site.sitemaps import parse_sitemap
from tests.ingestion.site.conftest import SAMPLES


def samples(name: str) -> Path:
    found = SAMPLES / name
    if not found.exists():
        pytest.skip(f"the published samples are not here: {found}")
    return found


def test_every_published_case_that_the_rfc_decides_is_decided_so() -> None:
    wrong = []
    for line in samples("robots/cases.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        if case["note"].startswith("["):
            continue
        packed = case.get("robots_txt_b64")
        robots = parse_robots(base64.b64decode(packed) if packed else case["robots_txt"].encode())
        target = re.sub(r"^[a-z]+:/*[^/?#]*", "", case["url"] or "", flags=re.IGNORECASE).partition("#")[0]
        if case["allowed"] not in (None, robots.allows(target, case["user_agent"])):
            wrong.append(case["id"])
        if "crawl_delay_s" in case and robots.crawl_delay(case["user_agent"]) != case["crawl_delay_s"]:
            wrong.append(case["id"])
    assert wrong == []


def test_the_published_samples_are_read_as_their_names_say() -> None:
    folder = samples("robots/crawler-commons/sitemaps")
    counts = {
        **{"atom.xml": 2, "do-not-visit.txt": 1, "sitemap-with-bom.txt": 2, "sitemap.badns.xml": 2, "sitemap.txt": 2},
        **{"sitemap.index.xml": 15, "sitemap.ns.xml": 2, "sitemap.txt.gz": 5, "xmlSitemap.gz": 5},
        **{"hebdenbridgetimes-articles-sitemap.xml": 74, "pagemaps-sitemap.xml": 2, "sitemap-images.xml": 1},
        **{"shinpaideshou-news-sitemap.xml": 3, "sitemap-links.xml": 3, "sitemap-mobile.xml": 3, "sitemap-news.xml": 2},
        **{"sitemap-videos-tvshow.xml": 1, "sitemap-videos.xml": 3},
    }
    for path in sorted(path for path in folder.rglob("*.*") if path.is_file()):
        sitemap = parse_sitemap(path.read_bytes(), f"http://www.example.com/{path.name}")
        assert sitemap.complete, path.name
        assert sitemap.kind == ("sitemaps" if "index" in path.name else "pages"), path.name
        assert len(sitemap.entries) == counts.pop(path.name), path.name
    assert not counts
