"""The files of a tantivy index, looked at without the library: verifying, wiping, naming damage."""

import fcntl
import json
import shutil
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vectorstore.base import IndexInUseError, SnapshotError

_WRITER_LOCK = ".tantivy-writer.lock"
_SEGMENT_FILES = ("idx", "pos", "term", "store", "fieldnorm", "fast")
_FOOTER_MAGIC = 1337
_LONGEST_FOOTER = 1 << 16
_PIECE = 1 << 20


@contextmanager
def damage_named(directory: Path) -> Iterator[None]:
    """Turns what a damaged index makes of itself into :class:`SnapshotError`.

    A panic in the library is a ``BaseException`` of no importable type, hence the name.
    """
    try:
        yield
    except (ValueError, OSError, LookupError, TypeError) as error:
        raise SnapshotError(f"{directory.name} cannot be read ({error})") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise SnapshotError(f"{directory.name} is damaged ({error})") from None


def wipe(directory: Path) -> None:
    """Remove everything in ``directory``. Raises :class:`IndexInUseError` where a writer holds it."""
    with (directory / _WRITER_LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise IndexInUseError(f"another process writes to {directory}") from None
        for entry in directory.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def discard_unfinished(directory: Path) -> None:
    """Remove what a commit that never came about left behind, for the writer alone.

    The library numbers deletions anew from the last commit, and its next commit fails on a file that has its number.
    """
    segments = json.loads((directory / "meta.json").read_bytes())["segments"]
    lasting = {_deletions(segment) for segment in segments if segment["deletes"]}
    for path in (*directory.glob("*.del"), *directory.glob(".tmp*")):
        if path.name not in lasting:
            path.unlink(missing_ok=True)


def verify(directory: Path, *, changing: bool) -> None:
    """Check each live file against the CRC-32 in its footer. Raises ``OSError``, ``ValueError``, ``LookupError``.

    ``changing``: a writer may be at work, whose merges remove files under us; then only what stands is checked.
    """
    meta = json.loads((directory / "meta.json").read_bytes())
    for segment in meta["segments"]:
        name = segment["segment_id"].replace("-", "")
        files = [f"{name}.{kind}" for kind in _SEGMENT_FILES]
        if segment["deletes"]:
            files.append(_deletions(segment))
        for file in files:
            try:
                _verify_file(directory / file)
            except FileNotFoundError:
                if not changing:
                    raise


def _deletions(segment: Mapping[str, Any]) -> str:
    return f"{segment['segment_id'].replace('-', '')}.{segment['deletes']['opstamp']}.del"


def _verify_file(path: Path) -> None:
    """A file ends with ``{"version": …, "crc": …}``, the length of that, and a magic number."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 8))
        tail = file.read()
        length, magic = int.from_bytes(tail[:4], "little"), int.from_bytes(tail[4:], "little")
        body = size - 8 - length
        if magic != _FOOTER_MAGIC or body < 0 or length > _LONGEST_FOOTER:
            raise ValueError(f"{path.name} ends too early")
        file.seek(0)
        checksum, left = 0, body
        while left and (piece := file.read(min(left, _PIECE))):
            checksum = zlib.crc32(piece, checksum)
            left -= len(piece)
        if left or checksum != json.loads(file.read(length))["crc"]:
            raise ValueError(f"{path.name} has a wrong checksum")
