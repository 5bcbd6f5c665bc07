"""Threads that own a model, and the order in which texts reach it.

Queries that arrive within a few milliseconds of each other, or while the model is busy, are encoded together, and
before any passage. Passages are cut into small batches of like length, taken in turn from those who wait, and what is
left over of several documents is encoded together; so a question asked in the middle of an ingestion waits for one
small batch at most.

Several threads with an encoder each keep the processor busier than one encoder with several threads of its own does:
that one waits for the slowest of its threads after every layer, and all of it for the interpreter's lock.
"""

import asyncio
import atexit
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vectorstore.base import EmbeddingError, EmbedKind, Vectors

_GATHER_SECONDS = 0.002
_QUERY_BATCH = 64
_LEAVE_SECONDS = 30.0

Encode = Callable[[list[str], EmbedKind], NDArray[np.generic]]
GoOn = Callable[[], None]
"""Called between the steps of a load; raises when nobody wants the model any more."""


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model: each of ``encoders`` gives one row of ``dimension`` numbers a text, on a thread of its own.

    ``passage_batch``: texts at once.
    """

    encoders: tuple[Encode, ...]
    dimension: int
    passage_batch: int


@dataclass(frozen=True, slots=True)
class _Task:
    texts: list[str]
    kind: EmbedKind
    result: Future[Vectors] = field(default_factory=Future)


class EncodingThreads:
    """Loads a model on a thread of its own, and encodes there and on one more for each further encoder until closed."""

    def __init__(self, load: Callable[[GoOn], Model]) -> None:
        self.loaded: Future[Model] = Future()
        self._load = load
        self._changed = threading.Condition()
        self._queries: deque[_Task] = deque()
        self._passages: deque[deque[_Task]] = deque()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="embedder", daemon=True)
        self.loaded.set_running_or_notify_cancel()
        self._more: list[threading.Thread] = []
        atexit.register(self._leave)
        self._thread.start()

    async def encode(self, texts: Sequence[str], kind: EmbedKind) -> Vectors:
        """Unit rows in the order of ``texts``. A caller who is cancelled takes what has not begun along."""
        model = await asyncio.shield(asyncio.wrap_future(self.loaded))
        size = model.passage_batch if kind == "passage" else max(1, len(texts))
        order = sorted(range(len(texts)), key=lambda i: -len(texts[i]))
        batches = [order[i : i + size] for i in range(0, len(order), size)]
        tasks = [_Task([texts[i] for i in batch], kind) for batch in batches]
        self._submit(tasks, kind)
        vectors = np.empty((len(texts), model.dimension), np.float32)
        try:
            results = await asyncio.gather(*(asyncio.wrap_future(task.result) for task in tasks))
        finally:
            for task in tasks:
                task.result.cancel()
        for batch, rows in zip(batches, results, strict=True):
            vectors[batch] = rows
        return vectors

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

    def _submit(self, tasks: list[_Task], kind: EmbedKind) -> None:
        with self._changed:
            if self._closed:
                raise EmbeddingError("The search model has been closed.")
            if kind == "query":
                self._queries.extend(tasks)
            elif tasks:
                self._passages.append(deque(tasks))
            self._changed.notify(len(tasks))

    def _run(self) -> None:
        try:
            self._work()
        finally:
            atexit.unregister(self._leave)

    def _go_on(self) -> None:
        if self._closed:
            raise EmbeddingError("The search model has been closed.")

    def _work(self) -> None:
        try:
            model = self._load(self._go_on)
        except BaseException as error:  # noqa: BLE001  told to all who wait for the model
            self.loaded.set_exception(error)
            return
        self._more = [
            threading.Thread(target=self._serve, args=(model, encode), name="embedder", daemon=True)
            for encode in model.encoders[1:]
        ]
        for thread in self._more:
            thread.start()
        self.loaded.set_result(model)
        self._serve(model, model.encoders[0])

    def _serve(self, model: Model, encode: Encode) -> None:
        while tasks := self._next(model.passage_batch):
            _encode(model, encode, [task for task in tasks if task.result.set_running_or_notify_cancel()])

    def _next(self, passage_batch: int) -> list[_Task]:
        """The tasks to encode together, queries first; none when closed."""
        with self._changed:
            while not self._closed:
                if self._queries:
                    self._changed.wait_for(lambda: self._closed, _GATHER_SECONDS)
                    if self._queries and not self._closed:
                        return self._take_queries()
                elif self._passages:
                    return self._take_passages(passage_batch)
                else:
                    self._changed.wait()
            return self._refuse()

    def _take_queries(self) -> list[_Task]:
        taken = [self._queries.popleft()]
        room = _QUERY_BATCH - len(taken[0].texts)
        while self._queries and len(self._queries[0].texts) <= room:
            taken.append(self._queries.popleft())
            room -= len(taken[-1].texts)
        return taken

    def _take_passages(self, room: int) -> list[_Task]:
        """The next batch of who has waited longest; small ones of others ride along."""
        self._passages.rotate(-1)
        first = self._passages[-1]
        taken = [first.popleft()]
        room -= len(taken[0].texts)
        for request in self._passages:
            if request and len(request[0].texts) <= room:
                taken.append(request.popleft())
                room -= len(taken[-1].texts)
        self._passages = deque(request for request in self._passages if request)
        return taken

    def _refuse(self) -> list[_Task]:
        waiting = [*self._queries, *(task for request in self._passages for task in request)]
        self._queries.clear()
        self._passages.clear()
        for task in waiting:
            if task.result.set_running_or_notify_cancel():
                task.result.set_exception(EmbeddingError("The search model has been closed."))
        return []


def _encode(model: Model, encode: Encode, tasks: list[_Task]) -> None:
    if not tasks:
        return
    try:
        rows = unit_rows(encode([text for task in tasks for text in task.texts], tasks[0].kind), model.dimension)
    except Exception as error:  # noqa: BLE001  whatever a model raises belongs to those who asked
        wrapped = error if isinstance(error, EmbeddingError) else _failure(error)
        for task in tasks:
            task.result.set_exception(wrapped)
        return
    start = 0
    for task in tasks:
        task.result.set_result(rows[start : start + len(task.texts)])
        start += len(task.texts)


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
