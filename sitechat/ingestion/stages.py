"""One item's way from its source to a searchable document.

``file_processing`` (read or fetch, keep the original) → ``text_extraction`` → ``embedding`` → ``vector_storage``.
Every stage can be cut off at any instruction and begun again: originals and vectors are keyed by what they are made
from, and the document appears together with the end of its item in one transaction.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

from sitechat.identity import Caller
from sitechat.ingestion.archives import Archives
from sitechat.ingestion.causes import LeftOut
from sitechat.ingestion.extract import ExtractionPool
from sitechat.ingestion.formats.base import Empty, Extracted, HoldsFiles
from sitechat.ingestion.indexing import RECIPE, Indexing, Reading, SearchIndexes, passages_of
from sitechat.ingestion.login import Login
from sitechat.ingestion.look_ahead import LookAhead
from sitechat.ingestion.render import Renderer
from sitechat.ingestion.s3.buckets import Buckets
from sitechat.ingestion.signals import Signals, progress
from sitechat.ingestion.site.crawl import Crawls, without_text
from sitechat.ingestion.site.facts import PageFacts
from sitechat.ingestion.sources import Source, Sources
from sitechat.ingestion.tending import Tending
from sitechat.storage.engine import Database
from sitechat.storage.jobs import NewItem
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.leases import Claim, LeaseStore
from sitechat.storage.values import Document

_JUDGED_LATER = ("not_found", "out_of_scope", "budget", "trap")


@dataclass(frozen=True, slots=True)
class Opened:
    """A file whose original is kept: how to read its text, and of a web page what it says about itself."""

    source: Source
    size: int
    text: Callable[[], Coroutine[Any, Any, Extracted]]
    facts: PageFacts | None = None


class Stages:
    """``on_stored`` is called after each document that was written. ``crawls`` knows the sites being read, ``buckets``
    how to read from S3.

    Without a ``renderer``, pages that are empty without their scripts stay so.
    """

    def __init__(
        self,
        db: Database,
        leases: LeaseStore,
        indexes: SearchIndexes,
        sources: Sources,
        pool: ExtractionPool,
        signals: Signals,
        on_stored: Callable[[], None],
        crawls: Crawls,
        buckets: Buckets,
        renderer: Renderer | None = None,
    ) -> None:
        self._db = db
        self._sources = sources
        self._pool = pool
        self._signals = signals
        self._on_stored = on_stored
        self._crawls = crawls
        self._buckets = buckets
        self._renderer = renderer
        self._leases = leases
        self._knowledge = KnowledgeStore(db)
        self._look_ahead = LookAhead(leases, self._knowledge, sources.digest, RECIPE)
        self._indexing = Indexing(db, leases, indexes, signals, on_stored)
        self._archives = Archives(db, leases, pool, sources, on_stored)

    async def run(self, claim: Claim, tending: Tending) -> bool:
        """See the item to its end; tells whether its job ended with it.

        Raises what the stages raise: ``NotExtracted``, ``EmbeddingError``, other ``SiteChatError``, ``OSError``.
        """
        self._tell(claim)
        kind = claim.locator.partition(":")[0]
        if kind == "page":
            return await self._page(claim, tending)
        if kind == "sitemap":
            return await self._sitemap(claim, tending)
        if kind == "bucket":
            return await self._buckets.look_through(claim, tending)
        if kind == "object":
            return await self._object(claim, tending)
        if kind == "blob" and await self._leases.superseded(claim):
            return await self._leases.skip(claim, "A newer version of it has been added since.", cause="superseded")
        known = await self._known(claim)
        source = await tending.during(self._sources.open(claim, known))
        if known is not None and known.blob == source.blob:
            others = await self._look_ahead.unchanged(claim, tending) if kind == "path" else []
            return await self._unchanged(claim, known, source.validators, others)
        return await self._file(claim, tending, source, known)

    async def _object(self, claim: Claim, tending: Tending) -> bool:
        """An object of a bucket: it is asked for only if it has changed."""
        known = await self._known(claim)
        source = await tending.during(self._buckets.fetch(claim, known))
        if known is not None and (source is None or source.blob == known.blob):
            return await self._unchanged(claim, known, (source or known).validators)
        assert source is not None  # without a document there is no condition
        return await self._file(claim, tending, source, known)

    async def _file(self, claim: Claim, tending: Tending, source: Source, known: Document | None) -> bool:
        """See a file to its end, or an archive to the files in it."""
        async with AsyncExitStack() as stack:
            opened = await self._open(claim, tending, stack, source)
            opened = await self._rendered(claim, tending, stack, opened, source.login)
            if known is not None and known.blob == opened.source.blob:
                return await self._unchanged(claim, known, opened.source.validators)
            try:
                reading = await self._read(tending, opened)
            except HoldsFiles:
                if not self._archives.opens(claim):
                    raise
                return await self._archives.look_through(claim, tending, opened.source.blob)
        return await self._indexing.run(claim, tending, reading)

    async def _sitemap(self, claim: Claim, tending: Tending) -> bool:
        """A list of a site's pages is no document; it leads to them."""
        crawl = await self._crawls.of(claim)
        await self._journal(claim, await tending.during(crawl.named_sitemaps(claim)))
        found = await tending.during(crawl.sitemap(claim))
        async with self._db.write() as tx:
            await self._leases.hold(claim, tx)
            await self._leases.add_found(claim, found, tx)
            return await self._leases.looked_through(claim, tx)

    async def _page(self, claim: Claim, tending: Tending) -> bool:
        """A page of a site: what it leads to is journalled before its text is judged, so that nothing of it is lost."""
        crawl = await self._crawls.of(claim)
        known = await self._known(claim)
        try:
            visit = await tending.during(crawl.visit(claim, known))
        except LeftOut as left_out:
            await self._journal(claim, left_out.found)
            if left_out.others:
                await self._leases.leave_out(claim, left_out.others, left_out.message, left_out.cause)
            raise
        async with AsyncExitStack() as stack:
            opened = await self._open(claim, tending, stack, visit.source)
            opened = await self._rendered(claim, tending, stack, opened, crawl.login)
            judged = crawl.judge(claim, visit.robots_tags, opened.facts)
            await self._journal(claim, judged.found)
            if judged.left_out is not None:
                raise judged.left_out
            if known is not None and known.blob == opened.source.blob:
                crawl.told(claim, await self._knowledge.text(Caller(known.owner_id), known.id))
                return await self._unchanged(claim, known, opened.source.validators)
            reading = await self._read(tending, opened)
        fingerprint = crawl.judge_text(claim, reading.title, reading.extracted.text)
        return await self._indexing.run(claim, tending, replace(reading, fingerprint=fingerprint))

    async def _journal(self, claim: Claim, found: Sequence[NewItem]) -> None:
        if found:
            async with self._db.write() as tx:
                await self._leases.hold(claim, tx)
                await self._leases.add_found(claim, found, tx)

    async def _known(self, claim: Claim) -> Document | None:
        """What the source held before, unless files are read in another way since."""
        known = await self._knowledge.document_at(claim.knowledge_base_id, claim.uri)
        return known if known is not None and known.recipe == RECIPE else None

    async def _unchanged(
        self,
        claim: Claim,
        known: Document,
        validators: Mapping[str, str],
        others: Sequence[tuple[str, str]] = (),
    ) -> bool:
        """``others``: items that wait, with their documents, which have not changed either."""
        async with self._db.write() as tx:
            scope = await self._leases.hold(claim, tx)
            await self._knowledge.touch([known.id], scope.source_id, tx, validators)
            if others:
                await self._knowledge.touch([document_id for _, document_id in others], scope.source_id, tx)
                await self._leases.complete_unchanged(others, tx)
            return await self._leases.complete(claim, "unchanged", known.id, tx=tx)

    async def skip(self, claim: Claim, reason: str, cause: str = "") -> bool:
        """End an item that is not read. What its source held before is not what it holds now, so that goes.

        What is not found, or was not asked for, is for the end of the whole reading to judge.
        """
        removed = False
        async with self._db.write() as tx:
            await self._leases.hold(claim, tx)
            if cause not in _JUDGED_LATER:
                removed = await self._knowledge.remove(claim.knowledge_base_id, claim.uri, tx)
            reason += " Its former text has been removed." if removed else ""
            ended = await self._leases.skip(claim, reason, tx, cause, "removed" if removed else "")
        if removed:
            self._on_stored()
        return ended

    def _tell(self, claim: Claim) -> None:
        self._signals.ring(progress(claim.job_id))

    # From bytes to passages

    async def _open(self, claim: Claim, tending: Tending, stack: AsyncExitStack, source: Source) -> Opened:
        """Keep the original and, of a web page, read what it says about itself; ``stack`` holds it open."""
        blob, size = await self._keep(claim, source)
        path = self._sources.blobs.path(blob)
        kept = replace(source, blob=blob)
        if not source.is_html:
            return Opened(kept, size, lambda: self._pool.extract(path, source.name, source.media_type))
        reading = self._pool.page(path, source.name, source.address, source.media_type)
        page = await tending.during(stack.enter_async_context(reading))
        return Opened(kept, size, page.text, page.facts)

    async def _rendered(
        self, claim: Claim, tending: Tending, stack: AsyncExitStack, opened: Opened, login: Login | None
    ) -> Opened:
        """The page as its scripts make it, where it is empty without them and they are run."""
        if self._renderer is None or opened.facts is None or not opened.facts.looks_empty_without_javascript:
            return opened
        await stack.aclose()
        page = self._sources.blobs.path(opened.source.blob)
        source = await tending.during(self._renderer.render(opened.source, page, login))
        return await self._open(claim, tending, stack, source)

    async def _read(self, tending: Tending, opened: Opened) -> Reading:
        source = opened.source
        try:
            extracted = await tending.during(opened.text())
            title = extracted.title.strip() or source.name
            passages = await tending.during(asyncio.to_thread(passages_of, extracted, title))
            if not passages:
                raise Empty
        except Empty:
            if source.address:
                raise without_text(opened.facts) from None
            raise
        return Reading(source, opened.size, extracted, title, passages)

    async def _keep(self, claim: Claim, source: Source) -> tuple[str, int]:
        """Keep the original. Nothing is swept while the journal is being written, so what is there then, stays."""
        while True:
            blob, size = await asyncio.to_thread(source.keep)
            async with self._db.write() as tx:
                await self._leases.begin_extraction(claim, blob, size, tx)
                kept = self._sources.blobs.holds(blob)
            if kept:
                self._tell(claim)
                return blob, size
