"""The website that crawlers are tested with keeps its promises: a simple crawler finds every fate that it names."""

import gzip
import http.client
import re
import time
import zlib
from collections.abc import Iterator
from hashlib import blake2b
from html.parser import HTMLParser
from itertools import combinations
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.servers.site import SLOW, SiteServer, plain_target

MAX_BYTES = 200_000
DEADLINE = 1.0
REDIRECTS = (301, 302, 303, 307, 308)
Headers = dict[str, str]


class Answer:
    """What came back; ``status`` 0 if nothing did in time, -1 if the connection broke off."""

    def __init__(self, status: int, headers: Headers, body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body
        self.kind = headers.get("content-type", "").partition(";")[0]


def get(site: SiteServer, path: str, **headers: str) -> Answer:
    """Ask once, on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=DEADLINE)
    begun = time.monotonic()
    try:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        received = {name.lower(): value for name, value in response.getheaders()}
        body = b""
        while len(body) <= MAX_BYTES and (piece := response.read1(1 << 16)):
            body += piece
            if time.monotonic() - begun > DEADLINE:
                return Answer(0, {}, b"")
    except TimeoutError:
        return Answer(0, {}, b"")
    except (ConnectionError, http.client.HTTPException):
        return Answer(-1, {}, b"")
    finally:
        connection.close()
    if received.get("content-encoding") == "gzip":
        body = zlib.decompressobj(31).decompress(body, MAX_BYTES + 1)
    return Answer(response.status, received, body)


class Page(HTMLParser):
    """What a crawler looks at in a page."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.links: list[str] = []
        self.canonical, self.base, self.robots, self.text = "", "", "", ""
        self._skipped = 0
        encoding = "utf-16" if body[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
        self.feed(body.decode(encoding, "replace"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        self._skipped += tag in ("script", "noscript", "title")
        if tag == "a" or (tag == "link" and named.get("rel") == "alternate"):
            self.links.append(named.get("href", ""))
        elif tag == "link" and named.get("rel") == "canonical":
            self.canonical = named["href"]
        elif tag == "base":
            self.base = named["href"]
        elif tag == "meta" and named.get("name", "").lower() == "robots":
            self.robots = named["content"].lower()

    def handle_endtag(self, tag: str) -> None:
        self._skipped -= tag in ("script", "noscript", "title")

    def handle_data(self, data: str) -> None:
        self.text += "" if self._skipped else data


class Crawler:
    """Reads the whole site, slowly and simply, and says what became of each address."""

    def __init__(self, site: SiteServer) -> None:
        self.site = site
        self.fates: dict[str, str] = {}
        self._queue: list[str] = []
        self._seen: set[str] = set()
        self._texts: set[str] = set()
        self._rules: list[tuple[str, bool]] = []

    def run(self) -> dict[str, str]:
        self._read_robots()
        self._meet(self.site.url, "")
        for url in self._queue:  # grows while it is read
            self.fates[url] = self._fate(url)
        return self.fates

    def _meet(self, base: str, href: str) -> str:
        whole = urlsplit(urljoin(base, href.strip()))
        if whole.scheme != "http":
            return ""
        netloc = whole.netloc.lower().removesuffix(":80")
        target = plain_target(f"{whole.path or '/'}?{whole.query}")
        url = f"http://{netloc}{target}"
        if not url.startswith(self.site.trap_prefixes) and url not in self._seen:
            self._seen.add(url)
            self._queue.append(url)
        return url

    def _read_robots(self) -> None:
        text = get(self.site, "/robots.txt").body.decode()
        group = text[text.index("user-agent: *") :]
        for name, value in re.findall(r"(?m)^([A-Za-z-]+):[ ]*([^#\n]*?)(?: *#.*)?$", group):
            if name in ("Allow", "Disallow") and value:
                self._rules.append((value, name == "Allow"))
            elif name == "Sitemap":
                self._meet(value, "")

    def _forbidden(self, url: str) -> bool:
        target = url.removeprefix(self.site.origin)
        matching = [(len(rule), allowed) for rule, allowed in self._rules if re.match(_pattern(rule), target)]
        return bool(matching) and not max(matching)[1]

    def _fate(self, url: str) -> str:
        if not url.startswith(self.site.url):
            return "out_of_scope"
        if self._forbidden(url):
            return "robots"
        answer = self._ask(url)
        if answer.status in REDIRECTS:
            return self._redirected(url, answer, {url})
        failures = {0: "timed_out", -1: "failed", 404: "not_found", 410: "not_found", 500: "failed"}
        if answer.status != 200:
            return failures[answer.status]
        if len(answer.body) > MAX_BYTES or int(answer.headers.get("content-length", 0)) > MAX_BYTES:
            return "too_large"
        return self._of_content(url, answer)

    def _ask(self, url: str) -> Answer:
        target = url.removeprefix(self.site.origin)
        answer = get(self.site, target)
        if answer.status in (429, 503):
            assert answer.headers["retry-after"] == "1"
            answer = get(self.site, target)
        return answer

    def _redirected(self, url: str, answer: Answer, passed: set[str]) -> str:
        to = self._meet(url, answer.headers["location"])
        if not to.startswith(self.site.url):
            return "out_of_scope"
        if self._forbidden(to) or to in passed:
            return "failed" if to in passed else "robots"
        further = self._ask(to)
        return self._redirected(to, further, passed | {to}) if further.status in REDIRECTS else "duplicate"

    def _of_content(self, url: str, answer: Answer) -> str:
        if answer.kind in ("application/xml", "application/gzip", "application/rss+xml"):
            packed = answer.kind == "application/gzip"
            root = ElementTree.fromstring(gzip.decompress(answer.body) if packed else answer.body)
            for place in root.iter():
                if place.tag.rpartition("}")[2] in ("loc", "link"):
                    self._meet(place.text or "", "")
            return "sitemap"
        if answer.kind == "application/pdf":
            return "indexed" if b"%%EOF" in answer.body else "unreadable"
        if not answer.kind.startswith("text/"):
            return "unsupported"
        return self._of_page(url, answer)

    def _of_page(self, url: str, answer: Answer) -> str:
        page = Page(answer.body)
        base = urljoin(url, page.base)
        for href in page.links:
            self._meet(base, href)
        tag = answer.headers.get("x-robots-tag", "")
        if "noindex" in page.robots or "none" in page.robots or ("noindex" in tag and ":" not in tag):
            return "noindex"
        if page.canonical and self._meet(base, page.canonical) != url:
            return "duplicate"
        if not page.text.strip():
            return "empty"
        if "Page not found" in page.text:
            return "not_found"
        text = re.sub(r"\d+ \w+ 20\d\d", "", page.text)
        if text in self._texts:
            return "duplicate"
        self._texts.add(text)
        return "indexed"


def _pattern(rule: str) -> str:
    return re.escape(rule).replace(r"\*", ".*").replace(r"\$", "$")


@pytest.fixture(scope="module")
def shared() -> Iterator[SiteServer]:
    """For tests that only look."""
    with SiteServer(60, max_bytes=MAX_BYTES) as site:
        yield site


@pytest.fixture
def small() -> Iterator[SiteServer]:
    """For tests that change something, or read the log."""
    with SiteServer(60, max_bytes=MAX_BYTES) as site:
        yield site


def of_cause(site: SiteServer, cause: str) -> list[str]:
    return [url.removeprefix(site.origin) for url, fate in site.expected.items() if fate == cause]


def normal(site: SiteServer, body: bytes) -> bytes:
    """A body, unpacked, without what differs from one server to the next: the ports."""
    body = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
    other = str(site.other_port).encode()
    return body.replace(str(site.port).encode(), b"PORT").replace(other, b"OTHER")


@pytest.mark.parametrize(("pages", "hanging"), [(60, 2), (600, 0)])
def test_a_simple_crawler_finds_exactly_the_fates_that_are_promised(pages: int, hanging: int) -> None:
    with SiteServer(pages, max_bytes=MAX_BYTES, hanging=hanging) as site:
        expected = dict(site.expected)
        assert Crawler(site).run() == expected
        assert list(expected.values()).count("indexed") == pages
        assert list(expected.values()).count("timed_out") == hanging
        assert site.strays == []


def test_every_cause_occurs_in_the_smallest_site() -> None:
    with SiteServer(50, hanging=1) as site:
        assert set(site.expected.values()) == {
            *("indexed", "duplicate", "robots", "noindex", "out_of_scope", "not_found", "too_large", "timed_out"),
            *("failed", "unreadable", "unsupported", "empty", "sitemap"),
        }


def test_a_site_that_is_too_small_for_all_its_kinds_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 50"):
        SiteServer(49)


def test_the_same_seed_serves_the_same_bytes_and_another_seed_does_not(shared: SiteServer) -> None:
    with SiteServer(60, max_bytes=MAX_BYTES) as again, SiteServer(60, seed=2, max_bytes=MAX_BYTES) as other:
        for path in [*of_cause(shared, "indexed"), *of_cause(shared, "sitemap"), *of_cause(shared, "unreadable")]:
            one, two = get(shared, path), get(again, path)
            assert normal(shared, one.body) == normal(again, two.body), path
            assert one.headers.get("etag") == two.headers.get("etag")
        assert get(shared, "/").body != get(other, "/").body
        assert len(other.expected) == len(shared.expected)


@pytest.mark.parametrize("size", [1, 3])
def test_pages_share_too_little_for_a_near_duplicate_to_be_seen_while_dated_copies_share_enough(size: int) -> None:
    with SiteServer(400, max_bytes=MAX_BYTES) as site:
        texts = {url: Page(get_twice(site, url).body).text for url in site.sentences}
        copies = [path for path in of_cause(site, "duplicate") if path.endswith("-dated")]
        pairs = [(fingerprint(shown(site, c), size), fingerprint(shown(site, c[:-6]), size)) for c in copies]
    prints = [fingerprint(text, size) for text in texts.values()]
    assert len(prints) > 390
    assert min((one ^ two).bit_count() for one, two in combinations(prints, 2)) > 4
    assert max((one ^ two).bit_count() for one, two in pairs) <= 3


def shown(site: SiteServer, path: str) -> str:
    return Page(get(site, path).body).text


def fingerprint(text: str, size: int) -> int:
    """A SimHash of all runs of so many words: what a cheap search for near-duplicates compares."""
    words = re.findall(r"\w+", text.lower())
    votes = np.zeros(64, dtype=np.int64)
    for start in range(len(words) - size + 1):
        mark = blake2b(" ".join(words[start : start + size]).encode(), digest_size=8).digest()
        votes += 2 * np.unpackbits(np.frombuffer(mark, dtype=np.uint8)).astype(np.int64) - 1
    return int.from_bytes(np.packbits(votes > 0).tobytes(), "big")


def test_copies_are_the_same_bytes_or_differ_in_the_date_alone(shared: SiteServer) -> None:
    mirrored = next(path for path in of_cause(shared, "duplicate") if path.endswith("-mirror"))
    assert get(shared, mirrored).body == get(shared, mirrored.removesuffix("-mirror")).body
    dated = next(path for path in of_cause(shared, "duplicate") if path.endswith("-dated"))
    copy, original = (get(shared, path).body.splitlines() for path in (dated, dated.removesuffix("-dated")))
    differing = [(one, two) for one, two in zip(copy, original, strict=True) if one != two]
    assert len(differing) == 1
    assert b"19 March 2024" in differing[0][0]
    assert b"3 March 2024" in differing[0][1]


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("latin-1-as-utf-8", "latin-1"),
        ("utf-8-undeclared", "utf-8"),
        ("cp1252-by-meta", "cp1252"),
        ("utf-8-meta-cp1252", "utf-8"),
        ("utf-8-mark-as-latin-1", "utf-8-sig"),
        ("shift-jis-by-meta", "shift_jis"),
        ("shift-jis-by-header", "shift_jis"),
        ("utf-16-le", "utf-16"),
        ("utf-16-be", "utf-16"),
    ],
)
def test_crooked_text_holds_its_sentence_in_the_encoding_that_it_is_named_after(
    shared: SiteServer, name: str, encoding: str
) -> None:
    answer = get(shared, f"/letters/{name}")
    sentence = shared.sentences[f"{shared.origin}/letters/{name}"]
    assert f"<p>{sentence}</p>" in answer.body.decode(encoding)
    assert not sentence.isascii()


def test_every_page_of_prose_holds_its_sentence_and_no_other_does(shared: SiteServer) -> None:
    assert len(set(shared.sentences.values())) == len(shared.sentences)
    for url, sentence in shared.sentences.items():
        if "/letters/" not in url:
            assert get_twice(shared, url).body.decode().count(sentence) == 1, url


def get_twice(site: SiteServer, url: str) -> Answer:
    """The second answer: no page is busy any more."""
    path = url.removeprefix(site.origin)
    get(site, path)
    return get(site, path)


def test_robots_txt_names_a_delay_only_if_one_is_asked_for(shared: SiteServer) -> None:
    with SiteServer(60, crawl_delay=0.5) as slow:
        assert b"\nCrawl-delay: 0.5\n" in get(slow, "/robots.txt").body
    text = get(shared, "/robots.txt").body
    assert b"Crawl-delay" not in text
    assert f"Sitemap: {shared.origin}/sitemap.xml".encode() in text


def test_each_kind_of_validator_occurs_and_is_honoured(shared: SiteServer) -> None:
    kinds = set()
    for path in of_cause(shared, "indexed") + of_cause(shared, "sitemap"):
        headers = get_twice(shared, path).headers
        tag, modified = headers.get("etag", ""), headers.get("last-modified", "")
        kinds.add((bool(tag), tag.startswith("W/"), bool(modified)))
        if tag:
            assert get(shared, path, If_None_Match=f'"x", {tag}').status == 304
        if modified:
            assert get(shared, path, If_Modified_Since=modified).status == 304
            assert get(shared, path, If_Modified_Since="Sun, 31 Dec 2023 23:59:59 GMT").status == 200
            assert get(shared, path, If_Modified_Since=modified, If_None_Match='"x"').status == 200
    assert len(kinds) == 5


def test_an_answer_that_nothing_has_changed_has_no_body_and_repeats_the_tag(shared: SiteServer) -> None:
    tag = get(shared, "/sitemap.xml").headers["etag"]
    answer = get(shared, "/sitemap.xml", If_None_Match=tag)
    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", tag)


def test_a_change_shows_in_text_validators_and_sitemap(small: SiteServer) -> None:
    before = {path: get(small, path) for path in small.plain}
    stale = dict(small.sentences)
    changed = small.change(3)
    assert len(set(changed)) == 3
    for path, old in before.items():
        url = f"{small.origin}{path}"
        new = get(small, path)
        assert (new.body != old.body) == (url in changed)
        assert (small.sentences[url] != stale[url]) == (url in changed)
        assert small.sentences[url].encode() in new.body
        if url in changed:
            conditions = {
                "If_None_Match": old.headers.get("etag"),
                "If_Modified_Since": old.headers.get("last-modified"),
            }
            assert get(small, path, **{name: value for name, value in conditions.items() if value}).status == 200
            assert Page(new.body).links == Page(old.body).links
    assert not set(small.change(3)) & set(changed)
    with pytest.raises(ValueError, match="only"):
        small.change(1000)


def test_a_removed_page_is_gone_and_leaves_the_sitemap(small: SiteServer) -> None:
    listed = get(small, "/sitemaps/pages-0.xml")
    path = next(path for path in small.plain if f"{path}\n".encode() in listed.body)
    small.remove(path)
    assert get(small, path).status == 404
    assert small.expected[f"{small.origin}{path}"] == "not_found"
    assert f"{small.origin}{path}" not in small.sentences
    fresh = get(small, "/sitemaps/pages-0.xml", If_None_Match=listed.headers["etag"])
    assert fresh.status == 200
    assert f"{path}\n".encode() not in fresh.body
    assert Crawler(small).run() == small.expected
    with pytest.raises(ValueError, match="no plain page"):
        small.remove("/")


def test_the_log_has_every_visit_with_times_status_and_conditions(small: SiteServer) -> None:
    get(small, "/item?id=1&utm_source=x", User_Agent="Tester/1", If_None_Match='"a"', If_Modified_Since="never")
    get(small, "/slow/page-0")
    first, second = small.log
    assert (first.method, first.path, first.status) == ("GET", "/item?id=1&utm_source=x", 200)
    assert (first.user_agent, first.if_none_match, first.if_modified_since) == ("Tester/1", '"a"', "never")
    assert first.ended is not None
    assert second.ended is not None
    assert first.begun <= first.ended <= second.begun
    assert second.ended - second.begun >= SLOW


def test_a_visit_that_gives_up_is_logged_without_a_status() -> None:
    with SiteServer(60, hanging=1) as site:
        assert get(site, "/hanging/page-0").status == 0
        site.wait_until(lambda _: site.log[-1].ended is not None)
        assert site.log[-1].status == 0


def test_who_strays_is_seen(small: SiteServer) -> None:
    for port, host in ((small.other_port, "127.0.0.1"), (small.port, "other.test")):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/", headers={"Host": host})
        connection.getresponse().read()
        connection.close()
    assert [visit.host for visit in small.strays] == ["127.0.0.1", "other.test"]
    small.clear()
    assert small.strays == small.log == []


def test_busy_pages_are_busy_once(small: SiteServer) -> None:
    for status in (503, 429):
        answers = [get(small, f"/busy/{status}").status for _ in range(3)]
        assert answers == [status, 200, 200]


@pytest.mark.parametrize("entry", ["/calendar/2024/01/", "/forum/topic-0", "/shop", "/a/"])
def test_a_trap_always_leads_to_pages_that_were_not_seen_before(shared: SiteServer, entry: str) -> None:
    seen, url = {entry}, f"{shared.origin}{entry}"
    for _ in range(30):
        page = Page(get(shared, url.removeprefix(shared.origin)).body)
        within = [urljoin(url, href) for href in page.links if href and href != "/"]
        fresh = [link for link in within if link.startswith(shared.trap_prefixes) and link not in seen]
        assert fresh, url
        seen.update(within)
        url = fresh[0]


def test_traps_are_linked_from_the_first_page_and_are_not_in_expected(shared: SiteServer) -> None:
    links = {urljoin(shared.url, href) for href in Page(get(shared, "/").body).links}
    for prefix in shared.trap_prefixes:
        assert any(link.startswith(prefix) for link in links)
        assert not any(url.startswith(prefix) for url in shared.expected)
