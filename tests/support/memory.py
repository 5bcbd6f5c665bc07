"""How much memory this process and its children take while something runs."""

import threading
from types import TracebackType
from typing import Self

import psutil

_EVERY_SECONDS = 0.02


class MemoryWatch:
    """``grown`` and ``largest_child`` in MB, highest since the last :meth:`reset`; looks fifty times a second."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.reset()

    def reset(self) -> None:
        self._before = self._most = self._process.memory_info().rss
        self._child = 0

    @property
    def grown(self) -> float:
        return (self._most - self._before) / (1 << 20)

    @property
    def largest_child(self) -> float:
        return self._child / (1 << 20)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_SECONDS):
            self._most = max(self._most, self._process.memory_info().rss)
            for child in self._process.children(recursive=True):
                try:
                    self._child = max(self._child, child.memory_info().rss)
                except psutil.Error:
                    continue  # it has just ended
