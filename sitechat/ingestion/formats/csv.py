"""Comma and tab separated values: every row becomes a line that can be read on its own."""

import csv
import io
from collections.abc import Iterator

from sitechat.ingestion.formats.base import Extracted, Unreadable
from sitechat.ingestion.formats.charset import decode
from sitechat.ingestion.formats.records import write_rows
from sitechat.ingestion.formats.text import title_from_name
from sitechat.ingestion.formats.writer import TextWriter, clean

_DELIMITERS = ",;\t|"
_SAMPLE = 16 * 1024
_LONGEST_FIELD = 10_000_000


class CsvExtractor:
    media_types = frozenset({"text/csv", "application/csv", "text/tab-separated-values"})
    suffixes = frozenset({".csv", ".tsv", ".tab"})

    def extract(self, data: bytes, name: str, charset: str | None = None) -> Extracted:
        text = clean(decode(data, charset))
        text, delimiter = _delimiter(text, name)
        writer = TextWriter()
        try:
            write_rows(writer, _rows(text, delimiter))
        except csv.Error as error:
            raise Unreadable(f"Its rows cannot be told apart ({error}).") from None
        return writer.extracted(title_from_name(name))


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    csv.field_size_limit(_LONGEST_FIELD)
    for row in csv.reader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True):
        if any(cell.strip() for cell in row):
            yield row


def _delimiter(text: str, name: str) -> tuple[str, str]:
    """The text without Excel's ``sep=`` line, and what separates its fields."""
    first, _, rest = text.partition("\n")
    if first.lower().startswith("sep=") and len(first.strip()) == 5:
        return rest, first[4]
    if name.lower().endswith((".tsv", ".tab")):
        return text, "\t"
    try:
        return text, csv.Sniffer().sniff(text[:_SAMPLE], _DELIMITERS).delimiter
    except csv.Error:
        return text, max(_DELIMITERS, key=first.count)
