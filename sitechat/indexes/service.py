"""The search side of SiteChat: one embedding model, one dense and one full-text index, always behind the database.

Everything here is derived. At start the stored indexes are opened and replayed from where they were; one that is
absent, damaged or of another time is built again from the database, with a notice. The embedding model loads in the
background; full text serves before it. Another embedding model in the settings makes a new *generation* of vectors
beside the old one, which serves until the new one is complete.
"""

import asyncio
import functools
import logging
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import numpy as np

from sitechat.disk import trouble_with_disk
from sitechat.errors import SiteChatError, Unavailable
from sitechat.indexes import passages, stored
from sitechat.indexes.follower import DenseFollower, IndexVersion, TextFollower, follow, version
from sitechat.indexes.late import LateReader, QueryVector, Sentences
from sitechat.indexes.state import SearchState
from sitechat.storage.values import Embedding
from sitechat.storage.vectors import HEADING_SEPARATOR, Generation, VectorsStore
from vectorstore.base import (
    Embedder,
    EmbeddingError,
    Filter,
    Hit,
    IndexInUseError,
    SnapshotError,
    TextIndex,
    Vectors,
    VectorStore,
    WordScore,
)
from vectorstore.embeddings.query_cache import QueryVectors
from vectorstore.factory import create_text_index
from vectorstore.late import LateScore
from vectorstore.words import searched_text

log = logging.getLogger(__name__)
T = TypeVar("T")


class Indexes:
    """``serving``: this process owns the data directory and may write; otherwise it reads beside the owner."""

    def __init__(
        self,
        vectors: VectorsStore,
        directory: Path,
        make_embedder: Callable[[str], Embedder],
        spec: str,
        *,
        exact_limit: int,
        serving: bool,
    ) -> None:
        self.notices: list[str] = []
        self.embedder: Embedder = make_embedder(spec)
        self._wanted = self.embedder
        self._queries = QueryVectors()
        self._vectors = vectors
        self._directory = directory
        self._make_embedder = make_embedder
        self._spec = spec
        self._exact_limit = exact_limit
        self._serving = serving
        self._threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="search")
        self._late = LateReader(vectors, self._run)
        self._dense: DenseFollower | None = None
        self._generation: Generation | None = None
        self._text: TextFollower | None = None
        self._following = asyncio.Lock()
        self._text_ready = asyncio.Event()
        self._loading: asyncio.Task[None] | None = None
        self._migration: asyncio.Task[None] | None = None

    # Life

    def start(self) -> None:
        """Begin loading in the background."""
        if self._loading is None or (self._loading.done() and self._failure is not None):
            self._loading = asyncio.create_task(self._load(), name="load-indexes")

    async def ready(self) -> None:
        """Wait until dense search serves. Raises ``Unavailable`` where the search model cannot be loaded."""
        self.start()
        assert self._loading is not None
        await asyncio.shield(self._loading)

    @property
    def state(self) -> SearchState:
        if self._dense is not None:
            return SearchState("ready")
        failure = self._failure
        if failure is not None:
            return SearchState("failed", str(failure))
        return SearchState("loading", "The search model is loading.")

    @property
    def generation_id(self) -> int:
        """Where new vectors belong; wait for :meth:`ready` first."""
        if self._generation is None:
            raise Unavailable("The search model is still loading. Try again in a moment.")
        return self._generation.id

    @property
    def version(self) -> IndexVersion:
        """What a search that begins now is made on."""
        return version(self._dense, self._text)

    @property
    def _failure(self) -> BaseException | None:
        task = self._loading
        return task.exception() if task is not None and task.done() and not task.cancelled() else None

    def counts(self) -> tuple[int, int]:
        """Vectors in the dense index, and chunks in the full-text index."""
        dense, text = self._dense, self._text
        return dense.store.count() if dense else 0, text.index.count() if text else 0

    async def save(self) -> None:
        """Write the dense index's snapshot; full text is durable by itself. Raises ``OSError``."""
        dense = self._dense
        if dense is not None and self._serving:
            await self._run(dense.store.save)

    async def _save_if_possible(self, store: VectorStore) -> None:
        """An old snapshot is no loss: what it lacks comes from the database."""
        try:
            await self._run(store.save)
        except OSError as error:
            log.warning("the search index could not be saved: %s", error)

    async def close(self) -> None:
        for task in (self._loading, self._migration):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        async with self._following:
            if self._dense is not None:
                if self._serving:
                    await self._save_if_possible(self._dense.store)
                self._dense.store.close()
            if self._text is not None:
                await self._run(self._text.index.close)
        await self.embedder.close()
        self._threads.shutdown(wait=False)

    # Search

    async def query_vector(self, query: str, *, leans_on: Sequence[str] = ()) -> QueryVector:
        """What a query is searched by. Raises ``Unavailable``.

        ``leans_on``: earlier texts, each of which is joined to the query; all of them weigh as much as it does alone.
        """
        await self.ready()
        generation = self.generation_id  # exchanged together with the embedder
        vectors = await self.query_vectors([query, *(f"{text} {query}" for text in leans_on)])
        vector = vectors[0] + vectors[1:].mean(axis=0) if leans_on else vectors[0]
        return QueryVector(generation, vector / np.float32(np.linalg.norm(vector) or 1.0))

    async def dense(self, query: QueryVector, k: int, where: Filter) -> list[Hit]:
        """The ``k`` chunks whose vectors are nearest to the query's. Raises ``Unavailable``."""
        await self.ready()
        dense = self._dense
        assert dense is not None
        if query.generation != dense.generation.id:
            raise Unavailable("The search model has just been exchanged. Ask again.")
        return await self._run(lambda: dense.store.search(query.values, k, where))

    async def late(self, query: QueryVector, chunk_ids: Collection[int]) -> dict[int, LateScore]:
        """How near the query comes to single windows and sentences of these chunks, of those whose parts have vectors.

        None of them have where the embedding model makes no such vectors.
        """
        generation = self._generation
        return {} if generation is None else await self._late.scores(generation, query, chunk_ids)

    async def sentences(self, query: QueryVector, chunk_ids: Collection[int]) -> dict[int, Sentences]:
        """Where the sentences of these chunks lie, and their unit vectors, to be compared with ``query``.

        They were made at ingestion, so none is embedded here. Chunks whose parts have no vectors are left out.
        """
        generation = self._generation
        return {} if generation is None else await self._late.sentences(generation, query, chunk_ids)

    async def query_vectors(self, questions: Sequence[str]) -> Vectors:
        """Of questions, kept for a while. Raises ``Unavailable``."""
        await self.ready()
        try:
            return await self._queries.embed(self.embedder, questions)
        except EmbeddingError as error:
            raise Unavailable(error.message, retry_after=error.retry_after) from error

    async def full_text(self, query: str, k: int, where: Filter) -> list[Hit]:
        """The ``k`` chunks that share the query's words best, by tantivy's BM25."""
        if not query:
            return []
        await self._text_ready.wait()
        text = self._text
        assert text is not None
        return await self._run(lambda: text.index.search(query, k, where))

    async def rescore(self, query: str, chunks: Sequence[tuple[str, Sequence[str], str, str]]) -> list[WordScore]:
        """Lucene's BM25 of candidates ``(title, heading path, text, language)``, over words and over adjacent pairs."""
        if not query:
            return [WordScore(0.0, 0.0)] * len(chunks)
        await self._text_ready.wait()
        text = self._text
        assert text is not None
        texts = [searched_text(title, HEADING_SEPARATOR.join(path), body) for title, path, body, _ in chunks]
        languages = [language for *_, language in chunks]
        return await self._run(lambda: text.index.rescore(query, texts, languages))

    async def similarity(self, question: str, sentences: Sequence[str]) -> Sequence[float]:
        """Cosine of the question with each sentence."""
        vectors = await self.query_vectors([question, *sentences])
        return [float(value) for value in vectors[1:] @ vectors[0]]

    # Following the database

    async def catch_up(self) -> None:
        """Apply the newest changes of the database to both indexes."""
        async with self._following:
            if self._dense is not None:
                await follow(self._dense, self._vectors)
            if self._text is not None and self._serving:
                await self._follow_text(self._text)

    async def embed_passages(self, chunks: Sequence[passages.Content]) -> list[Embedding]:
        """What is stored of chunks beside their text, in order."""
        return await passages.embed(self.embedder, chunks)

    async def _follow_text(self, text: TextFollower) -> None:
        """Raises ``Unavailable`` where the disk is to blame; what was written before stands, and the rest follows."""
        try:
            await follow(text, self._vectors)
        except (OSError, ValueError, SnapshotError) as error:
            if (trouble := trouble_with_disk(error)) is not None:
                raise Unavailable(trouble) from error
            log.warning("the full-text index could not be written (%s); building it again", error)
            self.notices.append("The full-text index was damaged and has been rebuilt from the database.")
            index = await self._run(lambda: create_text_index(self._text_path))
            self._text = TextFollower(index, self._vectors, self._run)
            await follow(self._text, self._vectors)

    # Loading

    @property
    def _text_path(self) -> Path:
        return self._directory / "fulltext"

    def _dense_path(self, generation: Generation) -> Path:
        return self._directory / f"dense-{generation.id}.faiss"

    async def _load(self) -> None:
        try:
            await self._open_text()
            await self._open_dense()
        except IndexInUseError as error:
            raise Unavailable(f"Another process writes to the search index: {error}") from error
        except EmbeddingError as error:
            raise Unavailable(error.message, retry_after=error.retry_after) from error
        except (OSError, ValueError, SnapshotError) as error:
            raise Unavailable(trouble_with_disk(error) or f"The search index cannot be opened: {error}") from error

    async def _open_text(self) -> None:
        if self._text is None:
            head = await self._vectors.head()
            opening = asyncio.ensure_future(self._run(lambda: self._stored_text(head)))
            try:
                text = TextFollower(await asyncio.shield(opening), self._vectors, self._run)
                if self._serving:
                    with suppress(Unavailable):  # it serves what it has; housekeeping goes on trying
                        await self._follow_text(text)
            except asyncio.CancelledError:
                await self._run((await opening).close)  # else its lock would outlive this engine
                raise
            self._text = self._text or text
        self._text_ready.set()

    def _stored_text(self, head: int) -> TextIndex:
        index, reason = stored.text_index(self._text_path, head, serving=self._serving)
        self._tell_rebuilt("full-text index", reason, head)
        return index

    async def _open_dense(self) -> None:
        wanted = self._wanted
        active, building = await self._stored_generations()
        if active is not None and active.embedding != self._spec:
            self.embedder = self._make_embedder(active.embedding)
        dimension = await self._load_model(wanted, active)
        if active is None and not self._serving:
            raise Unavailable("The SiteChat that owns the data directory is still starting. Try again in a moment.")
        if active is None:
            active = await self._vectors.add_generation(self._spec, dimension, "active")
        await self._serve(active, self.embedder)
        if self._serving:
            self._migration = asyncio.create_task(self._migrate(wanted, building), name="embedding-generation")

    async def _load_model(self, wanted: Embedder, active: Generation | None) -> int:
        try:
            return await self.embedder.load()
        except EmbeddingError as error:
            if self.embedder is wanted or active is None:
                raise
            log.warning("the former search model cannot be loaded (%s)", error.message)
            self.notices.append(
                f"The former search model cannot be loaded, so answers use full text only until "
                f"{self._spec} has been prepared."
            )
            return active.dimension

    async def _stored_generations(self) -> tuple[Generation | None, Generation | None]:
        found = await self._vectors.generations()
        active = next((g for g in found if g.state == "active"), None)
        building = next((g for g in found if g.state == "building"), None)
        return active, building

    async def _serve(self, generation: Generation, embedder: Embedder) -> None:
        head = await self._vectors.head()
        store = await self._run(lambda: self._stored_dense(generation, head))
        if self._serving:
            await self._save_if_possible(store)  # a new one is on disk before it holds anything, so absence means loss
        follower = DenseFollower(store, self._vectors, generation, self._run)
        async with self._following:
            behind = follower.sequence < head
            await follow(follower, self._vectors)
            self._dense, self._generation, self.embedder = follower, generation, embedder
        if behind and self._serving:
            await self._save_if_possible(store)

    def _stored_dense(self, generation: Generation, head: int) -> VectorStore:
        store, reason = stored.vector_store(self._dense_path(generation), generation, head, self._exact_limit)
        self._tell_rebuilt("search index", reason, head)
        return store

    def _tell_rebuilt(self, what: str, reason: str, head: int) -> None:
        """Nothing is told where there was nothing to rebuild it from."""
        if reason and head:
            log.warning("the %s is rebuilt from the database: %s", what, reason)
            self.notices.append(f"The {what} was missing or damaged and has been rebuilt from the database.")

    # Generations

    async def _migrate(self, wanted: Embedder, building: Generation | None) -> None:
        """Fill gaps of the active generation, or build the wanted one beside it and switch."""
        try:
            assert self._generation is not None
            if self._generation.embedding == self._spec:
                if building is not None:
                    await self._vectors.discard(building.id)
                await self._fill(self.embedder, self._generation)
            else:
                await self._switch(wanted, building)
        except (EmbeddingError, SiteChatError) as error:
            log.warning("vectors of the new search model could not be made: %s", error.message)
            self.notices.append(f"The new search model is not in use yet. {error.message}")

    async def _switch(self, wanted: Embedder, building: Generation | None) -> None:
        dimension = await wanted.load()
        if building is None or building.embedding != self._spec:
            if building is not None:
                await self._vectors.discard(building.id)
            building = await self._vectors.add_generation(self._spec, dimension, "building")
        self.notices.append(f"Preparing the new search model {self._spec}; the former one serves until it is complete.")
        await self._fill(wanted, building)
        former, old_embedder = self._generation, self.embedder
        await self._vectors.activate(building.id)
        await self._serve(building, wanted)
        await self._fill(wanted, building)
        await old_embedder.close()
        self.notices[:] = [notice for notice in self.notices if not notice.startswith("Preparing the new")]
        if former is not None:
            self._dense_path(former).unlink(missing_ok=True)

    async def _fill(self, embedder: Embedder, generation: Generation) -> None:
        filled = await passages.fill(embedder, self._vectors, generation)
        if filled and generation is self._generation:
            await self.catch_up()

    async def _run(self, function: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, functools.partial(function))
