"""One item's way from its source to a searchable document.

``file_processing`` (read or fetch, keep the original) → ``text_extraction`` → ``embedding`` → ``vector_storage``.
Every stage can be cut off at any instruction and begun again: originals and vectors are keyed by what they are made
from, and the document appears together with the end of its item in one transaction.
"""

import asyncio
import hashlib
import mimetypes
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence, Set
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sitechat.identity import Caller
from sitechat.ingestion.archives import Archives
from sitechat.ingestion.causes import LeftOut
from sitechat.ingestion.chunk import chunk
from sitechat.ingestion.extract import ExtractionPool
from sitechat.ingestion.formats.base import Empty, Extracted, HoldsFiles
from sitechat.ingestion.formats.names import split_media_type
from sitechat.ingestion.login import Login
from sitechat.ingestion.render import Renderer
from sitechat.ingestion.s3.buckets import Buckets
from sitechat.ingestion.signals import Signals, progress
from sitechat.ingestion.site.crawl import Crawls, without_text
from sitechat.ingestion.site.facts import PageFacts
from sitechat.ingestion.sources import Source, Sources
from sitechat.ingestion.tending import Tending
from sitechat.storage.engine import Database
from sitechat.storage.jobs import NewItem
from sitechat.storage.knowledge import KnowledgeStore, NewDocument
from sitechat.storage.leases import Claim, LeaseStore
from sitechat.storage.values import Document, NewChunk, NewVector

RECIPE = "2"
"""Names how files become passages. A new one makes the next ingestion read unchanged files again."""
BATCH = 16
"""Passages of one item that are embedded between two writes."""
AT_ONCE = 2
"""Items that may have vectors which are not written yet, so that the search model works while one is being written.
An interruption costs :data:`BATCH` passages of each at most."""
_JUDGED_LATER = ("not_found", "out_of_scope", "budget", "trap")
SWITCH_SECONDS = 0.5
"""Pause before another try while the search model is being exchanged."""


Content = tuple[str, tuple[str, ...], str]


class SearchIndexes(Protocol):
    """What ingestion needs of the search side."""

    @property
    def generation_id(self) -> int: ...

    async def ready(self) -> None: ...

    async def embed_passages(self, chunks: Sequence[tuple[str, Sequence[str], str]], /) -> list[bytes]: ...

    async def catch_up(self) -> None: ...

    async def save(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk on its way: where it lies in the text, and what of it is embedded (title, headings, text)."""

    start: int
    end: int
    page: int | None
    content: Content

    def key(self, generation_id: int) -> bytes:
        """Names its vector: the same content has the same one in the same generation."""
        return _key(generation_id, *self.content)


@dataclass(frozen=True, slots=True)
class Opened:
    """A file whose original is kept: how to read its text, and of a web page what it says about itself."""

    source: Source
    size: int
    text: Callable[[], Coroutine[Any, Any, Extracted]]
    facts: PageFacts | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A file that has been read: its original, its text, its passages."""

    source: Source
    size: int
    extracted: Extracted
    title: str
    passages: tuple[Passage, ...]
    fingerprint: int | None = None


@dataclass(frozen=True, slots=True)
class Embedded:
    """Vectors by the keys of their passages; ``change``: what is new compared with what the source held before."""

    vectors: dict[bytes, bytes]
    change: tuple[str, int]


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
        self._indexes = indexes
        self._sources = sources
        self._pool = pool
        self._signals = signals
        self._on_stored = on_stored
        self._crawls = crawls
        self._buckets = buckets
        self._renderer = renderer
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._leases = leases
        self._knowledge = KnowledgeStore(db)
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
            return await self._unchanged(claim, known, source.validators)
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
        return await self._embed_and_store(claim, tending, reading)

    async def _sitemap(self, claim: Claim, tending: Tending) -> bool:
        """A list of a site's pages is no document; it leads to them."""
        crawl = await self._crawls.of(claim)
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
        return await self._embed_and_store(claim, tending, replace(reading, fingerprint=fingerprint))

    async def _journal(self, claim: Claim, found: Sequence[NewItem]) -> None:
        if found:
            async with self._db.write() as tx:
                await self._leases.hold(claim, tx)
                await self._leases.add_found(claim, found, tx)

    async def _known(self, claim: Claim) -> Document | None:
        """What the source held before, unless files are read in another way since."""
        known = await self._knowledge.document_at(claim.knowledge_base_id, claim.uri)
        return known if known is not None and known.recipe == RECIPE else None

    async def _unchanged(self, claim: Claim, known: Document, validators: Mapping[str, str]) -> bool:
        async with self._db.write() as tx:
            scope = await self._leases.hold(claim, tx)
            await self._knowledge.touch(known.id, scope.source_id, tx, validators)
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
            passages = await tending.during(asyncio.to_thread(_passages, extracted, title))
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

    # From passages to a document

    async def _embed_and_store(self, claim: Claim, tending: Tending, reading: Reading) -> bool:
        """Again where another search model has taken over meanwhile."""
        while True:
            generation_id = self._indexes.generation_id
            embedded, last = await self._embed(claim, tending, reading.passages, generation_id)
            async with self._turn(tending):
                embedded.vectors.update(await self._vectors(tending, last))
                ended = await self._store(claim, reading, embedded, generation_id)
            if ended is not None:
                return ended
            await tending.during(asyncio.sleep(SWITCH_SECONDS))

    async def _embed(
        self, claim: Claim, tending: Tending, passages: Sequence[Passage], generation_id: int
    ) -> tuple[Embedded, Mapping[bytes, Content]]:
        """The vectors, and what is left to embed: the last batch, to be written with the document.

        What an earlier attempt or the former text of the source had is not made again.
        """
        keys = [passage.key(generation_id) for passage in passages]
        wanted = frozenset(keys)
        vectors = await self._leases.staged(claim, wanted) if claim.begun else {}
        former = {
            _key(generation_id, stored.title, stored.headings, stored.text): stored.data
            for stored in await self._knowledge.vectors(claim.knowledge_base_id, claim.uri, generation_id)
        }
        vectors |= {key: data for key, data in former.items() if key in wanted and key not in vectors}
        missing = {key: p.content for key, p in zip(keys, passages, strict=True) if key not in vectors}
        names = list(missing)
        batches = [{key: missing[key] for key in names[at : at + BATCH]} for at in range(0, len(names), BATCH)]
        earlier = len(vectors) // BATCH

        def counts(done: int) -> tuple[tuple[int, int], tuple[int, int]]:
            return (sum(key in vectors for key in keys), len(keys)), (earlier + done, earlier + len(batches))

        await self._leases.begin_embedding(claim, *counts(0))
        self._tell(claim)
        for done, batch in enumerate(batches[:-1], start=1):
            async with self._turn(tending):
                fresh = await self._vectors(tending, batch)
                vectors.update(fresh)
                await self._leases.advance(claim, *counts(done), list(fresh.items()))
            self._tell(claim)
        return Embedded(vectors, _change(former.keys(), wanted)), batches[-1] if batches else {}

    async def _vectors(self, tending: Tending, batch: Mapping[bytes, Content]) -> dict[bytes, bytes]:
        if not batch:
            return {}
        made = await tending.during(self._indexes.embed_passages(list(batch.values())))
        return dict(zip(batch, made, strict=True))

    @asynccontextmanager
    async def _turn(self, tending: Tending) -> AsyncIterator[None]:
        """From embedding to the write of what was made: only so many items are between the two."""
        taken = False

        async def take() -> None:
            nonlocal taken
            await self._turns.acquire()
            taken = True

        try:
            await tending.during(take())
            yield
        finally:
            if taken:  # even where the item was lost in the very moment of its turn
                self._turns.release()

    async def _store(self, claim: Claim, reading: Reading, embedded: Embedded, generation_id: int) -> bool | None:
        """Document, passages, vectors and the end of the item, all at once. None: another search model serves now."""
        chunks = [_chunk(passage, embedded.vectors[passage.key(generation_id)]) for passage in reading.passages]
        async with self._db.write() as tx:
            scope = await self._leases.hold(claim, tx)
            if scope.generation_id != generation_id:
                return None
            document = NewDocument(
                knowledge_base_id=claim.knowledge_base_id,
                owner_id=scope.owner_id,
                access=scope.access,
                uri=claim.uri,
                title=reading.title,
                media_type=_media_type(reading.source, reading.extracted),
                blob=reading.source.blob,
                recipe=RECIPE,
                text=reading.extracted.text,
                pages=reading.extracted.pages,
                size=reading.size,
                flags=[{"kind": flag.kind, "excerpt": flag.excerpt} for flag in reading.extracted.flags],
                validators=reading.source.validators,
                fingerprint=reading.fingerprint,
                source_id=scope.source_id,
                language=reading.extracted.language,
            )
            document_id = await self._knowledge.replace_document(document, chunks, generation_id, tx)
            ended = await self._leases.complete(claim, "indexed", document_id, len(chunks), tx, embedded.change)
        self._on_stored()
        return ended


def _key(generation_id: int, title: str, headings: tuple[str, ...], text: str) -> bytes:
    whole = "\0".join((str(generation_id), title, *headings, "", text))
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).digest()[:16]


def _change(former: Set[bytes], present: Set[bytes]) -> tuple[str, int]:
    """What became of a document, and how many of its passages are new or different."""
    if not former:
        return "added", len(present)
    differ = max(len(present - former), len(former - present))
    return ("changed", differ) if differ else ("unchanged", 0)


def _passages(extracted: Extracted, title: str) -> tuple[Passage, ...]:
    text = extracted.text
    return tuple(
        Passage(span.start, span.end, span.page, (title, span.heading_path, text[span.start : span.end]))
        for span in chunk(extracted)
    )


def _chunk(passage: Passage, data: bytes) -> NewChunk:
    _, headings, text = passage.content
    whole = NewVector("chunk", 0, len(text), data)
    return NewChunk(passage.start, passage.end, text, headings, passage.page, (whole,))


def _media_type(source: Source, extracted: Extracted) -> str:
    """What was read: a file with pages is a PDF whatever it is called; else what the sender or the name says."""
    if extracted.pages:
        return "application/pdf"
    declared, _ = split_media_type(source.media_type)
    return declared or mimetypes.guess_type(source.name)[0] or "text/plain"
