"""Zip archives from strangers: what they unpack to is measured before anything else reads it."""

import io
import zipfile

from sitechat.ingestion.formats.base import TooLarge, Unreadable
from sitechat.ingestion.formats.damage import damage_means

_BOMB = "It unpacks to far more than a document should hold."
_DECLARES = "It holds XML declarations that no Office program writes, so it was not opened."
_MOST_MEMBERS = 20_000
_LARGEST_UNPACKED = 1 << 30
_LARGEST_XML = 200 << 20
_PIECE = 1 << 20
_XML = (".xml", ".rels", ".opf", ".ncx", ".xhtml", ".html", ".htm")
# In UTF-8 and in both orders of UTF-16.
_DECLARATIONS = (b"!DOCTYPE", "DOCTYPE".encode("utf-16-be"))
_OVERLAP = 16


def open_archive(data: bytes, damaged: str) -> zipfile.ZipFile:
    """The archive, if the sizes that it declares are bearable. Raises ``TooLarge``, or ``Unreadable(damaged)``."""
    with damage_means(damaged):
        archive = zipfile.ZipFile(io.BytesIO(data))
        members = archive.infolist()
    xml = (member.file_size for member in members if member.filename.lower().endswith(_XML))
    if (
        len(members) > _MOST_MEMBERS
        or sum(member.file_size for member in members) > _LARGEST_UNPACKED
        or max(xml, default=0) > _LARGEST_XML
    ):
        raise TooLarge(_BOMB)
    return archive


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """A member, read in pieces: no more of it is unpacked than was declared. Raises what ``zipfile`` raises."""
    with archive.open(name) as member:
        pieces = iter(lambda: member.read(_PIECE), b"")
        return b"".join(pieces)


def without_members(data: bytes, names: frozenset[str]) -> bytes:
    """A copy of an archive that was checked, without the members called so. Raises what ``zipfile`` raises."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as archive, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, True, 1) as copy:
        for member in archive.infolist():
            if member.filename not in names:
                copy.writestr(member.filename, read_member(archive, member.filename))
    return out.getvalue()


def check_archive(data: bytes, damaged: str, *, declarations: bool = True) -> None:
    """Unpack everything once, for libraries that would unpack each member in one go and believe its declared size.

    ``declarations``: whether XML may declare a document type, and with it entities. Raises ``TooLarge`` or
    ``Unreadable``.
    """
    with open_archive(data, damaged) as archive, damage_means(damaged):
        for member in archive.infolist():
            _check_member(archive, member, declarations)


def _check_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, declarations: bool) -> None:
    searched = not declarations and member.filename.lower().endswith(_XML)
    with archive.open(member) as file:
        end = b""
        while piece := file.read(_PIECE):
            if searched and any(declaration in end + piece for declaration in _DECLARATIONS):
                raise Unreadable(_DECLARES)
            end = piece[-_OVERLAP:]
