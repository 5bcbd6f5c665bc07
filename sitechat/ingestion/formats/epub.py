"""E-books in the EPUB format: their chapters in reading order."""

import zipfile

from sitechat.ingestion.formats.archive import open_archive, read_member
from sitechat.ingestion.formats.base import Encrypted, Extracted
from sitechat.ingestion.formats.charset import decode
from sitechat.ingestion.formats.damage import damage_means
from sitechat.ingestion.formats.epub_package import Book, read_book
from sitechat.ingestion.formats.html import write_page
from sitechat.ingestion.formats.html_tree import declared_charset
from sitechat.ingestion.formats.text import title_from_name
from sitechat.ingestion.formats.writer import TextWriter

_DAMAGED = "It is damaged: it cannot be opened as an e-book."
_LOCKED = "It is locked by copy protection (DRM); add a copy without it."


class EpubExtractor:
    media_types = frozenset({"application/epub+zip"})
    suffixes = frozenset({".epub"})

    def extract(self, data: bytes, name: str, charset: str | None = None) -> Extracted:  # noqa: ARG002
        writer = TextWriter()
        with open_archive(data, _DAMAGED) as archive, damage_means(_DAMAGED):
            book = read_book(archive)
            if book.encrypted & set(book.chapters):
                raise Encrypted(_LOCKED)
            _write(writer, archive, book)
        return writer.extracted(book.title or title_from_name(name))


def _write(writer: TextWriter, archive: zipfile.ZipFile, book: Book) -> None:
    for path in book.chapters:
        page = read_member(archive, path)
        if page.strip():
            text = decode(page, declared_charset(page))
            write_page(writer, text, heading=book.headings.get(path, ""), xml=True)
