"""What a file is by its first bytes, whatever it is called."""

import io
import re
import zipfile
from typing import Literal

from sitechat.ingestion.formats import names
from sitechat.ingestion.formats.base import Encrypted, HoldsFiles, Unreadable, Unsupported

Kind = Literal["pdf", "docx", "pptx", "xlsx", "epub", "html", "picture", "text", "binary"]

HEAD = 8192
_HTML = re.compile(
    rb"\A(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--((?!-->).)*-->\s*)*<(!doctype\s+html|html[\s>]|head[\s>]|body[\s>])",
    re.IGNORECASE | re.DOTALL,
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")
_DAMAGED_ZIP = "It is damaged: the archive inside cannot be opened."

_PICTURES = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*")
# First bytes -> what a person calls it.
_OTHERS = (
    (b"{\\rtf", "RTF files"),
    (b"GIF8", names.PICTURES),
    (b"\x1f\x8b", "Compressed files"),
    (b"BZh", "Compressed files"),
    (b"\xfd7zXZ", "Compressed files"),
    (b"7z\xbc\xaf\x27\x1c", "Compressed files"),
    (b"Rar!", "Compressed files"),
    (b"\x28\xb5\x2f\xfd", "Compressed files"),
    (b"OggS", "Sound and video files"),
    (b"ID3", "Sound and video files"),
    (b"fLaC", "Sound and video files"),
    (b"\x7fELF", "Programs"),
    (b"SQLite format 3\0", "Databases"),
    (b"%!PS", "PostScript files"),
)
_EPUB = "META-INF/container.xml"
_OFFICE = "[Content_Types].xml"
_BINARY_EXCEL = "xl/workbook.bin"
_OPEN_DOCUMENT = "content.xml"
# Where Office programs put the parts of a file -> what it is.
_OFFICE_PARTS: tuple[tuple[str, Kind], ...] = (("word/", "docx"), ("ppt/", "pptx"), ("xl/", "xlsx"))
# Entries in the directory of an OLE file -> what it is.
_OLE_ENTRIES = (
    ("WordDocument", names.OLD_WORD),
    ("PowerPoint Document", names.OLD_POWERPOINT),
    ("Workbook", names.OLD_EXCEL),
    ("__properties_version1.0", names.OUTLOOK),
)


def sniff(data: bytes) -> Kind:
    """The kind of ``data``. Raises :class:`NotExtracted` for what is known and cannot be read."""
    head = data[:HEAD]
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _sniff_zip(data)
    if head.startswith(_OLE):
        return _sniff_ole(data)
    if head.startswith(_PICTURES):
        return "picture"
    for magic, called in _OTHERS:
        if head.startswith(magic):
            raise names.not_read(called)
    if _HTML.match(head):
        return "html"
    return "binary" if _is_binary(head) else "text"


def _is_binary(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    zeros = head.count(0)
    return zeros > 0.05 * len(head) and zeros < 0.3 * len(head)


def _sniff_zip(data: bytes) -> Kind:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError):
        raise Unreadable(_DAMAGED_ZIP) from None
    locked = [bool(member.flag_bits & 0x1) for member in members]
    if locked and all(locked):
        raise Encrypted
    kind = _sniff_members(frozenset(member.filename for member in members))
    if any(locked):
        raise Encrypted
    return kind


def _sniff_members(members: frozenset[str]) -> Kind:
    if _EPUB in members:
        return "epub"
    if _BINARY_EXCEL in members:
        raise names.not_read(names.BINARY_EXCEL)
    if _OFFICE in members:
        for folder, kind in _OFFICE_PARTS:
            if any(member.startswith(folder) for member in members):
                return kind
    if _OPEN_DOCUMENT in members:
        raise names.not_read("OpenDocument files")
    raise HoldsFiles


def _sniff_ole(data: bytes) -> Kind:
    if _ENCRYPTED_OFFICE in data:
        raise Encrypted
    for entry, called in _OLE_ENTRIES:
        if entry.encode("utf-16-le") in data:
            raise names.not_read(called)
    raise Unsupported("Office files from before 2007 are not read yet; save it in today's format and add it again.")
