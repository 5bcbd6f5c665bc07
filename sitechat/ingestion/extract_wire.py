"""How the application and the process that reads files talk: frames of a length and bytes, over pipes.

A request is one frame of JSON. A reply is a header in JSON and, if the file could be read, its blocks and its text.
There may be very many blocks, and the application shall not grow by what it reads: so they are packed, and limited.
Of a web page what it says about itself comes first, as JSON in the place of a text; its text follows where one more
frame asks for it, since many a page is not wanted.
"""

import json
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import get_args

from sitechat.ingestion.formats.base import ERRORS, Block, BlockKind, Extracted, Flag, NotExtracted, Unreadable
from sitechat.ingestion.formats.members import Member
from sitechat.ingestion.formats.writer import MOST_BLOCKS
from sitechat.ingestion.site.facts import PageFacts

LENGTH = struct.Struct(">I")
READY = b"ready"
GO_ON = b"go on"
ENOUGH = b"enough"
MOST_PAGES = 100_000
_BLOCK = struct.Struct("<BIIII")  # kind, start, end, level, page (0: none)
LARGEST_BLOCKS = (MOST_BLOCKS + 1) * _BLOCK.size
_KINDS = get_args(BlockKind)


@dataclass(frozen=True, slots=True)
class Request:
    """``address``: of a web page, which is read in two steps; empty for any other file. ``lists``: what is asked for is
    not the text, but the files in an archive, as JSON in its place."""

    path: str
    name: str
    media_type: str | None
    lists: bool = False
    address: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """The beginning of a reply. ``detail`` is for the log; ``last``: the process ends after this file."""

    failure: NotExtracted | None = None
    detail: str = ""
    last: bool = False
    title: str = ""
    pages: tuple[int, ...] = ()
    flags: tuple[Flag, ...] = ()
    language: str = ""

    def extracted(self, blocks: bytes, text: bytes) -> Extracted:
        """The whole reply; ``blocks`` and ``text`` are the frames that follow a header without failure."""
        unpacked = tuple(
            Block(_KINDS[kind], start, end, level, page or None)
            for kind, start, end, level, page in _BLOCK.iter_unpack(blocks)
        )
        return Extracted(self.title, text.decode("utf-8"), unpacked, self.pages, self.flags, self.language)


def frame(payload: bytes) -> bytes:
    return LENGTH.pack(len(payload)) + payload


def encode_request(request: Request) -> bytes:
    return _dump(asdict(request))


def decode_request(payload: bytes) -> Request:
    return Request(**json.loads(payload))


def encode_extracted(extracted: Extracted, *, last: bool) -> tuple[bytes, bytes, bytes]:
    """Header, blocks and text."""
    found = [asdict(flag) for flag in extracted.flags]
    language = extracted.language
    header = {"title": extracted.title, "pages": extracted.pages, "flags": found, "language": language, "last": last}
    blocks = b"".join(
        _BLOCK.pack(_KINDS.index(block.kind), block.start, block.end, block.level, block.page or 0)
        for block in extracted.blocks
    )
    return _dump(header), blocks, extracted.text.encode("utf-8")


def encode_failure(error: NotExtracted, detail: str = "", *, last: bool) -> bytes:
    kind = type(error).__name__
    return _dump({"error": kind, "message": error.message, "detail": detail, "last": last})


def decode_header(payload: bytes) -> Header:
    """Raises ``ValueError`` for what is no header."""
    try:
        fields = json.loads(payload)
        if "error" in fields:
            kind = ERRORS.get(fields["error"], Unreadable)
            return Header(kind(fields["message"]), fields["detail"], fields["last"])
        flags = tuple(Flag(**flag) for flag in fields["flags"])
        pages, language = tuple(fields["pages"]), fields["language"]
        return Header(None, "", fields["last"], fields["title"], pages, flags, language)
    except (KeyError, TypeError) as error:
        raise ValueError("not a header") from error


def encode_facts(facts: PageFacts, *, last: bool) -> tuple[bytes, bytes, bytes]:
    """Header, no blocks, and the facts in the place of a text."""
    return encode_extracted(Extracted("", _dump(asdict(facts)).decode("utf-8"), ()), last=last)


def encode_members(members: Sequence[Member], *, last: bool) -> tuple[bytes, bytes, bytes]:
    """Header, no blocks, and the members in the place of a text."""
    listed = _dump([asdict(member) for member in members]).decode("utf-8")
    return encode_extracted(Extracted("", listed, ()), last=last)


def decode_members(text: str) -> tuple[Member, ...]:
    return tuple(Member(**fields) for fields in json.loads(text))


def decode_facts(text: str) -> PageFacts:
    fields = json.loads(text)
    return PageFacts(**{**fields, "links": tuple(fields["links"])})


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
