"""Chooses who reads a file: by its content first, then by its name and by what the sender called it."""

from sitechat.ingestion.formats.base import Extracted, Extractor, Unreadable
from sitechat.ingestion.formats.charset import NOT_TEXT
from sitechat.ingestion.formats.csv import CsvExtractor
from sitechat.ingestion.formats.docx import DocxExtractor
from sitechat.ingestion.formats.eml import EmlExtractor
from sitechat.ingestion.formats.epub import EpubExtractor
from sitechat.ingestion.formats.html import HtmlExtractor
from sitechat.ingestion.formats.json import JsonExtractor
from sitechat.ingestion.formats.markdown import MarkdownExtractor
from sitechat.ingestion.formats.names import is_archive, split_media_type, suffix_of, unsupported
from sitechat.ingestion.formats.pdf import PdfExtractor
from sitechat.ingestion.formats.pictures import PictureExtractor
from sitechat.ingestion.formats.pptx import PptxExtractor
from sitechat.ingestion.formats.sniff import sniff
from sitechat.ingestion.formats.text import TextExtractor
from sitechat.ingestion.formats.xlsx import XlsxExtractor

_TEXT, _MARKDOWN, _HTML = TextExtractor(), MarkdownExtractor(), HtmlExtractor()
_PDF, _DOCX, _PPTX, _XLSX = PdfExtractor(), DocxExtractor(), PptxExtractor(), XlsxExtractor()
_EPUB, _PICTURE = EpubExtractor(), PictureExtractor()

EXTRACTORS: tuple[Extractor, ...] = (
    *(_TEXT, _MARKDOWN, _HTML, CsvExtractor(), JsonExtractor(), EmlExtractor()),
    *(_PDF, _DOCX, _PPTX, _XLSX, _EPUB, _PICTURE),
)

_BY_SUFFIX = {suffix: extractor for extractor in EXTRACTORS for suffix in extractor.suffixes}
_BY_MEDIA_TYPE = {media_type: extractor for extractor in EXTRACTORS for media_type in extractor.media_types}
_SNIFFED: dict[str, Extractor] = {
    "pdf": _PDF,
    "docx": _DOCX,
    "pptx": _PPTX,
    "xlsx": _XLSX,
    "epub": _EPUB,
    "html": _HTML,
    "picture": _PICTURE,
}
# What is never text by its content.
_CALLED: dict[Extractor, str] = {
    _PDF: "a PDF",
    _DOCX: "a Word file",
    _PPTX: "a PowerPoint file",
    _XLSX: "an Excel file",
    _EPUB: "an e-book",
    _PICTURE: "a picture",
}

_LIES = "It is named like {} but is not one, or its beginning is missing."


def extract(data: bytes, name: str, media_type: str | None = None) -> Extracted:
    """Read ``data``. ``media_type`` is the sender's, with its parameters; None when nobody said.

    Raises :class:`~sitechat.ingestion.formats.base.NotExtracted`.
    """
    declared, charset = split_media_type(media_type)
    return choose(data, name, declared).extract(data, name, charset)


def choose(data: bytes, name: str, declared: str | None = None) -> Extractor:
    """The extractor for ``data``; ``declared`` is a bare media type. Raises ``NotExtracted`` if there is none."""
    named = _BY_SUFFIX.get(suffix_of(name))
    kind = sniff(data)
    if kind in _SNIFFED:
        return _SNIFFED[kind]
    if is_archive(name):
        raise Unreadable(_LIES.format("an archive"))
    if kind == "binary":
        if named is None and suffix_of(name):
            raise unsupported(name)
        raise Unreadable(NOT_TEXT)
    return _choose_for_text(name, named, declared)


def _choose_for_text(name: str, named: Extractor | None, declared: str | None) -> Extractor:
    """For what is text by its content: a PDF or Office file it is not, so its name lies."""
    by_type = _BY_MEDIA_TYPE.get(declared or "")
    claimed = named or by_type
    if claimed in _CALLED:
        raise Unreadable(_LIES.format(_CALLED[claimed]))
    if by_type is not None and by_type is not _TEXT:
        return by_type
    if named is not None:
        return named
    if suffix_of(name) and by_type is None:
        raise unsupported(name)
    return _TEXT
