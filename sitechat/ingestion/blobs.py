"""The original files, kept under the SHA-256 of their content: a name that comes from outside is never a path.

A file appears under its name whole and on the disk, or not at all: it is written beside its place, synced, renamed,
and the folder is synced, also where the file is there already, since whoever put it there may have died before that.
All methods block: call them in a thread.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from sitechat.errors import InvalidInput, NotFound

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PIECE = 1 << 20
_TEMPORARY = ".part"


class TooLargeToKeep(InvalidInput):
    """The file is larger than one file may be."""

    @classmethod
    def than(cls, limit: int) -> "TooLargeToKeep":
        """For a limit in bytes."""
        return cls(f"It is larger than {limit / 1_000_000:,.0f} MB, the most that is read of one file.")


class BlobStore:
    """Files by their content's hash, in ``root/ab/cdef…``."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.incoming = root / "incoming"
        """Where files are while they arrive; it may not be there yet."""
        self._durable: set[Path] = set()
        """Folders of which this process knows that their own names are on the disk."""

    def put(self, source: Path | BinaryIO, limit: int) -> tuple[str, int]:
        """Keep a copy of ``source``; return its SHA-256 and size. The same content is kept once.

        Raises :class:`TooLargeToKeep` above ``limit`` bytes, and ``NotFound`` if ``source`` is a path without a file.
        """
        with _opened(source) as stream:
            return self._put(stream, limit)

    def path(self, sha256: str) -> Path:
        """Where the file is, or would be."""
        if not _SHA256.fullmatch(sha256):
            raise InvalidInput("That is not the name of a kept file.")
        return self._root / sha256[:2] / sha256[2:]

    def holds(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def kept(self) -> set[str]:
        """The SHA-256 of every file that is kept."""
        names = (path.parent.name + path.name for path in self._root.glob("[0-9a-f][0-9a-f]/*"))
        return {name for name in names if _SHA256.fullmatch(name)}

    def delete(self, sha256: str) -> None:
        """Remove the file; nothing happens if it is not there."""
        self.path(sha256).unlink(missing_ok=True)

    def tidy(self) -> int:
        """Remove what interrupted writes left behind; return how many files. The living hold a lock on theirs."""
        if not self.incoming.is_dir():
            return 0
        removed = 0
        for leftover in self.incoming.glob(f"*{_TEMPORARY}"):
            with contextlib.suppress(FileNotFoundError, BlockingIOError), leftover.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                leftover.unlink()
                removed += 1
        return removed

    def _put(self, stream: BinaryIO, limit: int) -> tuple[str, int]:
        handle, name = self._begin()
        try:
            with os.fdopen(handle, "wb") as file:
                sha256, size = _copy(stream, file, limit)
                file.flush()
                os.fsync(file.fileno())
            self._settle(Path(name), self.path(sha256), size)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)
            raise
        return sha256, size

    def _begin(self) -> tuple[int, str]:
        """A new temporary file, under a lock that ends with this process."""
        self.incoming.mkdir(parents=True, exist_ok=True)
        while True:
            handle, name = tempfile.mkstemp(suffix=_TEMPORARY, dir=self.incoming)
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(handle).st_nlink:
                    return handle, name
            os.close(handle)  # it was tidied away before it was locked

    def _settle(self, written: Path, place: Path, size: int) -> None:
        if place.is_file() and place.stat().st_size == size:
            written.unlink()
        else:
            place.parent.mkdir(exist_ok=True)
            os.replace(written, place)
        _sync_folder(place.parent)
        for folder in (place.parent, self._root):
            if folder not in self._durable:
                _sync_folder(folder.parent)
                self._durable.add(folder)


@contextlib.contextmanager
def _opened(source: Path | BinaryIO) -> Iterator[BinaryIO]:
    if not isinstance(source, Path):
        yield source
        return
    try:
        if not source.is_file():
            raise NotFound("The file is not there any more.")
        stream = source.open("rb")
    except PermissionError:
        raise InvalidInput("SiteChat is not allowed to read this file; check its permissions.") from None
    with stream:
        yield stream


def _copy(stream: BinaryIO, file: BinaryIO, limit: int) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    while piece := stream.read(_PIECE):
        size += len(piece)
        if size > limit:
            raise TooLargeToKeep.than(limit)
        digest.update(piece)
        file.write(piece)
    return digest.hexdigest(), size


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
