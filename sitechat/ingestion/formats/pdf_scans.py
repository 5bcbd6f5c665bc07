"""Pages of a PDF that are pictures of text, read with OCR. Only those are drawn, one at a time."""

from collections.abc import Sequence
from typing import Any

from sitechat.ingestion import cpu_budget
from sitechat.ingestion.formats import ocr
from sitechat.ingestion.formats.base import TooLarge
from sitechat.ingestion.formats.pdf_lines import Line

MOST_PAGES = 500
MOST_PIXELS = 12_000_000
_POINTS_AN_INCH = 72
_DOTS_AN_INCH = 300


def read_scans(data: bytes, numbers: Sequence[int]) -> dict[int, list[Line]]:
    """The lines of the pages with these ``numbers`` (from 0). Raises what :func:`ocr.recognise` raises, ``TooLarge``,
    or what the library raises for a file that it cannot open."""
    if len(numbers) > MOST_PAGES:
        raise TooLarge.of(MOST_PAGES, "scanned pages")
    import pypdfium2

    document = pypdfium2.PdfDocument(data)
    try:
        return {number: _read(document, number) for number in numbers if number < len(document)}
    finally:
        document.close()


def _read(document: Any, number: int) -> list[Line]:
    page = document[number]
    try:
        picture = _drawn(page)
    finally:
        page.close()
    cpu_budget.earn()
    return [line for lines in ocr.recognise(picture) for line in lines]


def _drawn(page: Any) -> bytes:
    """The page in grey, as a PGM file, at 300 dots an inch unless that makes too many pixels."""
    width, height = page.get_size()
    scale = min(_DOTS_AN_INCH / _POINTS_AN_INCH, (MOST_PIXELS / max(width * height, 1.0)) ** 0.5)
    bitmap = page.render(scale=scale, grayscale=True)
    try:
        pixels = memoryview(bitmap.buffer)
        rows = (pixels[row * bitmap.stride : row * bitmap.stride + bitmap.width] for row in range(bitmap.height))
        return b"P5 %d %d 255\n" % (bitmap.width, bitmap.height) + b"".join(rows)
    finally:
        bitmap.close()
