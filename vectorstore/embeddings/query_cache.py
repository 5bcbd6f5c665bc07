"""Vectors of questions, kept for a while: a question asked again, or by several at once, is embedded once.

Passages are not kept here: each is embedded once in its life, and its vector is in the database.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic

import numpy as np

from vectorstore.base import Embedder, Vectors

SIZE = 2048
"""Questions; of 384 dimensions they take 3 MB."""

SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class _Held:
    """Row ``row`` of what ``task`` gives or gave; good until ``until``."""

    task: "asyncio.Task[Vectors]"
    row: int
    until: float


class QueryVectors:
    """Keyed by the embedder's ``spec`` and the text; lives on one event loop. ``clock`` counts seconds.

    The least recently used go first. A failure is not kept.
    """

    def __init__(self, size: int = SIZE, seconds: float = SECONDS, clock: Callable[[], float] = monotonic) -> None:
        self._size = size
        self._seconds = seconds
        self._clock = clock
        self._held: OrderedDict[tuple[str, str], _Held] = OrderedDict()

    async def embed(self, embedder: Embedder, texts: Sequence[str]) -> Vectors:
        """As ``embedder.embed(texts, "query")``; whoever waits may be cancelled without harm to the others."""
        if not texts:
            return await embedder.embed(texts, "query")
        now = self._clock()
        missing = [text for text in dict.fromkeys(texts) if not self._has((embedder.spec, text), now)]
        if missing:
            task = asyncio.create_task(_embed(embedder, missing), name="embed-query")
            for row, text in enumerate(missing):
                self._held[embedder.spec, text] = _Held(task, row, now + self._seconds)
            task.add_done_callback(self._forget_failed)
        held = [self._held[embedder.spec, text] for text in texts]
        for text in texts:
            self._held.move_to_end((embedder.spec, text))
        while len(self._held) > self._size:
            self._held.popitem(last=False)
        return np.stack([(await asyncio.shield(each.task))[each.row] for each in held])

    def _has(self, key: tuple[str, str], now: float) -> bool:
        held = self._held.get(key)
        return held is not None and now < held.until

    def _forget_failed(self, task: "asyncio.Task[Vectors]") -> None:
        if task.cancelled() or task.exception() is not None:
            for key in [key for key, held in self._held.items() if held.task is task]:
                del self._held[key]


async def _embed(embedder: Embedder, texts: Sequence[str]) -> Vectors:
    return await embedder.embed(texts, "query")
