"""How the application and the process that reads files talk: frames of a length and bytes, over pipes.

A request is one frame of JSON. A reply is a header in JSON and, if the file could be read, its text in UTF-8.
"""

import json
import struct
from dataclasses import asdict, dataclass
from typing import Literal

from sitechat.ingestion.formats.base import ERRORS, Block, Extracted, NotExtracted, Unreadable
from sitechat.ingestion.site.facts import PageFacts

LENGTH = struct.Struct(">I")
READY = b"ready"


@dataclass(frozen=True, slots=True)
class Request:
    """``wants``: the text of a file, or as JSON in its place what a page says about itself and where it links to."""

    path: str
    name: str
    media_type: str | None
    wants: Literal["text", "links"] = "text"
    address: str = ""


@dataclass(frozen=True, slots=True)
class Header:
    """The beginning of a reply. ``detail`` is for the log; ``last``: the process ends after this file."""

    failure: NotExtracted | None = None
    detail: str = ""
    last: bool = False
    title: str = ""
    blocks: tuple[Block, ...] = ()
    pages: tuple[int, ...] = ()

    def extracted(self, text: bytes) -> Extracted:
        """The whole reply; ``text`` is the frame that follows a header without failure."""
        return Extracted(self.title, text.decode("utf-8"), self.blocks, self.pages)


def frame(payload: bytes) -> bytes:
    return LENGTH.pack(len(payload)) + payload


def encode_request(request: Request) -> bytes:
    return _dump(asdict(request))


def decode_request(payload: bytes) -> Request:
    return Request(**json.loads(payload))


def encode_extracted(extracted: Extracted, *, last: bool) -> tuple[bytes, bytes]:
    """Header and text."""
    blocks = [[block.kind, block.start, block.end, block.level, block.page] for block in extracted.blocks]
    header = {"title": extracted.title, "blocks": blocks, "pages": extracted.pages, "last": last}
    return _dump(header), extracted.text.encode("utf-8")


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
        blocks = tuple(Block(*block) for block in fields["blocks"])
        return Header(None, "", fields["last"], fields["title"], blocks, tuple(fields["pages"]))
    except (KeyError, TypeError) as error:
        raise ValueError("not a header") from error


def encode_facts(facts: PageFacts, *, last: bool) -> tuple[bytes, bytes]:
    """Header, and the facts in the place of a text."""
    return encode_extracted(Extracted("", _dump(asdict(facts)).decode("utf-8"), ()), last=last)


def decode_facts(text: str) -> PageFacts:
    fields = json.loads(text)
    return PageFacts(**{**fields, "links": tuple(fields["links"])})


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
