"""A search model for tests: no download, no time, the same vector for the same text, nearer for shared words."""

import asyncio
import hashlib
import re
from collections.abc import Sequence

import numpy as np

from vectorstore.base import EmbeddingError, EmbedKind, Vectors
from vectorstore.late import LateVectors, Span, encoded

DIMENSION = 32


class HashEmbedder:
    """Implements ``LateEmbedder``; a text has one window, itself.

    ``texts`` lists everything that was embedded; ``failures`` are raised first, in order. ``gate`` holds every call
    back until it is set.
    """

    def __init__(self, spec: str = "local/hash", seconds: float = 0.0) -> None:
        self.texts: list[str] = []
        self.failures: list[EmbeddingError] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self._spec = spec
        self._seconds = seconds
        self._loaded = False

    @property
    def spec(self) -> str:
        return self._spec

    @property
    def ready(self) -> bool:
        return self._loaded

    @property
    def makes_parts(self) -> bool:
        return self._loaded

    async def load(self) -> int:
        self._loaded = True
        return DIMENSION

    async def embed(self, texts: Sequence[str], kind: EmbedKind) -> Vectors:
        await self.gate.wait()
        await asyncio.sleep(self._seconds)
        if self.failures:
            raise self.failures.pop(0)
        if kind == "passage":
            self.texts.extend(texts)
        return _vectors(texts)

    async def embed_late(
        self, texts: Sequence[str], spans: Sequence[Sequence[Span]]
    ) -> tuple[Vectors, list[LateVectors]]:
        vectors = await self.embed(texts, "passage")
        parts = [
            LateVectors(encoded(vector[np.newaxis]), encoded(_vectors([text[a:b] for a, b in wanted])), tuple(wanted))
            for text, vector, wanted in zip(texts, vectors, spans, strict=True)
        ]
        return vectors, parts

    async def close(self) -> None:
        self._loaded = False


def _vectors(texts: Sequence[str]) -> Vectors:
    return np.stack([_vector(text) for text in texts]) if texts else np.zeros((0, DIMENSION), np.float32)


def _vector(text: str) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    vector = np.full(DIMENSION, 0.01, np.float32)
    for word in re.findall(r"\w+", text.lower()):
        vector[hashlib.sha256(word.encode()).digest()[0] % DIMENSION] += 1
    return (vector / np.linalg.norm(vector)).astype(np.float32)
