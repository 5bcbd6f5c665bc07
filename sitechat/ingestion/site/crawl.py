"""A website while it is read: what may be read, when it is polite to ask, and what each page leads to.

Everything that must survive a crash is in the journal: the plan with the job, and every address as an item. What is
kept here (robots.txt, patterns of addresses, fingerprints) is found again by whoever takes up the job.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sitechat.ingestion.blobs import BlobStore
from sitechat.ingestion.causes import LeftOut
from sitechat.ingestion.fetch import MOST_HOPS, Fetched, Fetcher
from sitechat.ingestion.fetch_errors import FetchFailed, TooManyRedirects, failure_of_status
from sitechat.ingestion.login import Login, LoginNeeded, asks_for_login, leads_to_login, shows_login
from sitechat.ingestion.site.canonical import canonical
from sitechat.ingestion.site.duplicates import NearDuplicates, fingerprint
from sitechat.ingestion.site.facts import PageFacts
from sitechat.ingestion.site.frontier import Frontier, page_item, sitemap_item
from sitechat.ingestion.site.missing import looks_like_missing
from sitechat.ingestion.site.plan import from_plan
from sitechat.ingestion.site.robots import ALLOWS_NOTHING, Robots, parse_robots, robots_for_status
from sitechat.ingestion.site.robots_tags import parse_robots_tag
from sitechat.ingestion.site.scope import Scope
from sitechat.ingestion.site.sitemaps import BadSitemap, SitemapKind, parse_sitemap
from sitechat.ingestion.site.turns import Turns
from sitechat.ingestion.sources import UNCHANGED, Source, source_of, source_of_unchanged
from sitechat.ingestion.urls import BadUrl, WebAddress, parse_url
from sitechat.ingestion.vault import Vault
from sitechat.storage.engine import Database
from sitechat.storage.jobs import JobsStore, NewItem, Seen
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.leases import Claim, LeaseLostError
from sitechat.storage.values import Document

ROBOTS_BYTES = 600_000
SITEMAP_BYTES = 50_000_000
USUAL_SITEMAP = "/sitemap.xml"
KEPT = 8
"""Sites remembered at a time; one that is forgotten is found again in the journal."""
_BUSY = (429, 503)
_NOT_THERE = (404, 410)


@dataclass(frozen=True, slots=True)
class Visit:
    """A page as it was found."""

    source: Source
    robots_tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """What a page leads to, and why it is not read itself, if it is not."""

    found: tuple[NewItem, ...]
    left_out: LeftOut | None = None


def first_items(scope: Scope) -> list[NewItem]:
    """Where a site is begun: its first page; its sitemaps are found through robots.txt and at the usual place."""
    start = canonical(scope.start)
    if scope.begins_with_list:
        return [sitemap_item(start)]
    return [page_item(start, 0), sitemap_item(start.join(USUAL_SITEMAP))]


class Crawls:
    """The sites being read by this process, each made from the journal when its job is first met."""

    def __init__(
        self, db: Database, fetcher: Fetcher, blobs: BlobStore, turns: Turns, limit: int, vault: Vault
    ) -> None:
        self._jobs, self._knowledge, self._vault = JobsStore(db), KnowledgeStore(db), vault
        self._fetcher, self._blobs, self._turns, self._limit = fetcher, blobs, turns, limit
        self._crawls: OrderedDict[str, Crawl] = OrderedDict()
        self._making = asyncio.Lock()

    async def of(self, claim: Claim) -> "Crawl":
        """The site that an item belongs to. Raises ``LeaseLostError`` where its job is gone, or ``LoginLost``."""
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
        scope = from_plan(plan)
        login = await asyncio.to_thread(self._vault.open, scope.login, scope.start)
        crawl = Crawl(scope, begun, self._fetcher, self._blobs, self._turns, self._limit, login)
        crawl.remember(await self._jobs.seen(claim.job_id), await self._knowledge.fingerprints(claim.knowledge_base_id))
        return crawl


class Crawl:
    """One site being read."""

    def __init__(
        self,
        scope: Scope,
        begun: datetime,
        fetcher: Fetcher,
        blobs: BlobStore,
        turns: Turns,
        limit: int,
        login: Login | None = None,
    ) -> None:
        self.login = login
        self._begun = begun
        self._fetcher, self._blobs, self._turns, self._limit = fetcher, blobs, turns, limit
        self._frontier = Frontier(scope)
        self._robots: dict[str, Robots] = {}
        self._duplicates = NearDuplicates()

    def remember(self, seen: Sequence[Seen], fingerprints: Sequence[tuple[str, int]]) -> None:
        """What an earlier process has found."""
        self._frontier.remember(seen)
        for uri, mark in fingerprints:
            self._duplicates.add(_unsigned(mark), uri)

    @property
    def waits_for(self) -> str | None:
        return self._turns.why(self._frontier.scope.start.authority)

    # Asking

    async def visit(self, claim: Claim, known: Document | None) -> Visit:
        """Fetch a page, if it may be read. Raises ``LeftOut`` with the reason where it is not, or ``LoginNeeded``."""
        address, login = parse_url(claim.uri), self.login
        self._frontier.admit(claim.uri, (datetime.now(UTC) - self._begun).total_seconds())
        for _ in range(MOST_HOPS + 1):
            try:
                await self._check_robots(address)
            except LeftOut:
                if str(address) == claim.uri:
                    self._frontier.release(claim.uri)
                raise
            login = login if login is not None and login.is_for(address) else None
            try:
                page = await self._fetch(address, known if str(address) == claim.uri else None, login)
            except FetchFailed as error:
                raise self._not_given(claim, known, error) from None
            if not page.redirects:
                break
            address = canonical(parse_url(page.url))
            if leads_to_login(address):
                raise self._closed(claim, known)
            self._check_redirect(claim, address)
        else:
            raise TooManyRedirects(MOST_HOPS)
        if str(address) != claim.uri:
            if shows_login(page.body.head()):
                raise self._closed(claim, known)
            found = self._frontier.found(address, str(address), claim.depth)
            raise LeftOut("duplicate", f"It redirects to {address}.", (found,) if found is not None else ())
        return self._visit(page, known)

    async def named_sitemaps(self, claim: Claim) -> tuple[NewItem, ...]:
        """The sitemaps that robots.txt names, but for ``claim``'s own: they count whatever becomes of that one."""
        if self._frontier.scope.begins_with_list:
            return ()
        address = parse_url(claim.uri)
        named = self._named(address, await self._robots_of(address))
        return tuple(item for uri, item in named.items() if uri != claim.uri)

    def _named(self, address: WebAddress, robots: Robots) -> dict[str, NewItem]:
        """By their addresses, in order."""
        named = (self._frontier.found_sitemap(address, location) for location in robots.sitemaps)
        return {item.uri: item for item in named if item is not None}

    async def sitemap(self, claim: Claim) -> tuple[NewItem, ...]:
        """What a sitemap lists.

        Raises ``LeftOut`` where there is none, and ``BadSitemap`` where the site says that there is one.
        """
        address = parse_url(claim.uri)
        robots = await self._check_robots(address)
        async with self._turns.turn(address.authority):
            answer = await self._fetcher.fetch_any(claim.uri, SITEMAP_BYTES, login=self.login)
        if answer.status != 200:
            if self._is_start(claim) or answer.status in _BUSY or answer.status >= 500:
                raise failure_of_status(answer.status, answer.headers.get("retry-after"))
            raise LeftOut("not_found", f"There is no sitemap here: the site answered {answer.status}.")
        try:
            sitemap = await asyncio.to_thread(parse_sitemap, answer.data, claim.uri)
        except BadSitemap:
            if address.target != USUAL_SITEMAP or self._is_start(claim) or claim.uri in self._named(address, robots):
                raise
            raise LeftOut("not_found", "There is no sitemap here: the site answered with something else.") from None
        listed = (self._listed(address, sitemap.kind, entry.url) for entry in sitemap.entries)
        return tuple(item for item in listed if item is not None and item.uri != claim.uri)

    def _is_start(self, claim: Claim) -> bool:
        return claim.uri == str(canonical(self._frontier.scope.start))

    def _listed(self, base: WebAddress, kind: SitemapKind, location: str) -> NewItem | None:
        return (
            self._frontier.found_sitemap(base, location)
            if kind == "sitemaps"
            else self._frontier.found(base, location, 1)
        )

    async def _check_robots(self, address: WebAddress) -> Robots:
        robots = await self._robots_of(address)
        if not robots.allows(address.target):
            raise LeftOut("robots", "The site asks programs not to read this page (robots.txt).")
        return robots

    async def _robots_of(self, address: WebAddress) -> Robots:
        robots = self._robots.get(address.authority)
        if robots is None:
            robots = await self._read_robots(address)
            self._robots[address.authority] = robots
            self._turns.asks_for(address.authority, robots.crawl_delay())
        return robots

    async def _read_robots(self, address: WebAddress) -> Robots:
        """Raises what fetching raises where the site cannot be reached: then nothing of it may be read either."""
        async with self._turns.turn(address.authority):
            answer = await self._fetcher.fetch_any(str(address.join("/robots.txt")), ROBOTS_BYTES, login=self.login)
        without = robots_for_status(answer.status)
        if without is ALLOWS_NOTHING:  # until the site is well again, so its pages are tried later
            self._turns.troubled(address.authority, None)
            raise failure_of_status(answer.status, answer.headers.get("retry-after"))
        if without is not None:
            return without
        return await asyncio.to_thread(parse_robots, answer.data)

    async def _fetch(self, address: WebAddress, known: Document | None, login: Login | None) -> Fetched:
        site = address.authority
        async with self._turns.turn(site):
            try:
                conditions = known.validators if known is not None else None
                page = await self._fetcher.hop(str(address), conditions, login=login)
            except FetchFailed as error:
                if error.status in _BUSY:
                    self._turns.troubled(site, error.retry_after)
                raise
        self._turns.fine(site)
        return page

    def _not_given(self, claim: Claim, known: Document | None, error: FetchFailed) -> LeftOut | FetchFailed:
        """What the refusal of a page means. A page that is not there is no failure, unless a person named it."""
        if error.status in _NOT_THERE and (claim.depth > 0 or known is not None):
            return LeftOut("not_found", error.message)
        return self._closed(claim, known) if asks_for_login(error.status, given=self.login is not None) else error

    def _closed(self, claim: Claim, known: Document | None) -> LoginNeeded | LeftOut:
        """A page for those who are logged in. It has failed where it should have been open; a site that is open has
        such pages, too, and nothing is wrong with that."""
        needed = LoginNeeded(given=self.login is not None)
        should_open = self.login is not None or known is not None or claim.depth == 0
        return needed if should_open else LeftOut("login", needed.message)

    def _check_redirect(self, claim: Claim, address: WebAddress) -> None:
        """Nothing is asked for on the way that would not be asked for by itself."""
        if claim.depth == 0:
            self._frontier.begin_at(address)  # the site lives somewhere else than where it was begun
        found = self._frontier.found(address, str(address), claim.depth)
        if found is not None and found.cause == "out_of_scope":
            raise LeftOut("out_of_scope", f"It redirects to {address}. {found.skip}")

    def _visit(self, page: Fetched, known: Document | None) -> Visit:
        if page.status == UNCHANGED and known is not None:
            return Visit(source_of_unchanged(known, page, self._blobs), page.robots_tags)
        return Visit(source_of(page, self._blobs, self._limit), page.robots_tags)

    # Judging

    def judge(self, claim: Claim, tags: Sequence[str], facts: PageFacts | None) -> Judged:
        """What the page leads to, and whether it wants to be read itself. ``tags``: all its X-Robots-Tag headers."""
        told = parse_robots_tag(tags)
        nofollow = told.nofollow or (facts is not None and facts.nofollow)
        found: list[NewItem | None] = []
        address = parse_url(claim.uri)
        if facts is not None and not nofollow and not self._frontier.scope.begins_with_list:
            found = [self._frontier.found(address, link, claim.depth + 1) for link in facts.links]
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
        self.told(claim, text)
        return _signed(mark)

    def told(self, claim: Claim, text: str) -> None:
        """What a page says that is kept: as long as pages like it say new things, they are no trap."""
        self._frontier.told(claim.uri, text)

    def _canonical_elsewhere(self, claim: Claim, facts: PageFacts | None) -> tuple[LeftOut | None, NewItem | None]:
        if facts is None or not facts.canonical:
            return None, None
        try:
            other = canonical(parse_url(claim.uri).join(facts.canonical))
        except BadUrl:
            return None, None
        if str(other) == claim.uri or not self._frontier.at_home(other):
            return None, None
        return LeftOut("duplicate", f"The page says that it is a copy of {other}."), self._frontier.found(
            other, str(other), claim.depth
        )


def without_text(facts: PageFacts | None) -> LeftOut:
    """Why a page without text was left out."""
    if facts is not None and facts.looks_empty_without_javascript:
        return LeftOut("empty", "Without JavaScript there is no text on it, and scripts of pages are not run.")
    return LeftOut("empty", "There is no text on it.")


def _signed(mark: int) -> int:
    """A fingerprint as databases keep numbers of 64 bits."""
    return mark - (1 << 64) if mark >= 1 << 63 else mark


def _unsigned(mark: int) -> int:
    return mark % (1 << 64)
