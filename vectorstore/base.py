"""What the indexes are to SiteChat: derived copies of the database that answer "what is near this?".

Both follow the database's change sequence: ``sequence`` is the last change an index has applied, and applying a
change twice leaves it as applying it once. Methods are synchronous, safe to call from several threads, and never let
one search wait for another. All vectors are float32 of unit length, so the inner product is the cosine.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from vectorstore.late import LateVectors, Span

Vectors = NDArray[np.float32]
"""Shape ``(n, dimension)``, rows of unit length."""

VectorKind = Literal["chunk", "window", "sentence"]
CHUNKS: frozenset[VectorKind] = frozenset({"chunk"})


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a record belongs and who may read it; every index filters by these before ranking.

    ``access`` holds principals (``user:…``, ``group:…``, ``everyone``), any one of which may read the record.
    """

    knowledge_base_id: str
    document_id: str
    owner_id: str
    access: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VectorRecord:
    """One stored vector: ``id`` is the database's and never reused; several may belong to one chunk."""

    id: int
    chunk_id: int
    kind: VectorKind
    scope: Scope


@dataclass(frozen=True, slots=True)
class TextRecord:
    """One chunk for full text; ``title`` and ``heading`` are searched together with ``text``.

    ``language`` is an ISO 639-1 code, empty where it is not known.
    """

    chunk_id: int
    scope: Scope
    title: str
    heading: str
    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records an operation may touch; ``None`` means any. A record must pass every part.

    ``principals``: the record's ``access`` must share one with these.
    """

    knowledge_base_ids: frozenset[str] | None = None
    document_ids: frozenset[str] | None = None
    principals: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk found: ``score`` is the cosine (dense) or BM25 (full text), higher is nearer."""

    chunk_id: int
    score: float


@dataclass(frozen=True, slots=True)
class WordScore:
    """BM25 of a text for a query: over ``terms`` (stop words left out) and over adjacent ``pairs`` of words."""

    terms: float
    pairs: float


class SnapshotError(Exception):
    """A stored index is absent, damaged or of another model; the message says which, for the operator."""


class IndexInUseError(Exception):
    """Another process writes to this index: it must be left alone, not rebuilt."""


@runtime_checkable
class VectorStore(Protocol):
    """Dense vectors of one embedding generation."""

    @property
    def dimension(self) -> int: ...

    @property
    def sequence(self) -> int: ...

    def apply(
        self, deletes: Iterable[Filter], records: Sequence[VectorRecord], vectors: Vectors, *, sequence: int
    ) -> None:
        """Delete what the filters match, then add; becomes visible to searches all at once."""
        ...

    def search(
        self, query: NDArray[np.float32], k: int, where: Filter, kinds: frozenset[VectorKind] = CHUNKS
    ) -> list[Hit]:
        """The ``k`` nearest chunks to ``query`` (shape ``(dimension,)``), best first.

        Each chunk once, by its best vector of one of ``kinds``.
        """
        ...

    def vectors_of(self, chunk_ids: Iterable[int], kind: VectorKind = "chunk") -> dict[int, Vectors]:
        """The stored vectors of these chunks, in the order of their ids; chunks not held are left out."""
        ...

    def count(self, where: Filter | None = None) -> int:
        """Vectors held."""
        ...

    def save(self) -> None:
        """Write a snapshot that survives a kill or a power cut at any instruction."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class TextIndex(Protocol):
    """Full text over chunks."""

    @property
    def sequence(self) -> int: ...

    def apply(self, deletes: Iterable[Filter], records: Sequence[TextRecord], *, sequence: int) -> None:
        """Delete what the filters match (by document or knowledge base), then add; durable on return."""
        ...

    def search(self, query: str, k: int, where: Filter) -> list[Hit]:
        """The ``k`` best chunks by BM25, of any language; any text is a valid query, operators have no meaning."""
        ...

    def rescore(self, query: str, texts: Sequence[str], languages: Sequence[str] = ()) -> list[WordScore]:
        """Finer scores of candidates, in order; a text is made by :func:`~vectorstore.words.searched_text`.

        ``languages`` are the texts' own, as in :class:`TextRecord`; without them all count as English.

        Add to a cosine as ``cosine + .03 · terms + .005 · pairs``.
        """
        ...

    def count(self, where: Filter | None = None) -> int:
        """Chunks held."""
        ...

    def close(self) -> None: ...


EmbedKind = Literal["query", "passage"]


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors. ``spec`` (``local/…``, ``openai/…``, ``bedrock/…``) names the vector space."""

    @property
    def spec(self) -> str: ...

    @property
    def ready(self) -> bool:
        """Whether ``embed`` would answer without loading anything first."""
        ...

    async def load(self) -> int:
        """Load once (later calls await the first); return the dimension. Raises :class:`EmbeddingError`."""
        ...

    async def embed(self, texts: Sequence[str], kind: EmbedKind) -> Vectors:
        """Shape ``(len(texts), dimension)``, unit rows, in order. Raises :class:`EmbeddingError`."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class LateEmbedder(Embedder, Protocol):
    """An embedder that may see into its texts."""

    @property
    def makes_parts(self) -> bool:
        """Whether the model allows it; known once it is loaded, False before."""
        ...

    async def embed_late(
        self, texts: Sequence[str], spans: Sequence[Sequence[Span]]
    ) -> tuple[Vectors, list[LateVectors]]:
        """Vectors of passages as :meth:`embed` makes them, and those of their parts from the same run of the model.

        ``spans``: the sentences of each text. The second list is empty where the model makes none.
        """
        ...


class EmbeddingError(Exception):
    """The embedding model could not be loaded or reached; one plain sentence with what to do.

    ``transient``: the same call may succeed in a moment.
    """

    def __init__(self, message: str, *, transient: bool = False, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.transient = transient
        self.retry_after = retry_after


@runtime_checkable
class Reranker(Protocol):
    """Says how well passages fit a question, more finely and more slowly than a search does."""

    @property
    def spec(self) -> str: ...

    def start(self) -> None:
        """Begin loading in the background."""
        ...

    async def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """One number from 0 to 1 for each text, in order; higher fits better. Raises :class:`RerankError`."""
        ...

    async def close(self) -> None: ...


class RerankError(Exception):
    """The reranker could not be loaded, or failed; one plain sentence with what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
