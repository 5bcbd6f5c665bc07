"""The files in a zip archive from a stranger: listed with why one will not be read, before anything is unpacked.

A member's name is a name and never a path: nothing is written where it points to.
"""

import stat
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sitechat.ingestion.formats.archive import open_archive
from sitechat.ingestion.formats.base import Empty, HoldsFiles, Unreadable
from sitechat.ingestion.formats.charset import decode
from sitechat.ingestion.formats.names import is_archive, is_supported, unsupported

DAMAGED = "It is damaged: the archive cannot be opened."
_NOTHING = "There are no files in it, or only hidden ones."
_LOCKED = "It is protected by a password; unpack the archive and add the file itself."
_LINK = "It is a link to another file, and links in archives are not followed."
_LEADS_OUT = "Its name leads out of the archive, so it was not read."
_PACKED = "It is packed in a way that is not read; pack the archive as an ordinary zip file and add it again."
_TWICE = "The archive holds another file of this name later on, which is read instead."
_LONGEST_PART = 200
_DEEPEST = 40
_UTF8_NAME = 0x800
_LOCKED_FLAGS = 0x1 | 0x40
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNIX = 3


@dataclass(frozen=True, slots=True)
class Member:
    """A file at ``index`` in an archive's directory. ``skip`` says why it will not be read, ``cause`` in a word.

    ``size`` in bytes is what the archive declares.
    """

    index: int
    name: str
    size: int
    skip: str = ""
    cause: str = ""


def list_members(data: bytes) -> tuple[Member, ...]:
    """The files in an archive, without folders and hidden files. Raises ``NotExtracted`` where it cannot be listed."""
    with open_archive(data, DAMAGED) as archive:
        infos = archive.infolist()
    names = _names(infos)
    members = [
        _member(i, info, name) for i, (info, name) in enumerate(zip(infos, names, strict=True)) if not _left(name)
    ]
    if not members:
        raise Empty(_NOTHING)
    return tuple(_once(members))


def _left(name: str) -> bool:
    """Whether a name is a folder's or hidden, as files are that a system keeps for itself."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    hidden = any(part.startswith(".") and part != ".." for part in parts)
    return name.endswith("/") or not parts or hidden or parts[0] == "__MACOSX"


def _member(index: int, info: zipfile.ZipInfo, name: str) -> Member:
    member = Member(index, _shown(name), info.file_size)
    skip, cause = _reason(info, name, member.name)
    return replace(member, skip=skip, cause=cause)


def _reason(info: zipfile.ZipInfo, name: str, shown: str) -> tuple[str, str]:
    """Why a member will not be read, and the word for it; empty where it will."""
    parts = name.split("/")
    if ".." in parts or name.startswith("/") or parts[0][1:2] == ":" or len(parts) > _DEEPEST:
        return _LEADS_OUT, "refused"
    if info.create_system == _UNIX and stat.S_ISLNK(info.external_attr >> 16):
        return _LINK, "refused"
    if is_archive(shown):
        return HoldsFiles().message, "unsupported"
    if not is_supported(shown):
        return unsupported(shown).message, "unsupported"
    if info.flag_bits & _LOCKED_FLAGS:
        return _LOCKED, "encrypted"
    if info.compress_type not in _METHODS:
        return _PACKED, "unsupported"
    return "", ""


def _once(members: Sequence[Member]) -> Iterator[Member]:
    """Each name once: of several the last is read, as unpacking would leave it; the others get names of their own."""
    last = {member.name: member.index for member in members}
    taken = set(last)
    for member in members:
        if last[member.name] == member.index:
            yield member
            continue
        count = 2
        while (name := f"{member.name} ({count})") in taken:
            count += 1
        taken.add(name)
        yield replace(member, name=name, skip=member.skip or _TWICE, cause=member.cause or "duplicate")


# Names


def _names(infos: Sequence[zipfile.ZipInfo]) -> list[str]:
    """The members' names with ``/`` between their parts. Names that do not say their encoding are recognised together,
    since one alone is too short for that."""
    raw = {i: raw for i, info in enumerate(infos) if (raw := _undeclared(info)) is not None}
    recognised = dict(zip(raw, _recognised(list(raw.values())), strict=True))
    return [(recognised.get(i) or info.filename).replace("\\", "/") for i, info in enumerate(infos)]


def _undeclared(info: zipfile.ZipInfo) -> bytes | None:
    """A name's bytes where the archive does not say that they are UTF-8 and they are no plain ASCII."""
    if info.flag_bits & _UTF8_NAME or info.filename.isascii():
        return None
    try:
        return info.filename.encode("cp437")  # as which zipfile has read them
    except UnicodeEncodeError:
        return None


def _recognised(raw: Sequence[bytes]) -> list[str]:
    """Names as text; as the format's own cp437 where nothing else makes sense of them."""
    if not raw:
        return []
    try:
        names = decode(b"\n".join(name.replace(b"\n", b" ") for name in raw)).split("\n")
    except Unreadable:
        names = []
    return names if len(names) == len(raw) else [name.decode("cp437") for name in raw]


def _shown(name: str) -> str:
    """A name for people, each part of it without what cannot be shown and no longer than a file's."""
    name = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8"))
    parts = ("".join(c for c in part if c.isprintable()).strip() for part in name.split("/"))
    kept = [part if len(part) <= _LONGEST_PART else _shortened(part) for part in parts]
    return "/".join(part for part in kept if part not in ("", ".", "..")) or "unnamed"


def _shortened(part: str) -> str:
    stem, dot, ending = part.rpartition(".")
    ending = f"{dot}{ending}"[:20] if stem else ""
    return part[: _LONGEST_PART - len(ending)] + ending
