"""A website while it is read: what may be read, when it is polite to ask, and what each page leads to.

Everything that must survive a crash is in the journal: the plan with the job, and every address as an item. What is
kept here (robots.txt, patterns of addresses, fingerprints) is found again by whoever takes up the job.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sitechat.ingestion.blobs import BlobStore
from sitechat.ingestion.causes import LeftOut
from sitechat.ingestion.fetch import MOST_HOPS, Fetched, Fetcher
from sitechat.ingestion.fetch_errors import FetchFailed, TooManyRedirects, failure_of_status
from sitechat.ingestion.site.canonical import canonical
from sitechat.ingestion.site.duplicates import NearDuplicates, fingerprint
from sitechat.ingestion.site.facts import PageFacts
from sitechat.ingestion.site.missing import looks_like_missing
from sitechat.ingestion.site.plan import from_plan
from sitechat.ingestion.site.robots import ALLOWS_NOTHING, Robots, parse_robots, robots_for_status
from sitechat.ingestion.site.robots_tags import parse_robots_tag
from sitechat.ingestion.site.scope import Scope
from sitechat.ingestion.site.sitemaps import SitemapKind, parse_sitemap
from sitechat.ingestion.site.traps import TrapGuard
from sitechat.ingestion.site.turns import Turns
from sitechat.ingestion.sources import UNCHANGED, Source, source_of, source_of_unchanged
from sitechat.ingestion.urls import BadUrl, WebAddress, parse_url
from sitechat.storage.engine import Database
from sitechat.storage.jobs import JobsStore, NewItem, Seen
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.leases import Claim, LeaseLostError
from sitechat.storage.values import Document

ROBOTS_BYTES = 600_000
SITEMAP_BYTES = 50_000_000
KEPT = 8
"""Sites remembered at a time; one that is forgotten is found again in the journal."""
_BUSY = (429, 503)
_NOT_THERE = (404, 410)
_HTML = ("text/html", "application/xhtml+xml")
_AT_SIGHT = ("out_of_scope", "trap", "budget")
"""Causes for which an address is left out as soon as it is seen."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A page as it was found."""

    address: str
    source: Source
    is_html: bool
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Judged:
    """What a page leads to, and why it is not read itself, if it is not."""

    found: tuple[NewItem, ...]
    left_out: LeftOut | None = None


def first_items(scope: Scope) -> list[NewItem]:
    """Where a site is begun: its first page; its sitemaps are found through robots.txt and at the usual place."""
    start = canonical(scope.start)
    return [_page(start, 0), _sitemap(start.join("/sitemap.xml"))]


class Crawls:
    """The sites being read by this process, each made from the journal when its job is first met."""

    def __init__(self, db: Database, fetcher: Fetcher, blobs: BlobStore, turns: Turns, limit: int) -> None:
        self._jobs, self._knowledge = JobsStore(db), KnowledgeStore(db)
        self._fetcher, self._blobs, self._turns, self._limit = fetcher, blobs, turns, limit
        self._crawls: OrderedDict[str, Crawl] = OrderedDict()
        self._making = asyncio.Lock()

    async def of(self, claim: Claim) -> "Crawl":
        """The site that an item belongs to. Raises ``LeaseLostError`` where its job is gone."""
        async with self._making:
            if claim.job_id not in self._crawls:
                self._crawls[claim.job_id] = await self._make(claim)
                while len(self._crawls) > KEPT:
                    self._crawls.popitem(last=False)
            self._crawls.move_to_end(claim.job_id)
            return self._crawls[claim.job_id]

    def waits_for(self, job_id: str) -> str | None:
        """What the reading of a site waits for between pages, if that takes long."""
        crawl = self._crawls.get(job_id)
        return crawl.waits_for if crawl is not None else None

    async def _make(self, claim: Claim) -> "Crawl":
        planned = await self._jobs.plan(claim.job_id)
        if planned is None:
            raise LeaseLostError
        plan, begun = planned
        crawl = Crawl(from_plan(plan), begun, self._fetcher, self._blobs, self._turns, self._limit)
        crawl.remember(await self._jobs.seen(claim.job_id), await self._knowledge.fingerprints(claim.knowledge_base_id))
        return crawl


class Crawl:
    """One site being read."""

    def __init__(
        self, scope: Scope, begun: datetime, fetcher: Fetcher, blobs: BlobStore, turns: Turns, limit: int
    ) -> None:
        self._scope, self._begun = scope, begun
        self._fetcher, self._blobs, self._turns, self._limit = fetcher, blobs, turns, limit
        self._robots: dict[str, Robots] = {}
        self._traps = TrapGuard()
        self._duplicates = NearDuplicates()
        self._verdicts: dict[str, LeftOut | None] = {}
        self._pages = 0

    def remember(self, seen: Sequence[Seen], fingerprints: Sequence[tuple[str, int]]) -> None:
        """What an earlier process has found."""
        for item in seen:
            if item.is_page:
                left_out = LeftOut(item.cause, item.reason) if item.cause in _AT_SIGHT else None  # type: ignore[arg-type]
                self._judge_once(canonical(parse_url(item.uri)), left_out)
                if item.depth == 0:
                    self._begin_at(parse_url(item.uri))
        for uri, mark in fingerprints:
            self._duplicates.add(_unsigned(mark), uri)

    @property
    def waits_for(self) -> str | None:
        return self._turns.why(self._scope.start.authority)

    # Asking

    async def visit(self, claim: Claim, known: Document | None) -> Visit:
        """Fetch a page, if it may be read. Raises ``LeftOut`` with the reason where it is not."""
        address = parse_url(claim.uri)
        self._check_time()
        for _ in range(MOST_HOPS + 1):
            await self._check_robots(address)
            page = await self._fetch(address, known if str(address) == claim.uri else None)
            if not page.redirects:
                break
            address = canonical(parse_url(page.url))
            self._check_redirect(claim, address)
        else:
            raise TooManyRedirects(MOST_HOPS)
        if str(address) != claim.uri:
            found = self._found(address, str(address), claim.depth)
            raise LeftOut("duplicate", f"It redirects to {address}.", (found,) if found is not None else ())
        return await self._visit(page, known)

    async def sitemap(self, claim: Claim) -> tuple[NewItem, ...]:
        """What a sitemap lists. Raises ``LeftOut`` where there is none at the usual place, or ``BadSitemap``."""
        address = parse_url(claim.uri)
        robots = await self._check_robots(address)
        async with self._turns.turn(address.authority):
            answer = await self._fetcher.fetch_any(claim.uri, SITEMAP_BYTES)
        named = [self._found_sitemap(address, location) for location in robots.sitemaps]
        if answer.status != 200:
            listed: list[NewItem | None] = []
            if not any(named):
                raise LeftOut("not_found", f"There is no sitemap here: the site answered {answer.status}.")
        else:
            sitemap = await asyncio.to_thread(parse_sitemap, answer.data, claim.uri)
            listed = [self._listed(address, sitemap.kind, entry.url) for entry in sitemap.entries]
        return tuple(item for item in (*named, *listed) if item is not None and item.uri != claim.uri)

    def _listed(self, base: WebAddress, kind: SitemapKind, location: str) -> NewItem | None:
        return self._found_sitemap(base, location) if kind == "sitemaps" else self._found(base, location, 1)

    async def _check_robots(self, address: WebAddress) -> Robots:
        robots = self._robots.get(address.authority)
        if robots is None:
            robots = await self._read_robots(address)
            self._robots[address.authority] = robots
            self._turns.asks_for(address.authority, robots.crawl_delay())
        if not robots.allows(address.target):
            raise LeftOut("robots", "The site asks programs not to read this page (robots.txt).")
        return robots

    async def _read_robots(self, address: WebAddress) -> Robots:
        """Raises what fetching raises where the site cannot be reached: then nothing of it may be read either."""
        async with self._turns.turn(address.authority):
            answer = await self._fetcher.fetch_any(str(address.join("/robots.txt")), ROBOTS_BYTES)
        without = robots_for_status(answer.status)
        if without is ALLOWS_NOTHING:  # until the site is well again, so its pages are tried later
            self._turns.troubled(address.authority, None)
            raise failure_of_status(answer.status, answer.headers.get("retry-after"))
        if without is not None:
            return without
        return await asyncio.to_thread(parse_robots, answer.data)

    async def _fetch(self, address: WebAddress, known: Document | None) -> Fetched:
        site = address.authority
        async with self._turns.turn(site):
            try:
                page = await self._fetcher.hop(str(address), known.validators if known is not None else None)
            except FetchFailed as error:
                if error.status in _BUSY:
                    self._turns.troubled(site, error.retry_after)
                if error.status in _NOT_THERE:
                    raise LeftOut("not_found", error.message) from None
                raise
        self._turns.fine(site)
        return page

    def _check_time(self) -> None:
        spent = (datetime.now(UTC) - self._begun).total_seconds()
        if (over := self._scope.exhausted(0, spent)) is not None:
            raise LeftOut("budget", over)

    def _check_redirect(self, claim: Claim, address: WebAddress) -> None:
        """Nothing is asked for on the way that would not be asked for by itself."""
        if claim.depth == 0:
            self._begin_at(address)  # the site lives somewhere else than where it was begun
        found = self._found(address, str(address), claim.depth)
        if found is not None and found.cause == "out_of_scope":
            raise LeftOut("out_of_scope", f"It redirects to {address}. {found.skip}")

    async def _visit(self, page: Fetched, known: Document | None) -> Visit:
        if page.status == UNCHANGED and known is not None:
            source = source_of_unchanged(known, page.name, self._blobs)
            return Visit(page.url, source, known.media_type in _HTML, page.headers)
        source = await source_of(page, self._blobs, self._limit)
        html = page.media_type in _HTML or (page.media_type is None and page.data.lstrip()[:1] == b"<")
        return Visit(page.url, source, html, page.headers)

    # Judging

    def judge(self, claim: Claim, visit: Visit, facts: PageFacts | None) -> Judged:
        """What the page leads to, and whether it wants to be read itself."""
        told = parse_robots_tag([visit.headers.get("x-robots-tag", "")])
        nofollow = told.nofollow or (facts is not None and facts.nofollow)
        found: list[NewItem | None] = []
        address = parse_url(claim.uri)
        if facts is not None and not nofollow:
            found = [self._found(address, link, claim.depth + 1) for link in facts.links]
        if told.noindex or (facts is not None and facts.noindex):
            left_out: LeftOut | None = LeftOut("noindex", "The page asks programs not to keep it (noindex).")
        else:
            left_out, other = self._canonical_elsewhere(claim, facts)
            found.append(other)
        return Judged(tuple(item for item in found if item is not None), left_out)

    def judge_text(self, claim: Claim, title: str, text: str) -> int:
        """The text's fingerprint. Raises ``LeftOut`` for an error page, or for nearly the same as another page."""
        if looks_like_missing(title, text):
            raise LeftOut("not_found", "It says that the page does not exist, though it was answered as if it did.")
        mark = fingerprint(text)
        twin = self._duplicates.find(mark)
        if twin is not None and twin != claim.uri:
            raise LeftOut("duplicate", f"It says almost the same as {twin}.")
        self._duplicates.add(mark, claim.uri)
        return _signed(mark)

    def without_text(self, facts: PageFacts | None) -> LeftOut:
        """Why a page without text was left out."""
        if facts is not None and facts.looks_empty_without_javascript:
            return LeftOut("empty", "Without JavaScript there is no text on it, and scripts of pages are not run.")
        return LeftOut("empty", "There is no text on it.")

    def _canonical_elsewhere(self, claim: Claim, facts: PageFacts | None) -> tuple[LeftOut | None, NewItem | None]:
        if facts is None or not facts.canonical:
            return None, None
        try:
            other = canonical(parse_url(claim.uri).join(facts.canonical))
        except BadUrl:
            return None, None
        if str(other) == claim.uri or not self._at_home(other):
            return None, None
        return LeftOut("duplicate", f"The page says that it is a copy of {other}."), self._found(
            other, str(other), claim.depth
        )

    def _found(self, base: WebAddress, link: str, depth: int) -> NewItem | None:
        """An address as an item, left out for a reason where it is; None for what is no address.

        What was seen before is given again: the journal keeps each once, and may have missed it the first time.
        """
        try:
            address = canonical(base.join(link))
        except BadUrl:
            return None
        if str(address) not in self._verdicts:
            self._judge_once(address, self._reason(address, depth))
        return _page(address, depth, self._verdicts[str(address)])

    def _judge_once(self, address: WebAddress, left_out: LeftOut | None) -> None:
        self._verdicts[str(address)] = left_out
        self._pages += left_out is None

    def _reason(self, address: WebAddress, depth: int) -> LeftOut | None:
        if (beyond := self._scope.verdict(address, depth)) is not None:
            return LeftOut("budget" if beyond.bound == "depth" else "out_of_scope", beyond.message)
        if (trap := self._traps.admit(address)) is not None:
            return LeftOut("trap", trap)
        if (over := self._scope.exhausted(self._pages, 0.0)) is not None:
            return LeftOut("budget", over)
        return None

    def _found_sitemap(self, base: WebAddress, location: str) -> NewItem | None:
        try:
            address = base.join(location)
        except BadUrl:
            return None
        return _sitemap(address) if self._at_home(address) else None

    def _at_home(self, address: WebAddress) -> bool:
        """Whether an address is of this site, whether or not it is to be read."""
        beyond = self._scope.verdict(address, 0)
        return beyond is None or beyond.bound != "site"

    def _begin_at(self, address: WebAddress) -> None:
        self._scope = replace(self._scope, start=address)


def _page(address: WebAddress, depth: int, left_out: LeftOut | None = None) -> NewItem:
    uri = str(address)
    if left_out is None:
        return NewItem(uri, uri, f"page:{uri}", depth=depth)
    return NewItem(uri, uri, f"page:{uri}", depth=depth, skip=left_out.message, cause=left_out.cause)


def _sitemap(address: WebAddress) -> NewItem:
    return NewItem(str(address), str(address), f"sitemap:{address}", depth=1)


def _signed(mark: int) -> int:
    """A fingerprint as databases keep numbers of 64 bits."""
    return mark - (1 << 64) if mark >= 1 << 63 else mark


def _unsigned(mark: int) -> int:
    return mark % (1 << 64)
