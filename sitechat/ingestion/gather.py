"""What a person hands over (files, folders, uploads, addresses) as items of a job, each under a name that lasts.

The name decides what is the same document at the next time: a file in a folder is known by the folder's name and its
path in it, anything else by its own name. Hidden files are left out, and no folder is entered twice.
"""

import math
import os
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from sitechat.errors import InvalidInput
from sitechat.ingestion.formats.names import (
    INSTALL_OCR,
    PICTURE_SUFFIXES,
    is_picture,
    is_supported,
    ocr_installed,
    unsupported,
)
from sitechat.storage.jobs import NewItem

NO_ACCESS = "SiteChat is not allowed to open it."
NOT_UNICODE = "Its name cannot be read as text; rename it and add it again."
NOT_A_FILE = "It is not an ordinary file."
NOTHING_IN_IT = "There is nothing in it to read."
_LONGEST_NAME = 200
_BYTES_PER_PASSAGE = {".html": 1900, ".htm": 1900, ".pdf": 25_000, ".docx": 12_000, ".pptx": 50_000, ".zip": math.inf}
_BYTES_PER_PASSAGE |= dict.fromkeys(PICTURE_SUFFIXES, 200_000)
"""Measured over documentation, papers and a few office files; anything else is plain text."""
Identity = tuple[int, int]
"""Device and inode: the same for every name of a folder."""


def items_of_paths(paths: Sequence[Path], leave_out: Path) -> list[NewItem]:
    """All files at ``paths``, folders with everything in them; ``leave_out`` is a folder that is never entered.

    A path where nothing is (any more), and a folder with nothing in it, is an item as well: it says so when it is read.
    """
    names, seen = Names(), {_identity(leave_out)}
    return [item for place in places_of(paths) for item in _items_at(place, names, seen)]


def places_of(paths: Sequence[Path]) -> list[Path]:
    """The paths in full, each once."""
    return list(dict.fromkeys(Path(os.path.abspath(path)) for path in paths))


def check_paths(paths: Sequence[Path], items: Sequence[NewItem]) -> None:
    """Raises ``InvalidInput`` where one of ``paths`` does not exist, or there is nothing at all in them."""
    for path in paths:
        if not os.path.lexists(path):
            raise InvalidInput(f"There is no file or folder {_shown(str(path))}.")
    if all(item.skip == NOTHING_IN_IT for item in items):
        where = ", ".join(_shown(str(path)) for path in paths) or "what was given"
        raise InvalidInput(f"There is nothing to read in {where}: no files, or only hidden ones.")


def reason_to_skip(name: str) -> str:
    """Why a file of this name will not be read; empty where it will."""
    if is_picture(name) and not ocr_installed():
        return f"Pictures are read only with OCR. {INSTALL_OCR}"
    return "" if is_supported(name) else unsupported(name).message


def clean_name(name: str) -> str:
    """A file name as a browser sends it, for people: never a path, nothing that cannot be shown."""
    name = unicodedata.normalize("NFC", name.replace("\\", "/").rsplit("/", 1)[-1])
    name = "".join(c for c in name if c.isprintable()).strip()
    if len(name) > _LONGEST_NAME:
        suffix = PurePosixPath(name).suffix[:20]
        name = name[: _LONGEST_NAME - len(suffix)] + suffix
    return name if name not in ("", ".", "..") else "unnamed"


def expected_passages(name: str, size: int) -> float:
    """About how many a file will have: what its share in a job's percentage is measured by before it has been read."""
    return 1 + size / _BYTES_PER_PASSAGE.get(PurePosixPath(name).suffix.lower(), 700)


class Names:
    """Keeps names of one job apart: the second ``a.txt`` becomes ``a (2).txt``."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def unique(self, name: str) -> str:
        path = PurePosixPath(name)
        candidate, count = name, 1
        while candidate in self._taken:
            count += 1
            candidate = str(path.with_name(f"{path.stem} ({count}){path.suffix}"))
        self._taken.add(candidate)
        return candidate


def _items_at(path: Path, names: Names, seen: set[Identity | None]) -> Iterator[NewItem]:
    label = names.unique(_shown(path.name) or "files")
    if os.path.isdir(path):
        if _identity(path) in seen:
            return
        items = list(_items_in(path, label, names, seen))
        yield from items or [_skipped(path, label, NOTHING_IN_IT)]
    elif os.path.lexists(path):
        yield _item(path, label)
    else:
        yield NewItem(label, f"file:{label}", f"path:{_shown(str(path))}")


def _items_in(folder: Path, label: str, names: Names, seen: set[Identity | None]) -> Iterator[NewItem]:
    identity = _identity(folder)
    if identity in seen:
        return
    seen.add(identity)
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        yield _skipped(folder, label, NO_ACCESS)
        return
    for entry in entries:
        name = f"{label}/{_shown(entry.name)}"
        if entry.name.startswith("."):
            continue
        if os.path.isdir(entry.path):
            yield from _items_in(Path(entry.path), name, names, seen)
        else:
            yield _item(Path(entry.path), names.unique(name))


def _item(path: Path, name: str) -> NewItem:
    if not _is_text(str(path)):
        return _skipped(path, name, NOT_UNICODE)
    if not os.path.isfile(path):
        return _skipped(path, name, NOT_A_FILE)
    reason = reason_to_skip(name)
    if reason:
        return _skipped(path, name, reason)
    size = _size(path)
    return NewItem(name, f"file:{name}", f"path:{path}", size, weight=expected_passages(name, size))


def _skipped(path: Path, name: str, reason: str) -> NewItem:
    return NewItem(name, f"file:{name}", f"path:{_shown(str(path))}", _size(path), skip=reason)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _identity(path: Path) -> Identity | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _shown(name: str) -> str:
    """File names are bytes: this is how they are shown and kept, in one normal form."""
    return unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8"))


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
