"""``python -m tests.support.ingest_process HOME SOURCE NAME``: ingests SOURCE once, surviving its own death.

SOURCE is a folder, or the address of a website. The job is added unless an earlier process was told that it had been;
NAME tells runs apart. ``--real`` uses the packaged search model, ``--retry`` puts failed items back first.

Tells what it does, a line each: seconds of the monotonic clock, ``+`` (begins), ``-`` (has ended) or ``!``, and what.
After ``!`` come ``ready`` (to serve), ``acknowledged``, ``job end``, ``ended STATUS``, ``failed REASON`` of an item,
or ``refused MESSAGE``, after which it ends with 3. ``HOME/NAME.embedded`` lists what was embedded.
"""

import argparse
import asyncio
import functools
import hashlib
import inspect
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from sitechat.errors import SiteChatError
from sitechat.identity import LOCAL
from sitechat.indexes.service import Indexes
from sitechat.ingestion.blobs import BlobStore
from sitechat.ingestion.extract import ExtractionPool
from sitechat.ingestion.housekeeping import Housekeeping
from sitechat.ingestion.site.crawl import Crawl
from sitechat.ingestion.site.plan import site
from sitechat.settings import Settings
from sitechat.storage.knowledge import KnowledgeStore
from tests.support.embedder import HashEmbedder
from tests.support.library import Library, open_library
from vectorstore import faiss_store
from vectorstore.base import EmbedKind, LateEmbedder, Vectors
from vectorstore.embeddings.factory import EmbeddingOptions, create_embedder
from vectorstore.fulltext import TantivyIndex
from vectorstore.late import LateVectors, Span

REAL_MODEL = str(Settings.model_fields["embedding"].default)
WATCHED: tuple[tuple[str, Any, str], ...] = (
    ("crawling", Crawl, "visit"),
    ("file_processing", BlobStore, "put"),
    ("text_extraction", ExtractionPool, "extract"),
    ("embedding", Indexes, "embed_passages"),
    ("vector_storage", KnowledgeStore, "replace_document"),
    ("full text", TantivyIndex, "apply"),
    ("saving", faiss_store, "write_snapshot"),
    ("sweeping", Housekeeping, "sweep"),
)
"""What is told of: the stage, and the function that is it."""


def tell(mark: str, what: str) -> None:
    line = " ".join(what.split())
    os.write(1, f"{monotonic():.6f} {mark} {line}\n".encode())


def watch() -> None:
    """Have the functions of ``WATCHED`` tell when they begin and end."""
    for stage, owner, name in WATCHED:
        setattr(owner, name, _telling(stage, getattr(owner, name)))
    ended = Housekeeping.ended

    @functools.wraps(ended)
    def telling(self: Housekeeping) -> None:
        tell("!", "job end")
        ended(self)

    Housekeeping.ended = telling  # type: ignore[method-assign]


def _telling(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def later(*args: Any, **options: Any) -> Any:
        tell("+", stage)
        try:
            return await function(*args, **options)
        finally:
            tell("-", stage)

    @functools.wraps(function)
    def at_once(*args: Any, **options: Any) -> Any:
        tell("+", stage)
        try:
            return function(*args, **options)
        finally:
            tell("-", stage)

    return later if inspect.iscoroutinefunction(function) else at_once


class RecordingEmbedder(HashEmbedder):
    """Writes down the passages it is given, and that it has given their vectors; ``real`` makes those."""

    def __init__(self, record: Path, seconds: float, real: LateEmbedder | None = None) -> None:
        super().__init__(seconds=seconds)
        self._record = os.open(record, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._real = real

    @property
    def spec(self) -> str:
        return super().spec if self._real is None else self._real.spec

    @property
    def makes_parts(self) -> bool:
        return super().makes_parts if self._real is None else self._real.makes_parts

    async def load(self) -> int:
        return await (super().load() if self._real is None else self._real.load())

    async def embed(self, texts: Sequence[str], kind: EmbedKind) -> Vectors:
        made = await (super().embed(texts, kind) if self._real is None else self._real.embed(texts, kind))
        self._note(texts)
        return made

    async def embed_late(
        self, texts: Sequence[str], spans: Sequence[Sequence[Span]]
    ) -> tuple[Vectors, list[LateVectors]]:
        if self._real is None:
            return await super().embed_late(texts, spans)  # which embeds
        made = await self._real.embed_late(texts, spans)
        self._note(texts)
        return made

    def _note(self, texts: Sequence[str]) -> None:
        names = [hashlib.sha256(text.encode()).hexdigest()[:16] for text in texts]
        os.write(self._record, json.dumps([os.getpid(), names]).encode() + b"\n")


async def main(home: Path, source: str, name: str, real: bool, retry: bool) -> int:
    model = create_embedder(REAL_MODEL, EmbeddingOptions()) if real else None
    assert model is None or isinstance(model, LateEmbedder)
    embedder = RecordingEmbedder(home / f"{name}.embedded", 0.0 if real else 0.03, model)
    settings = Settings(
        data_dir=home / "data", allow_networks="127.0.0.0/8", site_pause=0.01, max_file_mb=2, sample=False,
        _env_file=None,
    )  # fmt: skip
    try:
        async with open_library(home, embedder=embedder, settings=settings, backoff_seconds=0.2) as library:
            told = home / f"{name}.job"
            await asyncio.gather(tell_when_ready(library), see_through(library, source, told, retry))
    except SiteChatError as error:
        tell("!", f"refused {error.message}")
        return 3
    return 0


async def tell_when_ready(library: Library) -> None:
    """When the search model is loaded and the indexes serve; workers begin at the same moment."""
    await library.indexes.ready()
    tell("!", "ready")


async def see_through(library: Library, source: str, told: Path, retry: bool) -> None:
    known = await asyncio.to_thread(told.exists)
    job = await asyncio.to_thread(told.read_text) if known else await add(library, source, told)
    if retry and await library.ingestion.items(LOCAL, job, "failed"):
        await library.ingestion.retry_failed(LOCAL, job)
    record = await library.ended(job)
    for item in await library.ingestion.items(LOCAL, job, "failed"):
        tell("!", f"failed {item.reason}")
    tell("!", f"ended {record.status}")


async def add(library: Library, source: str, told: Path) -> str:
    base = await library.base()
    if source.startswith("http"):
        job = await library.ingestion.add_site(LOCAL, base.id, site(source, max_pages=100_000))
    else:
        job = await library.ingestion.add_paths(LOCAL, base.id, [Path(source)])
    await asyncio.to_thread(told.write_text, job)
    tell("!", "acknowledged")
    return job


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("home", type=Path)
    parser.add_argument("source")
    parser.add_argument("name")
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--retry", action="store_true")
    watch()
    raise SystemExit(asyncio.run(main(**vars(parser.parse_args()))))
