"""What can be told about a file from its name and its media type alone, without loading what reads it."""

from pathlib import PurePath

from sitechat.ingestion.formats.base import Unsupported

# Endings of what is read. A test keeps this in step with the extractors.
SUPPORTED_SUFFIXES = frozenset(
    {
        *(".txt", ".text", ".md", ".markdown", ".mdown", ".mkd", ".mdx", ".html", ".htm", ".xhtml", ".shtml"),
        *(".pdf", ".docx", ".docm", ".csv", ".tsv", ".tab"),
    }
)
_PDF = frozenset({"application/pdf", "application/x-pdf"})
_OTHERS_READ = frozenset(
    {
        *("application/xhtml+xml", "application/csv", "application/octet-stream", "binary/octet-stream"),
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    }
)
_TEXT_NOT_READ = {"text/css": "Style sheets", "text/javascript": "Source code files", "text/calendar": "Calendars"}

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
_CALLED_BY_TYPE = (
    ("image/", "Pictures"),
    ("audio/", "Sound and video files"),
    ("video/", "Sound and video files"),
    ("font/", "Fonts"),
    ("application/json", "Data files"),
    ("application/xml", "Data files"),
    ("application/javascript", "Source code files"),
    ("application/zip", "Archives"),
    ("application/gzip", "Archives"),
    ("application/epub", "E-books"),
    ("application/vnd.ms-powerpoint", "PowerPoint files"),
    ("application/vnd.openxmlformats-officedocument.presentationml", "PowerPoint files"),
    ("application/vnd.ms-excel", "Excel files"),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml", "Excel files"),
)


def suffix_of(name: str) -> str:
    """``.pdf``; empty for a name that ends otherwise, such as ``v2.0 final``."""
    suffix = PurePath(name.replace("\\", "/")).suffix.lower()
    return suffix if suffix[1:].isalnum() and len(suffix) <= 10 else ""


def is_supported(name: str) -> bool:
    """Whether a file of this name is worth opening; one without an ending may be text."""
    suffix = suffix_of(name)
    return not suffix or suffix in SUPPORTED_SUFFIXES


def unsupported(name: str) -> Unsupported:
    """The reason why a file of this name is left out."""
    suffix = suffix_of(name)
    if suffix in _CALLED_BY_SUFFIX:
        return Unsupported(f"{_CALLED_BY_SUFFIX[suffix]} are not read yet.")
    if suffix:
        return Unsupported(f"Files that end in {suffix} are not read yet.")
    return Unsupported("Files of this kind are not read yet.")


def check_media_type(media_type: str | None) -> None:
    """Raises :class:`Unsupported` for what a server declares to be something that is not read."""
    if not media_type or media_type in _PDF or media_type in _OTHERS_READ:
        return
    if media_type.startswith("text/") and media_type not in _TEXT_NOT_READ:
        return
    called = _TEXT_NOT_READ.get(media_type) or next(
        (called for beginning, called in _CALLED_BY_TYPE if media_type.startswith(beginning)), None
    )
    raise Unsupported(f"{called or f'Pages of the type {media_type[:80]}'} are not read yet.")


def split_media_type(header: str | None) -> tuple[str | None, str | None]:
    """``text/html; charset=utf-8`` as its media type and its charset, both None where absent."""
    media_type, _, parameters = (header or "").partition(";")
    charset = None
    for parameter in parameters.split(";"):
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "charset":
            charset = value.strip().strip("\"'") or None
    return media_type.strip().lower() or None, charset
