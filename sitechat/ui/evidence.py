"""The passages behind citation marks, as marks, cards and the reader script show them."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sitechat.errors import NotFound
from sitechat.events import Citation
from sitechat.runtime import Runtime
from sitechat.storage.values import Chunk, Document
from sitechat.ui import session, text
from sitechat.ui.markdown import Mark

_AROUND = 320
"""Characters of the passage shown on each side of the quoted words."""

Found = Chunk | Document | None
"""What a citation's passage is now: still there; gone, but its document is not; or both gone."""


@dataclass(frozen=True, slots=True)
class Passage:
    """The quoted words with what stands around them; ``about`` says when they were read, or what became of them."""

    before: str
    quote: str
    after: str
    about: str


def marks(citations: Iterable[Citation]) -> dict[int, Mark]:
    return {c.number: Mark(c.number, c.url, text.source_tooltip(c.number, c.title, c.quote)) for c in citations}


def find(citations: Sequence[Citation]) -> dict[int, Found]:
    """Chunk id to what is there now, in one visit to the engine."""
    documents = {c.chunk_id: c.document_id for c in citations}
    if not documents:
        return {}
    found = session.call(lambda runtime: _find_all(runtime, documents))
    return dict(zip(documents, found, strict=True))


async def _find_all(runtime: Runtime, documents: Mapping[int, str]) -> list[Found]:
    return await asyncio.gather(*(_find(runtime, chunk, document) for chunk, document in documents.items()))


async def _find(runtime: Runtime, chunk_id: int, document_id: str) -> Found:
    try:
        return await runtime.knowledge.passage(session.caller(), chunk_id)
    except NotFound:
        pass
    try:
        return await runtime.knowledge.document(session.caller(), document_id)
    except NotFound:
        return None


def passage(citation: Citation, found: Found, now: datetime) -> Passage:
    """``now`` is in the reader's time zone."""
    if isinstance(found, Chunk):
        start, end = citation.start - found.start, citation.end - found.start
        if found.text[start:end] == citation.quote:
            about = text.read(text.ago(citation.read_at or found.read_at, now))
            return Passage(_before(found.text[:start]), citation.quote, _after(found.text[end:]), about)
    if found is None:
        return Passage("", citation.quote, "", text.NO_LONGER)
    changed = found.updated_at if isinstance(found, Document) else found.read_at
    return Passage("", citation.quote, "", text.source_changed(text.day(changed.astimezone(now.tzinfo))))


def card(citation: Citation, shown: Passage) -> dict[str, Any]:
    """For the reader script."""
    return {
        "title": citation.title,
        "section": section(citation),
        "before": shown.before,
        "quote": shown.quote,
        "after": shown.after,
        "about": shown.about,
    }


def section(citation: Citation) -> str:
    """Heading path and page, without repeating the title."""
    path = [part for part in citation.heading.split(" › ") if part and part != citation.title]
    return " · ".join([*path[-2:], *([text.page(citation.page)] if citation.page else [])])


def _before(words: str) -> str:
    return words if len(words) <= _AROUND else "…" + words[-_AROUND:].partition(" ")[2]


def _after(words: str) -> str:
    return words if len(words) <= _AROUND else words[:_AROUND].rpartition(" ")[0] + "…"
