"""Chooses who reads a file: by its content first, then by its name and by what the sender called it."""

from pathlib import PurePath

from sitechat.ingestion.formats.base import Extracted, Extractor, Unreadable, Unsupported
from sitechat.ingestion.formats.charset import NOT_TEXT
from sitechat.ingestion.formats.csv import CsvExtractor
from sitechat.ingestion.formats.docx import DocxExtractor
from sitechat.ingestion.formats.html import HtmlExtractor
from sitechat.ingestion.formats.markdown import MarkdownExtractor
from sitechat.ingestion.formats.pdf import PdfExtractor
from sitechat.ingestion.formats.sniff import sniff
from sitechat.ingestion.formats.text import TextExtractor

_TEXT, _MARKDOWN, _HTML = TextExtractor(), MarkdownExtractor(), HtmlExtractor()
_PDF, _DOCX, _CSV = PdfExtractor(), DocxExtractor(), CsvExtractor()

EXTRACTORS: tuple[Extractor, ...] = (_TEXT, _MARKDOWN, _HTML, _PDF, _DOCX, _CSV)

_BY_SUFFIX = {suffix: extractor for extractor in EXTRACTORS for suffix in extractor.suffixes}
_BY_MEDIA_TYPE = {media_type: extractor for extractor in EXTRACTORS for media_type in extractor.media_types}
_SNIFFED: dict[str, Extractor] = {"pdf": _PDF, "docx": _DOCX, "html": _HTML}

# What files of these endings are called, for the sentence that says that they are not read.
_CALLED = {
    "PowerPoint files": ".ppt .pptx .pptm .pps .ppsx",
    "Excel files": ".xls .xlsx .xlsm .xlsb",
    "OpenDocument files": ".odt .ods .odp",
    "E-books": ".epub .mobi .azw .azw3",
    "RTF files": ".rtf",
    "Pictures": ".png .jpg .jpeg .gif .webp .bmp .tif .tiff .svg .ico .heic .avif",
    "Sound and video files": ".mp3 .wav .ogg .flac .m4a .mp4 .mkv .mov .avi .webm",
    "Archives": ".zip .tar .gz .tgz .bz2 .xz .7z .rar .zst",
    "Style sheets": ".css .scss .less",
    "Source code files": ".py .js .ts .c .h .cpp .java .go .rs .rb .sh .php .sql",
    "Data files": ".json .jsonl .xml .yaml .yml .toml .parquet .db .sqlite",
    "Fonts": ".woff .woff2 .ttf .otf",
    "E-mail files": ".eml .msg .mbox",
}
_CALLED_BY_SUFFIX = {suffix: called for called, suffixes in _CALLED.items() for suffix in suffixes.split()}


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
    if kind in ("pdf", "docx"):
        return _SNIFFED[kind]
    if kind == "binary":
        if named is None and suffix_of(name):
            raise unsupported(name)
        raise Unreadable(NOT_TEXT)
    if kind == "html":
        return _HTML
    return _choose_for_text(name, named, declared)


def unsupported(name: str) -> Unsupported:
    """The reason why a file of this name is left out."""
    suffix = suffix_of(name)
    if suffix in _CALLED_BY_SUFFIX:
        return Unsupported(f"{_CALLED_BY_SUFFIX[suffix]} are not read yet.")
    if suffix:
        return Unsupported(f"Files that end in {suffix} are not read yet.")
    return Unsupported("Files of this kind are not read yet.")


def is_supported(name: str) -> bool:
    """Whether a file of this name is worth opening; one without an ending may be text."""
    suffix = suffix_of(name)
    return not suffix or suffix in _BY_SUFFIX


def suffix_of(name: str) -> str:
    suffix = PurePath(name.replace("\\", "/")).suffix.lower()
    return suffix if suffix[1:].isalnum() and len(suffix) <= 10 else ""


def split_media_type(header: str | None) -> tuple[str | None, str | None]:
    """``text/html; charset=utf-8`` as its media type and its charset, both None where absent."""
    media_type, _, parameters = (header or "").partition(";")
    charset = None
    for parameter in parameters.split(";"):
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "charset":
            charset = value.strip().strip("\"'") or None
    return media_type.strip().lower() or None, charset


def _choose_for_text(name: str, named: Extractor | None, declared: str | None) -> Extractor:
    """For what is text by its content: a PDF or Word file it is not, so its name lies."""
    by_type = _BY_MEDIA_TYPE.get(declared or "")
    if named in (_PDF, _DOCX) or (named is None and by_type in (_PDF, _DOCX)):
        called = "a PDF" if _PDF in (named, by_type) else "a Word file"
        raise Unreadable(f"It is named like {called} but is not one, or its beginning is missing.")
    if by_type is not None and by_type is not _TEXT:
        return by_type
    if named is not None:
        return named
    if suffix_of(name) and by_type is None:
        raise unsupported(name)
    return _TEXT
