"""What can be told about a file from its name and its media type alone, without loading what reads it."""

import shutil
from pathlib import PurePath

from sitechat.ingestion.formats.base import Unsupported

# Endings of what is read. A test keeps this in step with the extractors.
PICTURE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff"})
SUPPORTED_SUFFIXES = frozenset(
    {
        *PICTURE_SUFFIXES,
        *(".txt", ".text", ".md", ".markdown", ".mdown", ".mkd", ".mdx", ".html", ".htm", ".xhtml", ".shtml"),
        *(".pdf", ".docx", ".docm", ".pptx", ".pptm", ".ppsx", ".ppsm", ".xlsx", ".xlsm", ".csv", ".tsv", ".tab"),
        *(".json", ".jsonl", ".ndjson", ".geojson", ".eml", ".epub"),
    }
)
ARCHIVE_SUFFIXES = frozenset({".zip"})
OCR_PROGRAM = "tesseract"
INSTALL_OCR = "Install Tesseract (the package tesseract-ocr) where SiteChat runs, then add it again."
_PICTURE_TYPES = frozenset({"image/png", "image/jpeg", "image/tiff"})
_PDF = frozenset({"application/pdf", "application/x-pdf"})
_OTHERS_READ = frozenset(
    {
        *("application/xhtml+xml", "application/csv", "application/octet-stream", "binary/octet-stream"),
        *("application/json", "application/geo+json", "application/ld+json"),
        *("application/jsonl", "application/x-jsonlines", "application/x-ndjson"),
        *("application/epub+zip", "message/rfc822"),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.openxmlformats-officedocument.presentationml.slideshow",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.ms-powerpoint.presentation.macroenabled.12",
        "application/vnd.ms-powerpoint.slideshow.macroenabled.12",
        "application/vnd.ms-excel.sheet.macroenabled.12",
    }
)
_TEXT_NOT_READ = {"text/css": "Style sheets", "text/javascript": "Source code files", "text/calendar": "Calendars"}

OLD_WORD = "Word files from before 2007"
OLD_POWERPOINT = "PowerPoint files from before 2007"
OLD_EXCEL = "Excel files from before 2007"
BINARY_EXCEL = "Binary Excel files"
OUTLOOK = "Outlook messages"
PICTURES = "Pictures of this kind"
ARCHIVES = "Archives of this kind"
# What files of these endings are called, for the sentence that says that they are not read.
_CALLED = {
    OLD_WORD: ".doc .dot",
    OLD_POWERPOINT: ".ppt .pps .pot",
    OLD_EXCEL: ".xls .xlt",
    BINARY_EXCEL: ".xlsb",
    "OpenDocument files": ".odt .ods .odp",
    "Kindle books": ".mobi .azw .azw3",
    "RTF files": ".rtf",
    PICTURES: ".gif .webp .bmp .svg .ico .heic .avif",
    "Sound and video files": ".mp3 .wav .ogg .flac .m4a .mp4 .mkv .mov .avi .webm",
    ARCHIVES: ".tar .gz .tgz .bz2 .xz .7z .rar .zst",
    "Style sheets": ".css .scss .less",
    "Source code files": ".py .js .ts .c .h .cpp .java .go .rs .rb .sh .php .sql",
    "Data files": ".xml .yaml .yml .toml .parquet .db .sqlite",
    "Fonts": ".woff .woff2 .ttf .otf",
    OUTLOOK: ".msg",
    "Mailboxes": ".mbox .pst .ost",
}
_CALLED_BY_SUFFIX = {suffix: called for called, suffixes in _CALLED.items() for suffix in suffixes.split()}
_CALLED_BY_TYPE = (
    ("image/", PICTURES),
    ("audio/", "Sound and video files"),
    ("video/", "Sound and video files"),
    ("font/", "Fonts"),
    ("application/javascript", "Source code files"),
    ("application/zip", "Archives"),
    ("application/gzip", "Archives"),
    ("application/msword", OLD_WORD),
    ("application/vnd.ms-powerpoint", OLD_POWERPOINT),
    ("application/vnd.ms-excel.sheet.binary", BINARY_EXCEL),
    ("application/vnd.ms-excel", OLD_EXCEL),
    ("application/vnd.ms-outlook", OUTLOOK),
)
_LIST_TYPES = frozenset({"application/xml", "application/rss+xml", "application/atom+xml"})
# What the same program saves that is read.
_SAVED_AS = {
    OLD_WORD: ".docx",
    OLD_POWERPOINT: ".pptx",
    OLD_EXCEL: ".xlsx",
    BINARY_EXCEL: ".xlsx",
    OUTLOOK: ".eml",
    ARCHIVES: ".zip",
    PICTURES: ".png",
    "RTF files": ".docx",
}
_SAVED_AS_BY_SUFFIX = {".odt": ".docx", ".ods": ".xlsx", ".odp": ".pptx"}


def suffix_of(name: str) -> str:
    """``.pdf``; empty for a name that ends otherwise, such as ``v2.0 final``."""
    suffix = PurePath(name.replace("\\", "/")).suffix.lower()
    return suffix if suffix[1:].isalnum() and len(suffix) <= 10 else ""


def is_supported(name: str) -> bool:
    """Whether a file of this name is worth opening; one without an ending may be text."""
    suffix = suffix_of(name)
    return not suffix or suffix in SUPPORTED_SUFFIXES or suffix in ARCHIVE_SUFFIXES


def is_archive(name: str) -> bool:
    """Whether a file of this name is a collection of files."""
    return suffix_of(name) in ARCHIVE_SUFFIXES


def ocr_installed() -> bool:
    """Whether pictures of text can be read here."""
    return shutil.which(OCR_PROGRAM) is not None


def is_picture(name: str) -> bool:
    """Whether a file of this name needs OCR."""
    return suffix_of(name) in PICTURE_SUFFIXES


def not_read(called: str, suffix: str = "") -> Unsupported:
    """The reason why what is ``called`` so is left out, and what to do about it where something can be done."""
    saved_as = _SAVED_AS.get(called) or _SAVED_AS_BY_SUFFIX.get(suffix)
    return Unsupported(f"{called} are not read yet{f'; save it as {saved_as} and add it again' if saved_as else ''}.")


def unsupported(name: str) -> Unsupported:
    """The reason why a file of this name is left out."""
    suffix = suffix_of(name)
    if suffix in _CALLED_BY_SUFFIX:
        return not_read(_CALLED_BY_SUFFIX[suffix], suffix)
    if suffix:
        return Unsupported(f"Files that end in {suffix} are not read yet.")
    return Unsupported("Files of this kind are not read yet.")


def check_media_type(media_type: str | None) -> None:
    """Raises :class:`Unsupported` for what a server declares to be something that is not read."""
    if not media_type or media_type in _PDF or media_type in _OTHERS_READ:
        return
    if media_type in _LIST_TYPES:
        raise Unsupported(
            "XML files are not read; a sitemap or feed is, as a whole website, if its address ends in .xml."
        )
    if media_type in _PICTURE_TYPES:
        raise Unsupported("Pictures at web addresses are not read yet; save it and add the file if it shows text.")
    if media_type.startswith("text/") and media_type not in _TEXT_NOT_READ:
        return
    called = _TEXT_NOT_READ.get(media_type) or next(
        (called for beginning, called in _CALLED_BY_TYPE if media_type.startswith(beginning)), None
    )
    raise not_read(called or f"Pages of the type {media_type[:80]}")


def split_media_type(header: str | None) -> tuple[str | None, str | None]:
    """``text/html; charset=utf-8`` as its media type and its charset, both None where absent."""
    media_type, _, parameters = (header or "").partition(";")
    charset = None
    for parameter in parameters.split(";"):
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "charset":
            charset = value.strip().strip("\"'") or None
    return media_type.strip().lower() or None, charset
