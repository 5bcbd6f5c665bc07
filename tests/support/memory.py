"""How much memory this process and its children take while something runs."""

import threading
from time import monotonic
from types import TracebackType
from typing import Self

import psutil

_EVERY_SECONDS = 0.02
_LEAVING = 60.0
"""Seconds."""
_STILL = 1 << 20
"""Bytes that a second of waiting may take and count as none."""


class MemoryWatch:
    """``grown`` and ``largest_child`` in MB, highest since the last :meth:`reset`; looks fifty times a second.

    A search model that an earlier test of this process began to load and left to itself is waited for first: loading
    cannot be interrupted everywhere, and takes hundreds of megabytes.
    """

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        _wait_for_models(self._process)
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


def _wait_for_models(process: psutil.Process) -> None:
    """Until no thread of a model is left, or they have ceased to take memory."""
    for thread in threading.enumerate():
        before = -1
        until = monotonic() + _LEAVING
        while thread.name == "embedder" and thread.is_alive() and monotonic() < until:
            if (taken := process.memory_info().rss) <= before + _STILL:
                break
            before = taken
            thread.join(1)
