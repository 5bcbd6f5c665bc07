"""One item's way from its source to a searchable document.

``file_processing`` (read or fetch, keep the original) → ``text_extraction`` → ``embedding`` → ``vector_storage``.
Every stage can be cut off at any instruction and begun again: originals and vectors are keyed by what they are made
from, and the document appears together with the end of its item in one transaction.
"""

import asyncio
import hashlib
import mimetypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from sitechat.ingestion.archives import Archives
from sitechat.ingestion.causes import LeftOut
from sitechat.ingestion.chunk import chunk
from sitechat.ingestion.extract import ExtractionPool
from sitechat.ingestion.formats.base import Empty, Extracted, HoldsFiles
from sitechat.ingestion.formats.names import split_media_type
from sitechat.ingestion.s3.buckets import Buckets
from sitechat.ingestion.signals import Signals, progress
from sitechat.ingestion.site.crawl import Crawls
from sitechat.ingestion.sources import Source, Sources
from sitechat.ingestion.tending import Tending
from sitechat.storage.engine import Database
from sitechat.storage.jobs import NewItem
from sitechat.storage.knowledge import KnowledgeStore, NewDocument
from sitechat.storage.leases import Claim, LeaseStore
from sitechat.storage.values import Document, NewChunk, NewVector

RECIPE = "2"
"""Names how files become passages. A new one makes the next ingestion read unchanged files again."""
BATCH = 32
"""Passages embedded at once: the most that an interruption costs."""
SWITCH_SECONDS = 0.5
"""Pause before another try while the search model is being exchanged."""


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
    content: tuple[str, tuple[str, ...], str]

    def key(self, generation_id: int) -> bytes:
        """Names its vector: the same content has the same one in the same generation."""
        return _key(generation_id, *self.content)


@dataclass(frozen=True, slots=True)
class Reading:
    """A file that has been read: its original, its text, its passages."""

    source: Source
    size: int
    extracted: Extracted
    title: str
    passages: tuple[Passage, ...]
    validators: Mapping[str, str] = field(default_factory=dict)
    fingerprint: int | None = None


class Stages:
    """``on_stored`` is called after each document that was written. ``crawls`` knows the sites being read, ``buckets``
    how to read from S3."""

    def __init__(
        self,
        db: Database,
        indexes: SearchIndexes,
        sources: Sources,
        pool: ExtractionPool,
        signals: Signals,
        on_stored: Callable[[], None],
        crawls: Crawls,
        buckets: Buckets,
    ) -> None:
        self._db = db
        self._indexes = indexes
        self._sources = sources
        self._pool = pool
        self._signals = signals
        self._on_stored = on_stored
        self._crawls = crawls
        self._buckets = buckets
        self._leases = LeaseStore(db)
        self._knowledge = KnowledgeStore(db)
        self._archives = Archives(db, pool, sources, on_stored)

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
        source = await tending.during(self._sources.open(claim))
        known = await self._knowledge.document_at(claim.knowledge_base_id, claim.uri)
        if known is not None and (known.blob, known.recipe) == (source.blob, RECIPE):
            return await self._unchanged(claim, known)
        return await self._read(claim, tending, source)

    async def _object(self, claim: Claim, tending: Tending) -> bool:
        """An object of a bucket: it is asked for only if it has changed."""
        known = await self._knowledge.document_at(claim.knowledge_base_id, claim.uri)
        known = known if known is not None and known.recipe == RECIPE else None
        found = await tending.during(self._buckets.fetch(claim, known))
        if known is not None and (found is None or found.source.blob == known.blob):
            return await self._unchanged(claim, known, found.validators if found is not None else None)
        assert found is not None  # without a document there is no condition
        return await self._read(claim, tending, found.source, found.validators)

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
        known = await self._knowledge.document_at(claim.knowledge_base_id, claim.uri)
        known = known if known is not None and known.recipe == RECIPE else None
        try:
            visit = await tending.during(crawl.visit(claim, known))
        except LeftOut as left_out:
            await self._journal(claim, left_out.found)
            raise
        blob, size = await self._keep(claim, visit.source)
        path = self._sources.blobs.path(blob)
        facts = None
        if visit.is_html:
            facts = await tending.during(self._pool.links(path, visit.address, visit.source.media_type))
        judged = crawl.judge(claim, visit, facts)
        await self._journal(claim, judged.found)
        if judged.left_out is not None:
            raise judged.left_out
        if known is not None and known.blob == blob:
            return await self._unchanged(claim, known, visit.validators)
        try:
            reading = await self._extract(tending, visit.source, blob, size)
        except Empty:
            raise crawl.without_text(facts) from None
        fingerprint = crawl.judge_text(claim, reading.title, reading.extracted.text)
        return await self._embed_and_store(
            claim, tending, replace(reading, validators=visit.validators, fingerprint=fingerprint)
        )

    async def _journal(self, claim: Claim, found: Sequence[NewItem]) -> None:
        if found:
            async with self._db.write() as tx:
                await self._leases.hold(claim, tx)
                await self._leases.add_found(claim, found, tx)

    async def _unchanged(self, claim: Claim, known: Document, validators: Mapping[str, str] | None = None) -> bool:
        async with self._db.write() as tx:
            await self._leases.hold(claim, tx)
            await self._knowledge.touch(known.id, tx, validators)
            return await self._leases.complete(claim, "unchanged", known.id, tx=tx)

    async def skip(self, claim: Claim, reason: str, cause: str = "") -> bool:
        """End an item that is not read. What its source held before is not what it holds now, so that goes."""
        async with self._db.write() as tx:
            await self._leases.hold(claim, tx)
            if removed := await self._knowledge.remove(claim.knowledge_base_id, claim.uri, tx):
                reason += " Its former text has been removed."
            ended = await self._leases.skip(claim, reason, tx, cause)
        if removed:
            self._on_stored()
        return ended

    def _tell(self, claim: Claim) -> None:
        self._signals.ring(progress(claim.job_id))

    # From bytes to passages

    async def _read(
        self, claim: Claim, tending: Tending, source: Source, validators: Mapping[str, str] | None = None
    ) -> bool:
        """See a file to its end, or an archive to the files in it."""
        blob, size = await self._keep(claim, source)
        try:
            reading = await self._extract(tending, source, blob, size)
        except HoldsFiles:
            if not self._archives.opens(claim):
                raise
            return await self._archives.look_through(claim, tending, blob)
        return await self._embed_and_store(claim, tending, replace(reading, validators=validators or {}))

    async def _extract(self, tending: Tending, source: Source, blob: str, size: int) -> Reading:
        path = self._sources.blobs.path(blob)
        extracted = await tending.during(self._pool.extract(path, source.name, source.media_type))
        title = extracted.title.strip() or source.name
        passages = await tending.during(asyncio.to_thread(_passages, extracted, title))
        if not passages:
            raise Empty
        return Reading(Source(blob, source.name, source.media_type, source.keep), size, extracted, title, passages)

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
            vectors = await self._embed(claim, tending, reading.passages, generation_id)
            ended = await self._store(claim, reading, vectors, generation_id)
            if ended is not None:
                return ended
            await tending.during(asyncio.sleep(SWITCH_SECONDS))

    async def _embed(
        self, claim: Claim, tending: Tending, passages: Sequence[Passage], generation_id: int
    ) -> list[bytes]:
        """The passages' vectors, in order. What an earlier attempt or the former text of the source had is not made
        again."""
        keys = [passage.key(generation_id) for passage in passages]
        wanted = frozenset(keys)
        vectors = await self._leases.staged(claim, wanted) if claim.begun else {}
        for stored in await self._knowledge.vectors(claim.knowledge_base_id, claim.uri, generation_id):
            key = _key(generation_id, stored.title, stored.headings, stored.text)
            if key in wanted:
                vectors.setdefault(key, stored.data)
        missing = {key: p.content for key, p in zip(keys, passages, strict=True) if key not in vectors}
        names = list(missing)
        batches = [names[at : at + BATCH] for at in range(0, len(names), BATCH)]
        earlier = len(vectors) // BATCH

        def counts(done: int) -> tuple[tuple[int, int], tuple[int, int]]:
            return (sum(key in vectors for key in keys), len(keys)), (earlier + done, earlier + len(batches))

        await self._leases.begin_embedding(claim, *counts(0))
        self._tell(claim)
        for done, batch in enumerate(batches, start=1):
            made = await tending.during(self._indexes.embed_passages([missing[key] for key in batch]))
            fresh = list(zip(batch, made, strict=True))
            vectors.update(fresh)
            if len(batches) > 1:  # the last batch is stored with the document in a moment
                await self._leases.advance(claim, *counts(done), fresh if done < len(batches) else [])
                self._tell(claim)
        return [vectors[key] for key in keys]

    async def _store(self, claim: Claim, reading: Reading, vectors: Sequence[bytes], generation_id: int) -> bool | None:
        """Document, passages, vectors and the end of the item, all at once. None: another search model serves now."""
        chunks = [_chunk(passage, data) for passage, data in zip(reading.passages, vectors, strict=True)]
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
                validators=reading.validators,
                fingerprint=reading.fingerprint,
                language=reading.extracted.language,
            )
            document_id = await self._knowledge.replace_document(document, chunks, generation_id, tx)
            ended = await self._leases.complete(claim, "indexed", document_id, len(chunks), tx)
        self._on_stored()
        return ended


def _key(generation_id: int, title: str, headings: tuple[str, ...], text: str) -> bytes:
    whole = "\0".join((str(generation_id), title, *headings, "", text))
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).digest()[:16]


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
