"""What a full or failing disk says, whoever met it (Python, SQLite, tantivy), in one sentence for people."""

import errno
import os
import re

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_BROKEN = (errno.EIO, errno.EROFS, errno.ENXIO, errno.ENODEV)
_RUST = re.compile(r"\(os error (\d+)\)|code: (\d+), kind:")
_SQLITE = {"SQLITE_FULL": errno.ENOSPC, "SQLITE_IOERR": errno.EIO, "SQLITE_READONLY": errno.EROFS}


def trouble_with_disk(error: BaseException) -> str | None:
    """The sentence; None where something else is the matter."""
    code = _errno(error)
    if code in _FULL:
        return "The disk is full. Make room on it, then retry."
    if code in _BROKEN:
        return f"The disk cannot be written ({os.strerror(code)}). Check it, then retry."
    return None


def _errno(error: BaseException) -> int:
    """0 where it has none. SQLAlchemy keeps SQLite's error in ``orig``; tantivy has only words."""
    error = getattr(error, "orig", None) or error
    if isinstance(error, OSError):
        return error.errno or 0
    if name := getattr(error, "sqlite_errorname", None):
        return next((code for prefix, code in _SQLITE.items() if str(name).startswith(prefix)), 0)
    found = _RUST.search(str(error))
    return int(found[1] or found[2]) if found else 0
