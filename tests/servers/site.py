"""A website on loopback that knows what must become of each of its addresses: the ground truth for tests of a crawler.

``with SiteServer(pages=2000) as site`` serves it from ``site.url``; ``site.expected`` has the cause that a careful
crawler ends with, for every address that it comes to know by following links, redirects, canonical links and
sitemaps, in scope (this host and port) and just beyond it. Spellings of the same address (fragments, tracking
parameters, dots, letters that are percent-encoded without need) are linked but not listed: they are no addresses of
their own. Nor are ``mailto:`` and its like, or links in comments and scripts.

Copies are linked from their original alone, so whichever way a site is crawled, the original is read first.
"""

import asyncio
import contextlib
import gzip
import html
import io
import random
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Literal, Self
from urllib.parse import parse_qsl, quote, unquote, urlencode

from aiohttp import web

from tests.fixtures import documents
from tests.servers.host import LoopbackServer

Cause = Literal[
    "indexed",
    "duplicate",
    "robots",
    "noindex",
    "out_of_scope",
    "not_found",
    "too_large",
    "timed_out",
    "failed",
    "unreadable",
    "unsupported",
    "empty",
    "sitemap",
]
Act = Literal["plain", "slow", "hang", "drip", "cut", "declared", "streamed", "busy"]
Validators = Literal["both", "etag", "weak", "date", "none"]
Render = Callable[[int], bytes]

FEWEST_PAGES = 50
SLOW = 0.2
"""Seconds that a slow page takes."""
LEAVES_OF_A_HUB = 40
ENTRIES_OF_A_SITEMAP = 400

_HTML = "text/html; charset=utf-8"
_XML = "application/xml"
_BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)
_TRACKING = ("utm_", "gclid", "fbclid")
_VALIDATORS: tuple[Validators, ...] = ("both", "etag", "weak", "date", "none")
_REDIRECTS = (301, 302, 308, 303, 307)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


SECTIONS = _words("harbour orchard workshop library observatory kitchen railway theatre quarry lighthouse")
_NOUNS = _words(
    """anchor apron archway atlas awning bakery ballast banner barge barley barometer basin basket bellows bench bobbin
    boulder bracket brazier bridge bucket buoy cabin cable canal candle canvas cargo carriage cask catalogue cellar
    chalk chapel charter chimney chisel cistern cloak clover coast cobbler compass copper cordage cottage courtyard
    crane crate crossing cupboard dairy depot diary dockyard dovecote drum engine estuary fabric ferry fiddle flint
    foundry fountain furnace gable gallery garden gate gauge glacier granary gravel grove hammer harness hearth hedge
    herbarium hinge hollow inkwell inlet jetty kettle kiln ladder lantern lathe leather ledger lens lever linen loom
    manuscript marble marsh meadow mill mirror monastery mortar mosaic needle nursery oak oven paddle parchment parish
    pasture pavement pebble pendulum pier pigment plaster plough pottery press pulley quarry quilt rafter railing reed
    reservoir resin rigging ropewalk rudder saddle sawmill scaffold schooner shutter sickle signal slate spindle spire
    stable staircase steeple sundial tannery tapestry telescope terrace thatch thimble timber tollhouse tower trellis
    trowel tunnel turbine vault veranda viaduct vineyard wagon walnut warehouse weir wharf wheel willow windmill"""
)
_ADJECTIVES = _words(
    """amber ancient arched bitter blue brass brittle broad carved chalky cheap coarse cold copper crooked curved damp
    deep dusty eastern faded fertile flat forgotten fragile frozen gilded granite green heavy hidden hollow humble
    inland iron ivory knotted leaden lively local mild mossy muddy narrow northern oaken oval painted pale patched
    plain polished private quiet ragged remote rough rusty salty shallow silver slender smoky southern speckled steep
    stubborn sturdy tall tarred tidal twisted upright velvet warped western wooden worn"""
)
_VERBS = _words(
    """abandoned adjusted admired assembled balanced bought borrowed braced carried catalogued cleaned copied covered
    delivered described dismantled drained enlarged examined exchanged fastened fenced flooded forged gathered guarded
    inherited inspected kept labelled lent lifted loaded measured mended moved named neglected oiled ordered packed
    painted photographed planted praised preserved raised rebuilt recorded repaired replaced restored salvaged sealed
    sketched sold sorted straightened supplied surveyed tested traded unloaded weighed"""
)
_SYLLABLES = _words("bar cal dor el fen gar hol is jor kar lun mer nor ost pel quin ros sel tor ul ven wes yor zan")
_SENTENCES = (
    "In {year} the {adj} {noun} at {name} was {verb} by {name}, who {verb} its {noun} as well.",
    "{name} {verb} {count} {noun}s and {verb} a {adj} {noun}.",
    "Nobody knows why {noun} and {noun} were {verb} so late.",
    "A {noun} that {name} {verb} in {year} still stands between {noun} and {adj} {noun}.",
    "One {adj} {noun} cost {count} crowns, which {name} {verb} twice over.",
    "Letters from {name} describe how {adj} {noun}s were {verb} before winter.",
    "Since {year} every {noun} of {name} has been {verb} with {adj} {noun} grease.",
    "Visitors {verb} her {noun}, {verb} his {adj} {noun} and walked on to {name}.",
    "Of {count} {adj} {noun}s only three were {verb}; {name} {verb} all others.",
    "Whoever {verb} this {adj} {noun} must have {verb} that {noun} too.",
    "Without {name} no {noun} would ever be {verb} again, said {name} of {name}.",
    "Not until {year} did {name}'s {noun} get {verb}, although {noun}s were cheaper then.",
    "Why {adj}? Because {noun}s, once {verb}, look {adj} under {adj} light.",
    "They {verb} it behind {name}'s {noun}, where {count} {noun}s had already been {verb}.",
    "Each {noun} weighs {count} pounds, yet {name} {verb} it alone.",
    "My grandfather {verb} {noun}s there; your {adj} {noun} is what remains.",
    "Some say {name}, others {name}: both {verb} some {noun} during {year}.",
    "First came {adj} {noun}s, afterwards {noun}s, finally {name} itself.",
    "We found {count} drawings showing {noun}, {noun} and {noun}, {verb} around {year}.",
    "If {noun}s could talk, {name}'s would complain about {adj} {noun}s.",
    "{name}, {name} and {name} never {verb} anything but {adj} {noun}s.",
    "Today you may see {name}'s {adj} {noun} on Sundays, when it is {verb}.",
    "Rather than {noun}s, {name} {verb} {adj} {noun}s for {count} winters.",
    "How {adj} those {noun}s were can be read off {name}'s {noun}.",
)
_HEADINGS = ("How the {noun} was {verb}", "The {adj} {noun} of {name}", "{name} and the {noun}", "After {year}")

_CHARSETS = (
    # name, Content-Type, encoding of the bytes, what a meta element declares, the sentence
    ("latin-1-as-utf-8", _HTML, "latin-1", "", "Le garçon a dégusté une crème brûlée à Besançon."),
    ("utf-8-undeclared", "text/html", "utf-8", "", "Žluťoučký kůň úpěl ďábelské ódy v Plzni."),
    ("cp1252-by-meta", _HTML, "cp1252", "windows-1252", "The café is “naïve” and costs 7 € a day."),
    ("utf-8-meta-cp1252", _HTML, "utf-8", "windows-1252", "Łódź leży między Wartą a Pilicą, mówi Zażółć."),
    ("utf-8-mark-as-latin-1", "text/html; charset=iso-8859-1", "utf-8-sig", "", "Größere Öfen wärmen süße Brötchen."),
    ("shift-jis-by-meta", "text/html", "shift_jis", "Shift_JIS", "東京の図書館は毎朝九時に開きます。"),
    ("shift-jis-by-header", "text/html; charset=Shift_JIS", "shift_jis", "", "大阪の港には古い灯台が二つあります。"),
    ("utf-16-le", "text/html", "utf-16-le", "", "Αθήνα έχει πολλές παλιές βιβλιοθήκες."),
    ("utf-16-be", _HTML, "utf-16-be", "utf-8", "Старый маяк стоит у самого моря."),
)
_MARKS = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}


@dataclass
class Visit:
    """One request. Times are of ``time.monotonic``: ``ended`` is just before the last bytes leave, or once the client
    has left.

    So ``ended`` is never later than what the client saw, and is set by the time that it has the answer.
    ``path`` is as it was sent, with its query. ``status`` is 0 while, and where, no answer was begun.
    """

    method: str
    host: str
    path: str
    user_agent: str | None
    if_none_match: str | None
    if_modified_since: str | None
    begun: float = field(default_factory=time.monotonic)
    ended: float | None = None
    status: int = 0

    def end(self) -> None:
        """It is over, if it was not already."""
        self.ended = self.ended or time.monotonic()

    @classmethod
    def of(cls, request: web.Request) -> Self:
        """The visit that begins with ``request``."""
        get = request.headers.get
        conditions = get("If-None-Match"), get("If-Modified-Since")
        return cls(request.method, request.host, request.raw_path, get("User-Agent"), *conditions)


@dataclass
class Resource:
    """What is served at one address. ``render`` is given the revision; ``cause`` is what must become of it."""

    cause: Cause
    render: Render
    content_type: str = _HTML
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    act: Act = "plain"
    validators: Validators = "none"
    revision: int = 0


@dataclass(frozen=True)
class Article:
    """A text like no other. ``sentence`` stands in it and names the edition."""

    title: str
    sentence: str
    parts: tuple[tuple[str, tuple[str, ...]], ...]


class Prose:
    """Writes the same text for the same key, and texts that share next to nothing for different ones."""

    def __init__(self, seed: int, key: str) -> None:
        self._random = random.Random(f"{seed}:{key}")
        self._nouns = self._random.sample(_NOUNS, 24)
        self._adjectives = self._random.sample(_ADJECTIVES, 16)
        self._verbs = self._random.sample(_VERBS, 20)
        self._names = [self._name() for _ in range(8)]
        self._sentences = self._random.sample(_SENTENCES, 9)

    def article(self, revision: int = 0) -> Article:
        """A title, and parts with a heading and paragraphs each; another edition differs in a paragraph."""
        title = self._filled("The {adj} {noun} of {name}")
        place = self._names[0]
        parts = tuple((self._filled(self._random.choice(_HEADINGS)), self._paragraphs()) for _ in range(3))
        sentence = f"Edition {revision + 1} of this note on {title[4:]} was set in type at {place}."
        heading, paragraphs = parts[1]
        fresh = " ".join([sentence, *(self._sentence() for _ in range(2 + revision))])
        return Article(title, sentence, (parts[0], (heading, (paragraphs[0], fresh, *paragraphs[1:])), parts[2]))

    def slug(self) -> str:
        """A name for an address."""
        return f"{self._random.choice(self._adjectives)}-{self._random.choice(self._nouns)}"

    def _name(self) -> str:
        return "".join(self._random.sample(_SYLLABLES, self._random.choice((3, 3, 4)))).capitalize()

    def _paragraphs(self) -> tuple[str, ...]:
        return tuple(self._paragraph() for _ in range(2))

    def _paragraph(self) -> str:
        return " ".join(self._sentence() for _ in range(self._random.randint(3, 6)))

    def _sentence(self) -> str:
        return self._filled(self._random.choice(self._sentences))

    def _filled(self, template: str) -> str:
        for slot, words in (
            ("{adj}", self._adjectives),
            ("{noun}", self._nouns),
            ("{verb}", self._verbs),
            ("{name}", self._names),
        ):
            while slot in template:
                template = template.replace(slot, self._random.choice(words), 1)
        year, count = self._random.randint(1610, 1990), self._random.randint(12, 980)
        return template.replace("{year}", str(year)).replace("{count}", str(count))


def document(title: str, main: str, *, head: str = "", menu: bool = True) -> str:
    """A whole page around its main part."""
    links = "".join(f'<li><a href="/{name}/">{name.capitalize()}</a></li>' for name in SECTIONS[:2])
    nav = f'<nav><ul><li><a href="/">Start</a></li>{links}</ul></nav>' if menu else ""
    footer = "<footer><p>Almanac of small things</p></footer>" if menu else ""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><title>{html.escape(title)}</title>{head}</head>\n'
        f"<body>{nav}\n<main>{main}</main>\n{footer}</body></html>\n"
    )


def written(article: Article, after: str = "") -> str:
    """The article as the main part of a page, with more HTML behind it."""
    parts = [f"<h1>{article.title}</h1>"]
    for heading, paragraphs in article.parts:
        parts.append(f"<h2>{heading}</h2>")
        parts += [f"<p>{paragraph}</p>" for paragraph in paragraphs]
    return "\n".join([*parts, after])


def anchor(href: str, text: str, style: int = 0) -> str:
    """A link, written in one of the ways that browsers read."""
    safe = html.escape(href)
    match style % 5:
        case 1:
            return f"<a class=see href='{safe}'>{text}</a>"
        case 2:
            return f'<A\nHREF="{safe}" >{text}</A>'
        case 3:
            return f'<a href="\n  {safe} ">{text}</a>'
        case 4 if "?" not in href:
            return f"<a href={safe}>{text}</a>"
        case _:
            return f'<a href="{safe}">{text}</a>'


def listed(links: list[str]) -> str:
    """Links as a list."""
    return "<ul>" + "".join(f"<li>{link}</li>" for link in links) + "</ul>" if links else ""


def spelled(origin: str, path: str, style: int) -> str:
    """``path`` in another of the spellings that lead to the same page."""
    folder, name = path.rsplit("/", 1)
    joint = "&" if "?" in path else "?"
    choices = (
        path,
        f"{origin}{path}",
        f"{path}#history",
        f"{path}{joint}utm_source=letter&utm_medium=mail",
        f"{origin.removeprefix('http:')}{path}",
        f"HTTP{origin.removeprefix('http')}{path}",
        f"{folder}/./{name}",
        f"{folder}/nowhere/../{name}",
        f"{folder}/%{ord(name[0]):02X}{name[1:]}" if name[:1].isalpha() else path,
        f"{origin}{path}{joint}fbclid=Iw4R#top",
    )
    return choices[style % len(choices)]


def plain_target(target: str) -> str:
    """A request's target without the spellings that make no difference."""
    path, _, query = target.partition("?")
    kept = [pair for pair in parse_qsl(query, keep_blank_values=True) if not pair[0].startswith(_TRACKING)]
    path = quote(unquote(path), safe="/~")
    return f"{path}?{urlencode(kept)}" if kept else path


class Plan:
    """The whole site, laid out: every resource by its target, and what lies just beyond it."""

    def __init__(self, server: "SiteServer") -> None:
        self.origin = server.origin
        self.seed = server.seed
        self.pages = server.pages
        self.scale = max(1, server.pages // 100)
        self.few = min(self.scale, 3)
        self.resources: dict[str, Resource] = {}
        self.beyond: dict[str, Cause] = {}
        self.in_sitemaps: list[str] = []
        self.plain: list[str] = []
        self.keys: dict[str, str] = {}
        self.charset_sentences: dict[str, str] = {}
        self._links: list[str] = []
        self._lay_out(server)

    def article(self, path: str, revision: int | None = None) -> Article:
        """The text of a page made of prose; that of its present edition, unless another is asked for."""
        edition = self.resources[path].revision if revision is None else revision
        return Prose(self.seed, self.keys[path]).article(edition)

    def _lay_out(self, server: "SiteServer") -> None:
        self._crooked_text()
        self._only_from_afar()
        self._patience_needed(server.hanging)
        self._not_wanted()
        self._not_there()
        self._troubles(server.max_bytes)
        self._files()
        self._odd_addresses()
        self._odd_links()
        self._elsewhere(server.other_port)
        self._ordinary()
        self._start()

    # -- ways to add a resource --

    def _add(self, path: str, resource: Resource, *, link: bool = True) -> str:
        self.resources[path] = resource
        if link:
            self._links.append(anchor(path, self._caption(path), len(self._links)))
        return path

    def _caption(self, path: str) -> str:
        """The words of a link: lists of links must differ as texts do."""
        return Prose(self.seed, f"link to {path}").slug().replace("-", " ")

    def _prose(
        self,
        path: str,
        after: str = "",
        *,
        cause: Cause = "indexed",
        head: str = "",
        headers: Mapping[str, str] | None = None,
        act: Act = "plain",
        key: str = "",
        link: bool = True,
    ) -> str:
        """A page with a text of its own, or of ``key``."""
        self.keys[path] = key or path

        def render(revision: int) -> bytes:
            article = self.article(path, revision)
            return document(f"{article.title} | Almanac", written(article, after), head=head).encode()

        validators = _VALIDATORS[zlib.crc32(path.encode()) % len(_VALIDATORS)]
        resource = Resource(cause, render, headers=headers or {}, act=act, validators=validators)
        return self._add(path, resource, link=link)

    def _fixed(self, path: str, cause: Cause, body: str | bytes, content_type: str = _HTML, status: int = 200) -> str:
        data = body.encode() if isinstance(body, str) else body
        return self._add(path, Resource(cause, lambda _: data, content_type, status))

    def _redirect(self, path: str, to: str, status: int, *, cause: Cause = "duplicate", link: bool = True) -> str:
        body = document("Moved", f"<p>Moved to {anchor(to, 'here')}.</p>", menu=False).encode()
        return self._add(path, Resource(cause, lambda _: body, _HTML, status, {"Location": to}), link=link)

    # -- the kinds of pages --

    def _crooked_text(self) -> None:
        """Encodings that are declared wrongly, or not at all."""
        for name, content_type, encoding, meta, sentence in _CHARSETS:
            path = f"/letters/{name}"
            head = f'<meta charset="{meta}">' if meta else ""
            article = Prose(self.seed, path).article()
            text = document(article.title, written(article, f"<h2>A line</h2><p>{sentence}</p>"), head=head)
            self._fixed(path, "indexed", _MARKS.get(encoding, b"") + text.encode(encoding), content_type)
            self.charset_sentences[path] = sentence

    def _only_from_afar(self) -> None:
        """Pages that no link leads to: found by a sitemap, a redirect, a canonical link."""
        for kind in ("listed", "packed"):
            for number in range(2 * self.scale):
                self.in_sitemaps.append(self._prose(f"/archive/{kind}-{number}", link=False))
        for number in range(max(2, self.scale)):
            self._prose(f"/news/item-{number}", link=False)
        self._redirect("/old/moved", self._prose("/moved/here", link=False), 301)
        canonical = self._prose("/canonical/alone", link=False)
        self._canonical_copy("/print/alone", canonical)

    def _canonical_copy(self, path: str, of: str, *, link: bool = True) -> str:
        head = f'<link rel="canonical" href="{self.origin}{of}">'
        return self._prose(path, cause="duplicate", head=head, link=link)

    def _patience_needed(self, hanging: int) -> None:
        """Slow pages, pages that are busy at first, and ``hanging`` that never come to an end."""
        for number in range(max(1, self.scale // 4)):
            self._prose(f"/slow/page-{number}", act="slow")
        for status in (503, 429):
            self._prose(f"/busy/{status}", act="busy")
        for number in range(hanging):
            self._prose(f"/hanging/page-{number}", cause="timed_out", act="drip" if number % 2 else "hang")

    def _not_wanted(self) -> None:
        """What robots.txt, a header or the page itself forbids, and what only seems to be forbidden."""
        for number in range(2 * self.scale):
            self._prose(f"/private/paper-{number}", cause="robots")
        for path in ("/private/open/drafts/first", "/reader?print=1", "/tool.cgi"):
            self._prose(path, cause="robots")
        self._redirect("/old/secret", "/private/paper-0", 302, cause="robots")
        for number in range(self.few):
            self._prose(f"/private/open/page-{number}")
        for number in range(self.scale):
            self._prose(f"/quiet/meta-{number}", cause="noindex", head='<META NAME="Robots" CONTENT="NoIndex, follow">')
            self._prose(f"/quiet/header-{number}", cause="noindex", headers={"X-Robots-Tag": "noarchive, noindex"})
        self._prose("/quiet/none", cause="noindex", head="<meta name='robots' content='none'>")
        behind = self._prose("/behind/door", link=False)
        head = '<meta name="robots" content="noindex">'
        self._prose("/quiet/door", anchor(behind, "Behind the door"), cause="noindex", head=head)
        self._prose("/open/header", headers={"X-Robots-Tag": "greedybot: noindex"})
        self._prose("/open/meta", head='<meta name="greedybot" content="noindex">')

    def _not_there(self) -> None:
        """Gone in three ways, the last of which says so only in words."""
        for number in range(self.scale):
            for status in (404, 410):
                body = document("Not here", "<h1>Not here</h1><p>Nothing to see.</p>")
                self._fixed(f"/lost/{status}-{number}", "not_found", body, status=status)
        for number in range(min(self.scale, 5)):
            main = "<h1>Page not found</h1><p>Sorry, the page you are looking for does not exist or was moved.</p>"
            self._fixed(f"/lost/soft-{number}", "not_found", document("Page not found", main))

    def _troubles(self, max_bytes: int) -> None:
        """What never works, however often it is tried."""
        for number in range(self.few):
            self._fixed(f"/broken/error-{number}", "failed", "Internal Server Error", "text/plain", 500)
        self._add("/broken/cut", Resource("failed", lambda _: b"", act="cut"))
        self._redirect("/loop/one", "/loop/two", 302, cause="failed")
        self._redirect("/loop/two", "/loop/one", 301, cause="failed")
        self._redirect("/loop/self", "/loop/self", 302, cause="failed")
        line = b"<p>A line that is repeated until the page is too large.</p>\n"
        whole = line * (2 * max_bytes // len(line) + 1)
        self._add("/large/declared", Resource("too_large", lambda _: whole, act="declared"))
        self._add("/large/streamed", Resource("too_large", lambda _: whole, act="streamed"))
        packed = gzip.compress(whole, mtime=0)
        self._add("/large/packed", Resource("too_large", lambda _: packed, headers={"Content-Encoding": "gzip"}))

    def _files(self) -> None:
        """Files that can be read, that are broken, that are not read; and pages without words."""
        chance = random.Random(f"{self.seed}:files")
        for number in range(min(self.scale, 5)):
            rubbish = b"%PDF-1.7\n" + chance.randbytes(2000)
            self._fixed(f"/files/broken-{number}.pdf", "unreadable", rubbish, "application/pdf")
            self._fixed(f"/files/box-{number}.zip", "unsupported", b"PK\3\4" + rubbish, "application/zip")
            self._fixed(f"/files/photo-{number}.jpg", "unsupported", b"\xff\xd8\xff\xe0" + rubbish, "image/jpeg")
        self._fixed("/download?id=7", "unsupported", _packed(chance.randbytes(2000)), "application/octet-stream")
        report = [" ".join(paragraphs) for _, paragraphs in Prose(self.seed, "report").article().parts]
        lines = [line[:90] for line in report]
        self._fixed("/files/report.pdf", "indexed", documents.pdf(documents.page(*lines)), "application/pdf")
        notes = "\n\n".join(" ".join(p) for _, p in Prose(self.seed, "notes").article().parts)
        self._fixed("/files/notes.txt", "indexed", notes, "text/plain; charset=utf-8")
        app = '<div id="app"></div><noscript>You need to enable JavaScript.</noscript><script>start("app")</script>'
        for number in range(self.few):
            self._fixed(f"/blank/picture-{number}", "empty", document("", '<img src="/x.png">', menu=False))
            self._fixed(f"/blank/script-{number}", "empty", document("", app, menu=False))

    def _odd_addresses(self) -> None:
        """Addresses that are told apart by their query, or are not ASCII."""
        for number in range(max(3, self.scale)):
            path = f"/item?id={number + 1}"
            self._prose(path, link=False)
            self._links.append(anchor(spelled(self.origin, path, number), self._caption(path)))
        self._prose("/stra%C3%9Fe", link=False)
        self._links.append('<a href="/straße">Straße</a>')

    def _odd_links(self) -> None:
        """A page with a base, chains of redirects, links that are none."""
        self._prose("/based/deep/one", link=False)
        self._prose("/based/list", '<a href="one">One</a> <a href="./">List</a>', head='<base href="/based/deep/">')
        self._prose("/based/deep/", link=False)
        self._redirect("/chain/1", "/chain/2", 301)
        self._redirect("/chain/2", "3", 302)
        self._redirect("/chain/3", f"{self.origin}/chain/end", 308)
        self._prose("/chain/end", link=False)
        never = '<!-- <a href="/ghost/comment">x</a> --><script>var x = \'<a href="/ghost/script">x</a>\'</script>'
        ignored = ("mailto:keeper@other.test", "tel:+4912345", "javascript:void(0)", "data:text/html,x", "#top", "")
        self._links += [never, *(anchor(href, "Write") for href in ignored)]

    def _elsewhere(self, other_port: int) -> None:
        """Other hosts and ports, also behind a redirect."""
        port = self.origin.rsplit(":", 1)[1]
        here = ("http://other.test/", "http://other.test/about", "http://www.other.test/", f"http://localhost:{port}/")
        there = f"http://127.0.0.1:{other_port}/"
        urls = [*here, there, *(f"http://partner-{number}.test/" for number in range(self.scale))]
        self.beyond = dict.fromkeys(urls, "out_of_scope")
        self._links += [anchor(url, "Elsewhere") for url in [*urls, "http://OTHER.test:80/about", "//other.test"]]
        self._redirect("/away/one", "http://other.test/", 301, cause="out_of_scope")
        self._redirect("/away/port", there, 302, cause="out_of_scope")

    # -- the many --

    def _ordinary(self) -> None:
        """Hubs, which list, and leaves, which are listed: as many as bring the indexed to the number wanted."""
        rest = self.pages - 1 - sum(resource.cause == "indexed" for resource in self.resources.values())
        hubs = max(2, -(-rest // (LEAVES_OF_A_HUB + 1)))
        sections = SECTIONS[: min(hubs, len(SECTIONS))]
        paths = [_hub(sections, number) for number in range(hubs)]
        leaves = self._leaves([sections[number % hubs % len(sections)] for number in range(rest - hubs)])
        for number, path in enumerate(paths):
            links = [anchor(leaf, self._caption(leaf), index) for index, leaf in enumerate(leaves[number::hubs])]
            links += self._links[number::hubs]
            if number + len(sections) < hubs:
                links.append(anchor(paths[number + len(sections)], "Next", number))
            self._prose(path, listed(links), link=False)
        for section in sections:
            self._redirect(f"/{section}", f"/{section}/", 301, link=False)
        self.sections = sections
        self.in_sitemaps += [*paths[: len(sections)], *leaves[::2], "/private/paper-0", "/lost/404-0"]

    def _leaves(self, sections: list[str]) -> list[str]:
        paths = [f"/{name}/{Prose(self.seed, f'leaf {i}').slug()}-{i}" for i, name in enumerate(sections)]
        copied = self._copied(paths)
        for number, path in enumerate(paths):
            related, head = self._related(path, paths, number), ""
            if path not in copied:
                self.plain.append(path)
                head = f'<link rel="canonical" href="{path}">' if number % 3 == 0 else ""
            self._prose(path, related + copied.get(path, ""), head=head, link=False, key=f"leaf {number}")
        return paths

    def _related(self, path: str, paths: list[str], number: int) -> str:
        """Links to two other leaves, in a different spelling each; relative ones within a section."""
        links = []
        for step, other in enumerate((paths[number - 1], paths[number - 7])):
            same = other.rsplit("/", 1)[0] == path.rsplit("/", 1)[0]
            href = other.rsplit("/", 1)[1] if same and number % 2 else spelled(self.origin, other, number + step)
            links.append(anchor(href, "See also", number))
        return f"<p>{' '.join(links)}</p>"

    def _copied(self, paths: list[str]) -> dict[str, str]:
        """For the leaves that have copies or old addresses: what stands at their end, with links to the copies."""
        copied: dict[str, str] = {}
        free = iter(paths)
        for number in range(self.scale):
            canonical, mirror, dated = next(free), next(free), next(free)
            copy = self._canonical_copy(f"/print/{canonical.rsplit('/', 1)[1]}", canonical, link=False)
            copied[canonical] = anchor(copy, "Print", number)
            copied[mirror] = anchor(self._twin(mirror, f"{mirror}-mirror"), "The same elsewhere")
            more = [written(Prose(self.seed, f"{part} of {dated}").article()) for part in ("more", "rest", "end")]
            copied[dated] = (
                "".join(more)
                + "<p>Read on 3 March 2024.</p>"
                + anchor(self._twin(dated, f"{dated}-dated"), "Another day")
            )
        for number in range(max(3, self.scale)):
            path = next(free)
            copied[path] = ""
            self._redirect(f"/old/page-{number}", path, _REDIRECTS[number % len(_REDIRECTS)])
        return copied

    def _twin(self, original: str, path: str) -> str:
        """A page with the bytes of another, but for the date if it has one; it is long, so that a date is little."""

        def render(revision: int) -> bytes:
            return self.resources[original].render(revision).replace(b"3 March 2024", b"19 March 2024")

        return self._add(path, Resource("duplicate", render), link=False)

    def _start(self) -> None:
        """The first page, which also leads into the traps."""
        links = [anchor(f"/{name}/", name.capitalize()) for name in self.sections]
        links += [anchor(f"/{name}", name.capitalize()) for name in self.sections]
        links += [anchor(path, "More") for path in ("/calendar/2024/01/", "/forum/topic-0", "/shop", "/a/")]
        feed = '<link rel="alternate" type="application/rss+xml" href="/news/feed.xml">'
        self._prose("/", listed(links), head=feed, link=False)


def _hub(sections: tuple[str, ...], number: int) -> str:
    turn, section = divmod(number, len(sections))
    return f"/{sections[section]}/page-{turn + 1}/" if turn else f"/{sections[section]}/"


class Sitemaps:
    """robots.txt, an index of sitemaps (nested, one packed, one that leads back) and a feed."""

    def __init__(self, plan: Plan, crawl_delay: float | None) -> None:
        self._plan = plan
        self._origin = plan.origin
        self._delay = crawl_delay
        self._pages = [path for path in plan.in_sitemaps if not path.startswith("/archive/packed")]
        self._packed = [path for path in plan.in_sitemaps if path.startswith("/archive/packed")]
        self._news = [path for path in plan.resources if path.startswith("/news/item")]
        numbers = range(-(-len(self._pages) // ENTRIES_OF_A_SITEMAP))
        self._parts = [f"/sitemaps/pages-{number}.xml" for number in numbers]

    def resources(self) -> Iterator[tuple[str, Resource]]:
        """Each with its path."""
        yield "/sitemap.xml", self._made(lambda: self._index([*self._parts, "/sitemaps/more.xml"]))
        yield "/sitemaps/more.xml", self._made(lambda: self._index(["/sitemaps/packed.xml.gz", "/sitemap.xml"]))
        for number, path in enumerate(self._parts):
            yield path, self._made(self._part(number))
        packed = self._made(lambda: gzip.compress(self._set(self._packed), mtime=0))
        packed.content_type = "application/gzip"
        yield "/sitemaps/packed.xml.gz", packed
        feed = self._made(self._feed)
        feed.content_type = "application/rss+xml; charset=utf-8"
        yield "/news/feed.xml", feed

    def robots(self) -> str:
        """The text of robots.txt."""
        delay = [] if self._delay is None else [f"Crawl-delay: {self._delay:g}"]
        lines = [
            *("# Keep out of the private rooms.", "User-agent: GreedyBot", "Disallow: /", ""),
            *("user-agent: *", "Disallow: /private/  # papers", "Allow: /private/open/"),
            *("Disallow: /private/open/drafts/", "Disallow: /*?print=", "Disallow: /*.cgi$", "Disallow:", *delay, ""),
            *(f"Sitemap: {self._origin}/sitemap.xml", f"Sitemap: {self._origin}/news/feed.xml"),
        ]
        return "\n".join(lines) + "\n"

    @staticmethod
    def _made(write: Callable[[], bytes]) -> Resource:
        return Resource("sitemap", lambda _: write(), _XML, validators="both")

    def _part(self, number: int) -> Callable[[], bytes]:
        start = number * ENTRIES_OF_A_SITEMAP
        extra = ["http://other.test/about"] if number == 0 else []
        return lambda: self._set(self._pages[start : start + ENTRIES_OF_A_SITEMAP], extra)

    def _here(self, paths: list[str]) -> list[str]:
        """Those that have not been removed."""
        return [path for path in paths if path in self._plan.resources]

    def _set(self, paths: list[str], extra: list[str] | None = None) -> bytes:
        entries = [(f"{self._origin}{path}", self._plan.resources[path].revision) for path in self._here(paths)]
        entries += [(url, 0) for url in extra or []]
        lines = [
            f"<url><loc>\n  {html.escape(url)}\n</loc><lastmod>{_date(revision):%Y-%m-%d}</lastmod></url>"
            for url, revision in entries
        ]
        return _xml("urlset", lines)

    def _index(self, paths: list[str]) -> bytes:
        lines = [f"<sitemap><loc>{self._origin}{path}</loc></sitemap>" for path in paths]
        return _xml("sitemapindex", lines)

    def _feed(self) -> bytes:
        items = "".join(
            f"<item><title>News</title><link>{self._origin}{path}</link><guid>{path}</guid></item>\n"
            for path in self._here(self._news)
        )
        head = f"<title>News</title><link>{self._origin}/</link><description>What is new</description>"
        return f'<?xml version="1.0"?>\n<rss version="2.0"><channel>{head}\n{items}</channel></rss>\n'.encode()


def _packed(content: bytes) -> bytes:
    """An archive that is in order."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo("photos.bin"), content)
    return packed.getvalue()


def _xml(name: str, lines: list[str]) -> bytes:
    inner = "\n".join(lines)
    space = "http://www.sitemaps.org/schemas/sitemap/0.9"
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="{space}">\n{inner}\n</{name}>\n'.encode()


def _date(revision: int) -> datetime:
    return _BEGINNING + timedelta(days=revision)


class Traps:
    """Pages without end: each leads to pages that have not been seen before."""

    FACETS: Mapping[str, tuple[str, ...]] = {
        "colour": ("red", "green", "blue", "black", "white"),
        "size": ("xs", "s", "m", "l", "xl"),
        "sort": ("price", "name", "age", "rank"),
        "view": ("list", "grid", "table"),
        "page": tuple("123456789"),
    }

    def __init__(self, seed: int) -> None:
        self._visits = random.Random(f"{seed}:visits")

    def page(self, target: str) -> bytes | None:
        """The page at this target, or None if it is not within a trap."""
        path, _, query = target.partition("?")
        if path.startswith("/calendar/"):
            return self._month(path)
        if path.startswith("/forum/"):
            return self._topic(path)
        if path == "/shop":
            return self._shelf(parse_qsl(query))
        if path.startswith("/a/"):
            main = "<h1>A room</h1><p>In this room there is a door, and behind it another room.</p>"
            return document("A room", f"{main}<a href='a/'>Onwards</a>").encode()
        return None

    def _month(self, path: str) -> bytes | None:
        """A month without events, with links to the ones before and after."""
        year, month = (*path.removeprefix("/calendar/").strip("/").split("/"), "")[:2]
        if not (year.isdecimal() and month.isdecimal()):
            return None
        at = int(year) * 12 + int(month) - 1
        links = [anchor(f"/calendar/{m // 12}/{m % 12 + 1:02}/", "Turn the leaf") for m in (at + 1, max(0, at - 1))]
        title = f"Events in {year}-{month}"
        return document(title, f"<h1>{title}</h1><p>Nothing is planned yet.</p>{listed(links)}").encode()

    def _topic(self, path: str) -> bytes:
        """A topic whose links carry a visitor's name that is new at each visit."""
        visitor = f"{self._visits.getrandbits(64):016x}"
        links = [anchor(f"/forum/topic-{n}?sid={visitor}", f"Topic {n}") for n in range(8)]
        name = path.rsplit("/", 1)[1].capitalize()
        words = f"<h1>{html.escape(name)}</h1><p>Readers talk about {html.escape(name)} here, now and then.</p>"
        return document(name, words + listed(links)).encode()

    def _shelf(self, chosen: list[tuple[str, str]]) -> bytes:
        """A list of goods that can be narrowed down further, in any order."""
        links = [
            anchor(f"/shop?{urlencode([*(pair for pair in chosen if pair[0] != facet), (facet, value)])}", value)
            for facet, values in self.FACETS.items()
            for value in values
        ]
        words = "<h1>Shop</h1><p>Thirty kettles, eleven lanterns and a ladder are on offer.</p>"
        return document("Shop", words + listed(links)).encode()


class _Elsewhere(LoopbackServer):
    """Another port of this machine, which nobody should ask for anything."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[Visit] = []

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/{rest:.*}", self._answer)]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.log.append(Visit.of(request))
        return web.Response(text="You should not be here.")


class SiteServer(LoopbackServer):
    """``pages`` addresses of it are ``indexed``; the others come on top, and grow in number with ``pages``.

    ``expected`` is the fate of every address but those in traps, which begin with one of ``trap_prefixes``: a calendar
    that goes on for ever, visitors' names in the query that change at each visit, combinations of facets, a path that
    grows with itself. Of these no crawler can see all, so what must hold is that the crawl ends; that the number of
    visits below each prefix has a bound which does not depend on how long the crawl may last; that everything in
    ``expected`` ends as it says nevertheless; and that every address below a prefix that was seen ends as ``indexed``,
    ``duplicate`` or ``trap``.

    ``log`` has every request; ``strays`` those that should never have been made, as they are for other ports or names.
    ``sentences`` must be found to the letter in the stored text of their pages: of each page made of prose (it names
    the edition, so a stale text shows), and of each page whose encoding is declared wrongly.
    ``plain`` are the paths of pages that nothing else depends on: they may be removed, and are those that change.

    ``crawl_delay`` goes into robots.txt; what is ``too_large`` has more than ``max_bytes``; ``hanging`` is the number
    of pages that are ``timed_out``: every second one sends a byte now and then, the others nothing.
    """

    def __init__(
        self,
        pages: int = 2000,
        seed: int = 1,
        *,
        port: int = 0,
        crawl_delay: float | None = None,
        max_bytes: int = 2_000_000,
        hanging: int = 0,
    ) -> None:
        if pages < FEWEST_PAGES:
            raise ValueError(f"a site has at least {FEWEST_PAGES} pages")
        super().__init__(port)
        self.pages, self.seed = pages, seed
        self.crawl_delay, self.max_bytes, self.hanging = crawl_delay, max_bytes, hanging
        self.log: list[Visit] = []
        self._elsewhere = _Elsewhere()
        self._traps = Traps(seed)
        self._removed: list[str] = []
        self._changed = 0

    def start(self) -> Self:
        self._elsewhere.start()
        super().start()
        self._plan = Plan(self)
        self._sitemaps = Sitemaps(self._plan, self.crawl_delay)
        self._plan.resources.update(self._sitemaps.resources())
        self._home = self.origin.removeprefix("http://")
        return self

    def stop(self) -> None:
        super().stop()
        self._elsewhere.stop()

    @property
    def url(self) -> str:
        """Where to begin."""
        return f"{self.origin}/"

    @property
    def other_port(self) -> int:
        """A port that is out of scope, though something answers there."""
        return self._elsewhere.port

    @property
    def expected(self) -> Mapping[str, str]:
        """Absolute address → cause, as things stand now."""
        fates: dict[str, str] = {f"{self.origin}{path}": item.cause for path, item in self._plan.resources.items()}
        fates.update(self._plan.beyond)
        fates.update({f"{self.origin}{path}": "not_found" for path in self._removed})
        return fates

    @property
    def sentences(self) -> Mapping[str, str]:
        """Absolute address → a sentence of the text that must be stored for it now."""
        prose = [path for path in self._plan.keys if self._cause(path) == "indexed"]
        found = {path: self._plan.article(path).sentence for path in prose} | self._plan.charset_sentences
        return {f"{self.origin}{path}": sentence for path, sentence in found.items()}

    @property
    def trap_prefixes(self) -> tuple[str, ...]:
        """What the addresses of traps begin with."""
        return tuple(f"{self.origin}{path}" for path in ("/calendar/", "/forum/", "/shop", "/a/"))

    @property
    def plain(self) -> tuple[str, ...]:
        """Paths of the pages that may be changed or removed without a consequence for others."""
        return tuple(self._plan.plain)

    @property
    def strays(self) -> list[Visit]:
        """Requests at another port, or under another name."""
        return [*self._elsewhere.log, *(visit for visit in self.log if visit.host != self._home)]

    def change(self, count: int) -> tuple[str, ...]:
        """Edit that many plain pages, others at each call while there are any; their addresses."""
        plain = self._plan.plain
        if count > len(plain):
            raise ValueError(f"only {len(plain)} pages can be changed")
        chosen = [plain[(self._changed + step) % len(plain)] for step in range(count)]
        self._changed += count
        for path in chosen:
            self._plan.resources[path].revision += 1
        self._renew_sitemaps()
        return tuple(f"{self.origin}{path}" for path in chosen)

    def remove(self, path: str) -> None:
        """Take a plain page away: 404 from now on, and in no sitemap. Raises ``ValueError`` for other pages."""
        if path not in self._plan.plain:
            raise ValueError(f"{path} is no plain page")
        self._plan.plain.remove(path)
        self._plan.resources.pop(path)
        self._removed.append(path)
        self._renew_sitemaps()

    def clear(self) -> None:
        """Forget who has been here, so that busy pages are busy once more."""
        super().clear()
        self.log.clear()
        self._elsewhere.log.clear()

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/{rest:.*}", self._answer)]

    def _cause(self, path: str) -> Cause | None:
        resource = self._plan.resources.get(path)
        return resource.cause if resource else None

    def _renew_sitemaps(self) -> None:
        for resource in list(self._plan.resources.values()):
            if resource.cause == "sitemap":
                resource.revision += 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        visit = Visit.of(request)
        self.log.append(visit)
        try:
            return await self._respond(request, visit)
        finally:
            visit.end()

    async def _respond(self, request: web.Request, visit: Visit) -> web.StreamResponse:
        target = plain_target(request.raw_path)
        resource = self._plan.resources.get(target)
        if resource is None:
            return await _sent(request, visit, self._unplanned(target))
        match resource.act:
            case "slow":
                await asyncio.sleep(SLOW)
            case "hang":
                await asyncio.sleep(3600)
            case "cut" if request.transport is not None:
                request.transport.abort()
                return web.Response(status=500)
            case "drip" | "declared" | "streamed":
                return await self._poured(request, visit, resource)
            case "busy" if self.still_failing(target, 1):
                return await _sent(request, visit, _busy(target))
        return await _sent(request, visit, self._usual(request, target, resource))

    def _unplanned(self, target: str) -> web.Response:
        """robots.txt, a page of a trap, or nothing."""
        if target == "/robots.txt":
            return web.Response(text=self._sitemaps.robots(), content_type="text/plain")
        page = self._traps.page(target)
        if page is not None:
            return web.Response(body=page, headers={"Content-Type": _HTML})
        body = document("Not here", "<h1>Not here</h1><p>Nothing to see.</p>").encode()
        return web.Response(body=body, status=404, headers={"Content-Type": _HTML})

    def _usual(self, request: web.Request, target: str, resource: Resource) -> web.Response:
        headers = {**resource.headers, **self._validators(target, resource)}
        if resource.validators != "none" and _unchanged(request, headers):
            return web.Response(status=304, headers=headers)
        headers["Content-Type"] = resource.content_type
        return web.Response(body=resource.render(resource.revision), status=resource.status, headers=headers)

    def _validators(self, target: str, resource: Resource) -> dict[str, str]:
        kind = resource.validators
        tag = f'"{zlib.crc32(f"{self.seed} {target}".encode()):08x}-{resource.revision}"'
        headers = {}
        if kind in ("both", "etag", "weak"):
            headers["ETag"] = f"W/{tag}" if kind == "weak" else tag
        if kind in ("both", "date"):
            headers["Last-Modified"] = format_datetime(_date(resource.revision), usegmt=True)
        return headers

    async def _poured(self, request: web.Request, visit: Visit, resource: Resource) -> web.StreamResponse:
        """An answer bit by bit: large ones as fast as they are taken, the dripping one for ever."""
        data = resource.render(resource.revision)
        response = web.StreamResponse(headers={"Content-Type": resource.content_type})
        if resource.act == "declared":
            response.content_length = len(data)
        visit.status = response.status
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while resource.act == "drip":
                await response.write(b".")
                await asyncio.sleep(SLOW)
            for start in range(0, len(data), 1 << 16):
                await response.write(data[start : start + (1 << 16)])
            await response.write_eof()
        return response


async def _sent(request: web.Request, visit: Visit, response: web.Response) -> web.Response:
    """Send the whole answer."""
    visit.status = response.status
    await response.prepare(request)
    visit.end()
    await response.write_eof()
    return response


def _busy(target: str) -> web.Response:
    """The first answer of a page that is named after its status."""
    status = int(target.rsplit("/", 1)[1])
    return web.Response(status=status, text="Later, please.", headers={"Retry-After": "1"})


def _unchanged(request: web.Request, validators: Mapping[str, str]) -> bool:
    """Whether the client has it already. The entity tag decides where the client names one, as RFC 9110 says."""
    named = request.headers.get("If-None-Match")
    if named is not None:
        mine = validators.get("ETag", "none").removeprefix("W/")
        return named.strip() == "*" or mine in [tag.strip().removeprefix("W/") for tag in named.split(",")]
    since, modified = request.headers.get("If-Modified-Since"), validators.get("Last-Modified")
    if since is None or modified is None:
        return False
    try:
        return parsedate_to_datetime(modified) <= parsedate_to_datetime(since)
    except ValueError:
        return False
