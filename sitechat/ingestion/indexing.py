"""From passages to a searchable document: the stages ``embedding`` and ``vector_storage``.

Vectors are keyed by what they are made from, so that none is made twice, and the document appears together with the
end of its item in one transaction.
"""

import asyncio
import hashlib
import mimetypes
from collections.abc import AsyncIterator, Callable, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from sitechat.ingestion.chunk import chunk
from sitechat.ingestion.formats.base import Extracted
from sitechat.ingestion.formats.names import split_media_type
from sitechat.ingestion.signals import Signals, progress
from sitechat.ingestion.sources import Source
from sitechat.ingestion.tending import Tending
from sitechat.storage.engine import Database
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.leases import Claim, LeaseStore
from sitechat.storage.values import Embedding, NewChunk, NewDocument, NewVector

RECIPE = "3"
"""Names how files become passages. A new one makes the next ingestion read unchanged files again."""
BATCH = 12
"""Passages of one item that are embedded between two writes."""
AT_ONCE = 3
"""Items that may have vectors which are not written yet, so that the search model works while one is being written.
An interruption costs :data:`BATCH` passages of each at most."""
SWITCH_SECONDS = 0.5
"""Pause before another try while the search model is being exchanged."""
Content = tuple[str, tuple[str, ...], str]


class SearchIndexes(Protocol):
    """What ingestion needs of the search side."""

    @property
    def generation_id(self) -> int: ...

    async def ready(self) -> None: ...

    async def embed_passages(self, chunks: Sequence[tuple[str, Sequence[str], str]], /) -> list[Embedding]: ...

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
    """What was made of passages, by their keys; ``change``: what is new compared with what the source held before."""

    made: dict[bytes, Embedding]
    change: tuple[str, int]


class Indexing:
    """``on_stored`` is called after each document that was written."""

    def __init__(
        self, db: Database, leases: LeaseStore, indexes: SearchIndexes, signals: Signals, on_stored: Callable[[], None]
    ) -> None:
        self._db = db
        self._leases = leases
        self._indexes = indexes
        self._signals = signals
        self._on_stored = on_stored
        self._knowledge = KnowledgeStore(db)
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def run(self, claim: Claim, tending: Tending, reading: Reading) -> bool:
        """From passages to a searchable document; tells whether the job ended with it.

        Again where another search model has taken over meanwhile.
        """
        while True:
            generation_id = self._indexes.generation_id
            embedded, last = await self._embed(claim, tending, reading.passages, generation_id)
            async with self._turn(tending):
                embedded.made.update(await self._vectors(tending, last))
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
        made = await self._leases.staged(claim, wanted) if claim.begun else {}
        former = {
            _key(generation_id, stored.title, stored.headings, stored.text): stored.embedding
            for stored in await self._knowledge.vectors(claim.knowledge_base_id, claim.uri, generation_id)
        }
        made |= {key: each for key, each in former.items() if key in wanted and key not in made}
        missing = {key: p.content for key, p in zip(keys, passages, strict=True) if key not in made}
        names = list(missing)
        batches = [{key: missing[key] for key in names[at : at + BATCH]} for at in range(0, len(names), BATCH)]
        earlier = len(made) // BATCH

        def counts(done: int) -> tuple[tuple[int, int], tuple[int, int]]:
            return (sum(key in made for key in keys), len(keys)), (earlier + done, earlier + len(batches))

        await self._leases.begin_embedding(claim, *counts(0))
        self._signals.ring(progress(claim.job_id))
        for done, batch in enumerate(batches[:-1], start=1):
            async with self._turn(tending):
                fresh = await self._vectors(tending, batch)
                made.update(fresh)
                await self._leases.advance(claim, *counts(done), fresh)
            self._signals.ring(progress(claim.job_id))
        return Embedded(made, _change(former.keys(), wanted)), batches[-1] if batches else {}

    async def _vectors(self, tending: Tending, batch: Mapping[bytes, Content]) -> dict[bytes, Embedding]:
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
        chunks = [_chunk(passage, embedded.made[passage.key(generation_id)]) for passage in reading.passages]
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


def passages_of(extracted: Extracted, title: str) -> tuple[Passage, ...]:
    text = extracted.text
    return tuple(
        Passage(span.start, span.end, span.page, (title, span.heading_path, text[span.start : span.end]))
        for span in chunk(extracted)
    )


def _chunk(passage: Passage, embedding: Embedding) -> NewChunk:
    _, headings, text = passage.content
    whole = NewVector("chunk", 0, len(text), embedding.vector)
    return NewChunk(passage.start, passage.end, text, headings, passage.page, (whole,), embedding.late)


def _media_type(source: Source, extracted: Extracted) -> str:
    """What was read: a file with pages is a PDF whatever it is called; else what the sender or the name says."""
    if extracted.pages:
        return "application/pdf"
    declared, _ = split_media_type(source.media_type)
    return declared or mimetypes.guess_type(source.name)[0] or "text/plain"
