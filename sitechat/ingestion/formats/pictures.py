"""Pictures of text: a photographed or scanned page, read where Tesseract is installed."""

from sitechat.ingestion.formats import ocr
from sitechat.ingestion.formats.base import Empty, Extracted
from sitechat.ingestion.formats.names import PICTURE_SUFFIXES
from sitechat.ingestion.formats.pdf_lines import Line, PageWriter
from sitechat.ingestion.formats.text import title_from_name
from sitechat.ingestion.formats.writer import TextWriter

NOTHING = "No text could be recognised in it."


class PictureExtractor:
    media_types: frozenset[str] = frozenset()  # the web is full of pictures, and hardly any shows text to read
    suffixes = PICTURE_SUFFIXES

    def extract(self, data: bytes, name: str, charset: str | None = None) -> Extracted:  # noqa: ARG002
        pages = ocr.recognise(data)
        if not any(pages):
            raise Empty(NOTHING)
        writer = TextWriter()
        write_pages(writer, pages)
        return writer.extracted(title_from_name(name))


def write_pages(writer: TextWriter, pages: list[list[Line]]) -> None:
    """Write recognised lines, with page numbers where there are several pages."""
    PageWriter(writer, pages).write()
