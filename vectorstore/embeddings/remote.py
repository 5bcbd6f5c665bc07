"""What embedding models behind an API have in common: batches by size, a few at a time, tried again in moderation."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any

import numpy as np
import stamina

from vectorstore.base import EmbeddingError, EmbedKind, Vectors
from vectorstore.embeddings.batching import unit_rows

Call = Callable[[list[str], EmbedKind], Awaitable[object]]
"""One request: texts to rows of numbers. Raises :class:`EmbeddingError`."""

_AT_ONCE = 4
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 8.0
_ATTEMPTS: dict[EmbedKind, int] = {"query": 3, "passage": 6}
_PATIENCE: dict[EmbedKind, float] = {"query": 5.0, "passage": 60.0}
"""Longest wait that a server may ask for and get, in seconds: a person waits for a query."""


async def embed_remotely(batches: Iterator[list[str]], kind: EmbedKind, call: Call, dimension: int | None) -> Vectors:
    """Embed all batches, a few at once; the first failure stops the others."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(batch: list[str]) -> Vectors:
        async with gate:
            return await _patiently(batch, kind, call, dimension)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(batch)) for batch in batches]
    except* EmbeddingError as failures:
        raise _first(failures) from None
    return np.concatenate([task.result() for task in tasks])


def batches_of(texts: Sequence[str], *, most: int, most_bytes: int, longest: int) -> Iterator[list[str]]:
    """Batches in order, of ``most`` texts and ``most_bytes`` of UTF-8; a text is cut at ``longest`` bytes."""
    batch: list[str] = []
    size = 0
    for text in texts:
        encoded = text.encode("utf-8", "replace")[:longest]
        if batch and (len(batch) == most or size + len(encoded) > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(encoded.decode("utf-8", "ignore").strip() or ".")  # an empty text is an error to the servers
        size += len(encoded)
    if batch:
        yield batch


async def _patiently(batch: list[str], kind: EmbedKind, call: Call, dimension: int | None) -> Vectors:
    async for attempt in _attempts(kind):
        with attempt:
            rows = unit_rows(await call(batch, kind), dimension)
            if len(rows) != len(batch):
                raise EmbeddingError(f"The search model answered {len(rows)} vectors for {len(batch)} texts.")
            return rows
    raise AssertionError("the last attempt returns or raises")


def _attempts(kind: EmbedKind) -> AsyncIterator[Any]:
    def wait(error: Exception) -> bool | float:
        if not isinstance(error, EmbeddingError) or not error.transient:
            return False
        if error.retry_after is None:
            return True
        return float(error.retry_after) if error.retry_after <= _PATIENCE[kind] else False

    return aiter(
        stamina.retry_context(
            on=wait,
            attempts=_ATTEMPTS[kind],
            timeout=None,
            wait_initial=_FIRST_WAIT,
            wait_max=_LONGEST_WAIT,
            wait_jitter=_FIRST_WAIT,
        )
    )


def _first(failures: BaseExceptionGroup[EmbeddingError]) -> EmbeddingError:
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
