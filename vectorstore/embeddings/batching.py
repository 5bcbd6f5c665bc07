"""Threads that own a model, and the order in which texts reach it.

Queries that arrive within a few milliseconds of each other, or while the model is busy, are encoded together, and
before any passage. Whoever has the fewest passages left is served first, so that documents end one after the other and
not all at once; with each go those nearest in length of all that wait, since a batch is as long as the longest of it. A
question asked in the middle of an ingestion waits for one small batch at most.

Several threads with an encoder each keep the processor busier than one encoder with several threads of its own does:
that one waits for the slowest of its threads after every layer, and all of it for the interpreter's lock.
"""

import asyncio
import atexit
import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vectorstore.base import EmbeddingError, EmbedKind, Vectors
from vectorstore.late import LateVectors, Span

_GATHER_SECONDS = 0.002
_QUERY_BATCH = 64
_LEAVE_SECONDS = 30.0
_CLOSED = "The search model has been closed."

Encode = Callable[[list[str], EmbedKind], NDArray[np.generic]]
EncodeLate = Callable[[list[str], list[Sequence[Span]]], tuple[NDArray[np.generic], list[LateVectors]]]
"""A row for each text, and the vectors of its parts."""
GoOn = Callable[[], None]
"""Called between the steps of a load; raises when nobody wants the model any more."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """One copy of a model. ``late`` is None where it has no token vectors in the space of its texts' vectors."""

    plain: Encode
    late: EncodeLate | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model: each of ``encoders`` gives one row of ``dimension`` numbers a text, on a thread of its own.

    ``passage_batch``: texts at once.
    """

    encoders: tuple[Encoder, ...]
    dimension: int
    passage_batch: int


@dataclass(eq=False, slots=True)
class _Request:
    """Texts of one caller. ``waiting``: the places of those that no encoder has taken yet, the longest first.

    ``spans``: the sentences of each text, where vectors of its parts are wanted; these come to be in ``parts``.
    """

    texts: Sequence[str]
    kind: EmbedKind
    vectors: Vectors
    spans: Sequence[Sequence[Span]] | None = None
    parts: dict[int, LateVectors] = field(default_factory=dict)
    waiting: list[int] = field(init=False)
    left: int = field(init=False)
    done: Future[None] = field(default_factory=Future)

    def __post_init__(self) -> None:
        self.waiting = sorted(range(len(self.texts)), key=lambda place: -len(self.texts[place]))
        self.left = len(self.texts)
        self.done.set_running_or_notify_cancel()  # so that a caller who leaves does not end it under our hands

    def spans_of(self, places: Sequence[int]) -> Sequence[Sequence[Span]]:
        return [() if self.spans is None else self.spans[place] for place in places]

    def fill(self, places: Sequence[int], rows: Vectors, parts: Sequence[LateVectors]) -> None:
        """``parts`` is empty where none were made."""
        self.vectors[places] = rows
        self.parts.update(zip(places, parts, strict=False))
        self.left -= len(places)
        if not self.left and not self.done.done():
            self.done.set_result(None)

    def fail(self, error: EmbeddingError) -> None:
        self.waiting.clear()
        if not self.done.done():
            self.done.set_exception(error)


_Batch = dict[_Request, list[int]]
"""Places of the texts to encode together."""


class EncodingThreads:
    """Loads a model on a thread of its own, and encodes there and on one more for each further encoder until closed."""

    def __init__(self, load: Callable[[GoOn], Model]) -> None:
        self.loaded: Future[Model] = Future()
        self._load = load
        self._changed = threading.Condition()
        self._queries: deque[_Request] = deque()
        self._passages: list[_Request] = []
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="embedder", daemon=True)
        self.loaded.set_running_or_notify_cancel()
        self._more: list[threading.Thread] = []
        atexit.register(self._leave)
        self._thread.start()

    async def encode(self, texts: Sequence[str], kind: EmbedKind) -> Vectors:
        """Unit rows in the order of ``texts``. A caller who is cancelled takes what has not begun along."""
        return (await self._encoded(texts, kind, None)).vectors

    async def encode_late(
        self, texts: Sequence[str], spans: Sequence[Sequence[Span]]
    ) -> tuple[Vectors, list[LateVectors]]:
        """Passages: unit rows in the order of ``texts``, and the vectors of their parts; ``spans`` are sentences.

        There are parts of all texts, or of none.
        """
        done = await self._encoded(texts, "passage", spans)
        return done.vectors, [done.parts[place] for place in sorted(done.parts)]

    async def _encoded(self, texts: Sequence[str], kind: EmbedKind, spans: Sequence[Sequence[Span]] | None) -> _Request:
        model = await asyncio.shield(asyncio.wrap_future(self.loaded))
        request = _Request(texts, kind, np.empty((len(texts), model.dimension), np.float32), spans)
        if texts:
            self._submit(request)
            try:
                await asyncio.wrap_future(request.done)
            finally:
                with self._changed:
                    request.waiting.clear()
        return request

    def close(self, timeout: float) -> None:
        """Refuse what waits and end the threads after their batches; a model still loading is left to itself."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self.loaded.done():
            self._join(timeout)

    def _leave(self) -> None:
        """Before the interpreter goes: it aborts the process if native code is running on a thread then."""
        self.close(0)
        self._join(_LEAVE_SECONDS)

    def _join(self, timeout: float) -> None:
        until = time.monotonic() + timeout
        for thread in (self._thread, *self._more):
            thread.join(max(0.0, until - time.monotonic()))

    def _submit(self, request: _Request) -> None:
        with self._changed:
            if self._closed:
                raise EmbeddingError(_CLOSED)
            (self._queries if request.kind == "query" else self._passages).append(request)
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            self._work()
        finally:
            for thread in self._more:
                thread.join()
            atexit.unregister(self._leave)

    def _go_on(self) -> None:
        if self._closed:
            raise EmbeddingError(_CLOSED)

    def _work(self) -> None:
        try:
            model = self._load(self._go_on)
        except BaseException as error:  # noqa: BLE001  told to all who wait for the model
            self.loaded.set_exception(error)
            return
        self._more = [
            threading.Thread(target=self._serve, args=(model, encoder), name="embedder", daemon=True)
            for encoder in model.encoders[1:]
        ]
        for thread in self._more:
            thread.start()
        self.loaded.set_result(model)
        self._serve(model, model.encoders[0])

    def _serve(self, model: Model, encoder: Encoder) -> None:
        while batch := self._next(model.passage_batch):
            try:
                rows, parts = _encode(model, encoder, batch)
            except Exception as error:  # noqa: BLE001  whatever a model raises belongs to those who asked
                self._fail(batch, error if isinstance(error, EmbeddingError) else _failure(error))
            else:
                self._fill(batch, rows, parts)

    def _next(self, passage_batch: int) -> _Batch:
        """What to encode together, queries first; nothing when closed."""
        with self._changed:
            while not self._closed:
                batch: _Batch = {}
                if self._queries:
                    self._changed.wait_for(lambda: self._closed, _GATHER_SECONDS)
                    batch = {} if self._closed else self._take_queries()
                elif not (batch := self._take_passages(passage_batch)):
                    self._changed.wait()
                if batch:
                    return batch
            for request in (*self._queries, *self._passages):
                if request.waiting:
                    request.fail(EmbeddingError(_CLOSED))
            return {}

    def _take_queries(self) -> _Batch:
        batch: _Batch = {}
        room = _QUERY_BATCH
        while self._queries and (not batch or len(self._queries[0].waiting) <= room):
            request = self._queries.popleft()
            if request.waiting:
                batch[request], request.waiting = request.waiting, []
                room -= len(batch[request])
        return batch

    def _take_passages(self, room: int) -> _Batch:
        """The longest text of who has the fewest, and those nearest to it in length; its own rather than others'."""
        self._passages = [request for request in self._passages if request.waiting]
        if not self._passages:
            return {}
        first = min(self._passages, key=lambda request: len(request.waiting))
        longest = len(first.texts[first.waiting[0]])

        def distance(text: tuple[_Request, int]) -> tuple[int, bool]:
            request, place = text
            return abs(longest - len(request.texts[place])), request is not first

        waiting = ((request, place) for request in self._passages for place in request.waiting)
        batch: _Batch = {}
        for request, place in heapq.nsmallest(room, waiting, key=distance):
            batch.setdefault(request, []).append(place)
            request.waiting.remove(place)
        return batch

    def _fill(self, batch: _Batch, rows: Vectors, parts: Sequence[LateVectors]) -> None:
        start = 0
        with self._changed:
            for request, places in batch.items():
                end = start + len(places)
                request.fill(places, rows[start:end], [] if request.spans is None else parts[start:end])
                start = end

    def _fail(self, batch: _Batch, error: EmbeddingError) -> None:
        with self._changed:
            for request in batch:
                request.fail(error)


def _encode(model: Model, encoder: Encoder, batch: _Batch) -> tuple[Vectors, list[LateVectors]]:
    """Rows of the batch's texts in order, and their parts where someone of the batch wants those."""
    texts = [request.texts[place] for request, places in batch.items() for place in places]
    if encoder.late is None or all(request.spans is None for request in batch):
        return unit_rows(encoder.plain(texts, next(iter(batch)).kind), model.dimension), []
    rows, parts = encoder.late(
        texts, [spans for request, places in batch.items() for spans in request.spans_of(places)]
    )
    return unit_rows(rows, model.dimension), parts


def _failure(error: Exception) -> EmbeddingError:
    return EmbeddingError(f"The search model failed ({type(error).__name__}: {error}). Try again.", transient=True)


def unit_rows(rows: object, dimension: int | None = None) -> Vectors:
    """``rows`` as float32 of unit length. Raises :class:`EmbeddingError` where they are not vectors."""
    try:
        matrix = np.array(rows, np.float32)
    except (TypeError, ValueError):
        matrix = np.empty(0, np.float32)
    if matrix.ndim != 2 or (dimension is not None and matrix.shape[1] != dimension):
        shape = f"of shape {matrix.shape}" if matrix.size else "of no shape"
        raise EmbeddingError(f"The search model answered with vectors {shape}, which do not fit the index.")
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    if not np.isfinite(norms).all():
        raise EmbeddingError("The search model answered with numbers that are not finite.", transient=True)
    unit: Vectors = matrix / np.maximum(norms, 1e-12)
    return unit
