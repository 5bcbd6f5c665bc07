"""One thread that owns a model, and the order in which texts reach it.

Queries that arrive within a few milliseconds of each other, or while the model is busy, are encoded together, and
before any passage. Passages are cut into small batches of like length, taken in turn from those who wait, and what is
left over of several documents is encoded together; so a question asked in the middle of an ingestion waits for one
small batch at most.
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
    """A loaded model: ``encode`` gives one row of ``dimension`` numbers a text. ``passage_batch``: texts at once."""

    encode: Encode
    dimension: int
    passage_batch: int


@dataclass(frozen=True, slots=True)
class _Task:
    texts: list[str]
    kind: EmbedKind
    result: Future[Vectors] = field(default_factory=Future)


class EncodingThread:
    """Loads a model on a thread of its own, and encodes there until it is closed."""

    def __init__(self, load: Callable[[GoOn], Model]) -> None:
        self.loaded: Future[Model] = Future()
        self._load = load
        self._changed = threading.Condition()
        self._queries: deque[_Task] = deque()
        self._passages: deque[deque[_Task]] = deque()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="embedder", daemon=True)
        self.loaded.set_running_or_notify_cancel()
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
        """Refuse what waits and end the thread after the batch at hand; a model still loading is left to itself."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self.loaded.done():
            self._thread.join(timeout)

    def _leave(self) -> None:
        """Before the interpreter goes: it aborts the process if native code is running on a thread then."""
        self.close(0)
        self._thread.join(_LEAVE_SECONDS)

    def _submit(self, tasks: list[_Task], kind: EmbedKind) -> None:
        with self._changed:
            if self._closed:
                raise EmbeddingError("The search model has been closed.")
            if kind == "query":
                self._queries.extend(tasks)
            elif tasks:
                self._passages.append(deque(tasks))
            self._changed.notify()

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
        self.loaded.set_result(model)
        while tasks := self._next(model.passage_batch):
            _encode(model, [task for task in tasks if task.result.set_running_or_notify_cancel()])

    def _next(self, passage_batch: int) -> list[_Task]:
        """The tasks to encode together, queries first; none when closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._queries or self._passages)
            asked = bool(self._queries)
        if asked:
            time.sleep(_GATHER_SECONDS)
        with self._changed:
            if self._closed:
                return self._refuse()
            return self._take_queries() if asked else self._take_passages(passage_batch)

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
        for task in (*self._queries, *(task for request in self._passages for task in request)):
            if task.result.set_running_or_notify_cancel():
                task.result.set_exception(EmbeddingError("The search model has been closed."))
        return []


def _encode(model: Model, tasks: list[_Task]) -> None:
    if not tasks:
        return
    try:
        rows = unit_rows(model.encode([text for task in tasks for text in task.texts], tasks[0].kind), model.dimension)
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
