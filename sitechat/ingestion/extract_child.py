"""The process in which untrusted files are read: ``python -m sitechat.ingestion.extract_child MEMORY TEXT CPU OCR``.

It answers requests from its standard input, one after the other, until that ends; :mod:`sitechat.ingestion.extract`
starts it and kills it when a file takes too long. Arguments: the memory it may take in bytes, the length of text that
a file may yield in characters, the seconds it may compute without getting on, and the languages of scanned pages.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import BinaryIO

from sitechat.ingestion import cpu_budget, language
from sitechat.ingestion import extract_wire as wire
from sitechat.ingestion.confinement import confine
from sitechat.ingestion.formats.base import Extracted, NotExtracted, TooLarge, Unreadable
from sitechat.ingestion.formats.members import Member, list_members
from sitechat.ingestion.formats.names import split_media_type
from sitechat.ingestion.site.facts import PageFacts

_NEEDS_MEMORY = "Reading it needs more memory than is allowed."
_CRASHED = "It could not be read; it is probably damaged."
_MOST_FILES = 500
_MOST_RESIDENT = 480 << 20


Outcome = Extracted | PageFacts | tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class _Failure:
    """``detail`` is for the log."""

    error: NotExtracted
    detail: str = ""


def main() -> None:
    memory, longest, cpu_seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    language.load()  # which needs a temporary file, and there are none from here on
    confine(memory)
    requests, replies = _take_pipes()
    from sitechat.ingestion.formats import ocr, registry  # noqa: F401 (loaded under the limits)

    ocr.use_languages(ocr.parse_languages(sys.argv[4]))
    replies.write(wire.frame(wire.READY))
    for number in count(1):
        request = _read_frame(requests)
        if request is None:
            return
        asked = wire.decode_request(request)
        budget = (cpu_seconds, _size(asked.path))
        if asked.address:
            facts = _bounded(asked, longest, budget, _facts)
            if not _reply(facts, replies, number):
                return
            if isinstance(facts, _Failure) or _read_frame(requests) != wire.GO_ON:
                continue
        read = _members if asked.lists else _text
        if not _reply(_bounded(asked, longest, budget, read), replies, number):
            return


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0  # reading it will say why


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes, out of reach of anything that prints or reads."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)
    return requests, replies


def _read_frame(requests: BinaryIO) -> bytes | None:
    length = requests.read(wire.LENGTH.size)
    return requests.read(wire.LENGTH.unpack(length)[0]) if len(length) == wire.LENGTH.size else None


def _reply(outcome: "Outcome | _Failure", replies: BinaryIO, number: int) -> bool:
    """Send what became of a request; False if this process should be replaced."""
    used_up = outcome.error.message == _NEEDS_MEMORY if isinstance(outcome, _Failure) else False
    last = used_up or number >= _MOST_FILES or _resident_bytes() > _MOST_RESIDENT
    if isinstance(outcome, _Failure):
        frames = [wire.encode_failure(outcome.error, outcome.detail, last=last)]
    elif isinstance(outcome, Extracted):
        frames = [*wire.encode_extracted(outcome, last=last)]
    elif isinstance(outcome, PageFacts):
        frames = [*wire.encode_facts(outcome, last=False)]  # its text may be asked for
        last = False
    else:
        frames = [*wire.encode_members(outcome, last=last)]
    for payload in frames:
        _write(replies, wire.frame(payload))
    return not last


def _bounded(
    request: wire.Request, longest: int, budget: tuple[float, int], read: Callable[[bytes, wire.Request, int], Outcome]
) -> "Outcome | _Failure":
    cpu_budget.begin(*budget)
    try:
        with open(request.path, "rb") as file:
            return read(file.read(), request, longest)
    except NotExtracted as error:
        return _Failure(error)
    except MemoryError:
        return _Failure(TooLarge(_NEEDS_MEMORY))
    except FileNotFoundError:
        return _Failure(Unreadable("It is not there any more."))
    except Exception as error:  # noqa: BLE001 (the boundary: no file may end this process)
        return _Failure(Unreadable(_CRASHED), f"{type(error).__name__}: {error}"[:500])
    finally:
        cpu_budget.end()


def _text(data: bytes, request: wire.Request, longest: int) -> Extracted:
    from sitechat.ingestion.formats.registry import extract
    from sitechat.ingestion.inspection import inspect

    extracted = extract(data, request.name, request.media_type)
    _check_size(extracted, longest)
    found = inspect(data, extracted, request.name, request.media_type)
    cpu_budget.end()  # what follows is bounded, and not the file's doing
    return replace(extracted, flags=(*extracted.flags, *found), language=language.detect(extracted))


def _members(data: bytes, _request: wire.Request, _longest: int) -> tuple[Member, ...]:
    return list_members(data)


def _facts(data: bytes, request: wire.Request, _longest: int) -> PageFacts:
    from sitechat.ingestion.site.links import read_page

    _, charset = split_media_type(request.media_type)
    return read_page(data, request.address, charset)


def _check_size(extracted: Extracted, longest: int) -> None:
    if len(extracted.text) > longest:
        raise TooLarge.of(longest, "characters of text")
    if len(extracted.pages) > wire.MOST_PAGES:
        raise TooLarge.of(wire.MOST_PAGES, "pages")


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def _write(replies: BinaryIO, payload: bytes) -> None:
    view = memoryview(payload)
    while view:
        view = view[replies.write(view) :]


if __name__ == "__main__":
    main()
