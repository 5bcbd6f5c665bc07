"""PDF: the text of its pages, in the order in which it is drawn."""

import io
import logging
from collections.abc import Iterator
from dataclasses import replace

from pypdf import PageObject, PdfReader
from pypdf._encryption import AlgV5  # the reader does not tell which of the two passwords was right
from pypdf.errors import DependencyError
from pypdf.generic import DictionaryObject

from sitechat.ingestion import cpu_budget
from sitechat.ingestion.formats.base import Empty, Encrypted, Extracted, Flag, NeedsOcr, NotExtracted, Unreadable
from sitechat.ingestion.formats.pdf_lines import Line, LineCollector, PageWriter, without_running_lines
from sitechat.ingestion.formats.pdf_scans import read_scans
from sitechat.ingestion.formats.pictures import NOTHING
from sitechat.ingestion.formats.text import title_from_name
from sitechat.ingestion.formats.writer import TextWriter, squeeze

_DAMAGED = "It is damaged: it cannot be opened as a PDF."
_NO_PAGES = "It has no pages, so there is nothing to read."
_GARBLED = "Its letters are stored in a way that cannot be turned into text."
_MOST_GARBLED = 0.2
_MOST_SHOWN = 20
_NO_TITLES = ("untitled", "microsoft word", "(anonymous)", "powerpoint", "title", "about:blank", "slide 1")

logging.getLogger("pypdf").setLevel(logging.CRITICAL)


class PdfExtractor:
    media_types = frozenset({"application/pdf", "application/x-pdf"})
    suffixes = frozenset({".pdf"})

    def extract(self, data: bytes, name: str, charset: str | None = None) -> Extracted:  # noqa: ARG002
        try:
            return _extract(data, name)
        except (NotExtracted, MemoryError):
            raise
        except DependencyError:
            raise Encrypted from None
        except Exception:  # noqa: BLE001 (malformed files end in almost any exception within pypdf)
            raise Unreadable(_DAMAGED) from None


def _extract(data: bytes, name: str) -> Extracted:
    reader = _open(data)
    pages, unread = _with_scans(data, reader, list(_read_pages(reader)))
    _check_letters(pages)
    writer = TextWriter()
    layout = PageWriter(writer, without_running_lines(pages))
    layout.write()
    extracted = writer.extracted(_title(reader) or layout.title or title_from_name(name))
    flags = (Flag("scans", _shown(unread), 0, 0),) if unread else ()
    return replace(extracted, flags=flags)


def _open(data: bytes) -> PdfReader:
    reader = PdfReader(io.BytesIO(data), strict=False)
    if reader.is_encrypted and (not reader.decrypt("") or _asks_for_password(reader)):
        raise Encrypted
    return reader


def _asks_for_password(reader: PdfReader) -> bool:
    """Whether a viewer would ask for a password. An empty owner's password opens such a file too, by oversight."""
    encryption = reader.trailer["/Encrypt"].get_object()
    if not isinstance(encryption, DictionaryObject) or encryption.get("/V") != 5:
        return False
    user, key = (bytes(getattr(encryption[name], "original_bytes", b"")) for name in ("/U", "/UE"))
    return not AlgV5.verify_user_password(int(str(encryption["/R"])), b"", user, key)


def _read_pages(reader: PdfReader) -> Iterator[list[Line]]:
    """The lines of every page; a damaged page is empty. Raises ``Unreadable`` when no page can be read."""
    damaged = read = 0
    for page in reader.pages:
        read += 1
        collector = LineCollector()
        try:
            page.extract_text(visitor_text=collector.visit)
        except (MemoryError, DependencyError):
            raise
        except Exception:  # noqa: BLE001 (as above: one page must not cost the others)
            damaged += 1
        yield collector.lines()
        cpu_budget.earn()
    if not read:
        raise Unreadable(_NO_PAGES)
    if damaged == read:
        raise Unreadable(_DAMAGED)


def _check_letters(pages: list[list[Line]]) -> None:
    """Fonts without a map to Unicode give replacement characters or codes for private use."""
    text = "".join(line.text for page in pages for line in page)
    garbled = sum(1 for character in text if character == "�" or "\ue000" <= character <= "\uf8ff")
    if garbled > _MOST_GARBLED * len(text):
        raise Unreadable(_GARBLED)


def _with_scans(data: bytes, reader: PdfReader, pages: list[list[Line]]) -> tuple[list[list[Line]], list[int]]:
    """The pages, those without text recognised from their pictures; and which (from 0) need OCR that is not here.

    Without OCR a file of such pages only is a failure.
    """
    scans = [number for number, lines in enumerate(pages) if not lines and _has_pictures(reader.pages[number])]
    if not scans:
        return pages, []
    try:
        recognised = read_scans(data, scans)
    except NeedsOcr:
        if any(pages):
            return pages, scans
        raise
    pages = [recognised.get(number) or lines for number, lines in enumerate(pages)]
    if not any(pages):
        raise Empty(NOTHING)
    return pages, []


def _shown(numbers: list[int]) -> str:
    """``page 2, 3, 7``, and an end where there are very many."""
    shown = ", ".join(str(number + 1) for number in numbers[:_MOST_SHOWN])
    return f"page {shown}" + (f" and {len(numbers) - _MOST_SHOWN} more" if len(numbers) > _MOST_SHOWN else "")


def _has_pictures(page: PageObject) -> bool:
    resources = page.get("/Resources")
    resources = resources.get_object() if resources is not None else None
    return isinstance(resources, dict) and bool(resources.get("/XObject"))


def _title(reader: PdfReader) -> str:
    """The title in the file's properties, unless a program made it up."""
    try:
        title = squeeze(str((reader.metadata.title if reader.metadata else None) or ""))
    except Exception:  # noqa: BLE001 (as above: properties may be malformed too)
        return ""
    made_up = title.lower().startswith(_NO_TITLES) or title.lower().endswith((".doc", ".docx", ".pdf", ".indd", ".tex"))
    return "" if made_up or not any(map(str.isalpha, title)) else title
