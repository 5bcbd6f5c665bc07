"""What the embedding model makes of passages: their vectors and, where it can, those of their windows and sentences."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from providers.sentences import split_sentences
from sitechat.indexes.embedded import embedding_text
from sitechat.storage.values import Embedding
from sitechat.storage.vectors import Generation, VectorsStore
from vectorstore.base import Embedder, LateEmbedder
from vectorstore.late import Span

FILLED_AT_ONCE = 256
Content = tuple[str, Sequence[str], str]
"""Title, heading path and text of a passage."""


async def embed(embedder: Embedder, contents: Sequence[Content]) -> list[Embedding]:
    """In order. Raises ``EmbeddingError``."""
    texts = [embedding_text(*content) for content in contents]
    if not isinstance(embedder, LateEmbedder):
        return [Embedding(row) for row in _rows(await embedder.embed(texts, "passage"))]
    before = [len(text) - len(content[2]) for text, content in zip(texts, contents, strict=True)]
    sentences = [_moved(split_sentences(content[2]), by) for content, by in zip(contents, before, strict=True)]
    vectors, parts = await embedder.embed_late(texts, sentences)
    if not parts:
        return [Embedding(row) for row in _rows(vectors)]
    late = [replace(each, spans=_moved(each.spans, -by)).to_bytes() for each, by in zip(parts, before, strict=True)]
    return [Embedding(row, part) for row, part in zip(_rows(vectors), late, strict=True)]


async def fill(embedder: Embedder, vectors: VectorsStore, generation: Generation) -> bool:
    """Make what is missing of a generation's vectors; tells whether there was any. Raises ``EmbeddingError``."""
    last = 0
    await embedder.load()
    late = isinstance(embedder, LateEmbedder) and embedder.makes_parts
    while chunks := await vectors.chunks_without(generation.id, FILLED_AT_ONCE, after=last, late=late):
        made = await embed(embedder, [(chunk.title, chunk.heading_path, chunk.text) for chunk in chunks])
        await vectors.add_vectors(generation.id, list(zip(chunks, made, strict=True)))
        last = chunks[-1].id
    return last > 0


def _rows(vectors: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> list[bytes]:
    return [row.tobytes() for row in np.ascontiguousarray(vectors, dtype="<f4")]


def _moved(spans: Sequence[Span], by: int) -> tuple[Span, ...]:
    return tuple((start + by, end + by) for start, end in spans)
