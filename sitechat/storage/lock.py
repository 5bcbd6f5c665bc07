"""One process owns a data directory: a kernel lock, which is gone when the process dies."""

import fcntl
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from sitechat.errors import DataDirectoryInUse


class DataDirectoryLock:
    """Taken by :meth:`acquire`; the file beside it says who holds it and where that process answers."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "lock"
        self._file: int | None = None

    def acquire(self, address: str) -> Self:
        """Raises ``DataDirectoryInUse``, which says who holds it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _describe(os.pread(handle, 4096, 0))
            os.close(handle)
            raise DataDirectoryInUse(
                f"The data directory {self._path.parent.resolve()} is in use by another SiteChat ({holder}). "
                "Use that one, stop it, or set SITECHAT_DATA_DIR to another folder."
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps({"pid": os.getpid(), "address": address}).encode(), 0)
        self._file = handle
        return self

    def release(self) -> None:
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _describe(content: bytes) -> str:
    try:
        holder = json.loads(content)
        return f"process {int(holder['pid'])}, {holder['address']}"
    except (ValueError, KeyError, TypeError):
        return "starting up"
