"""Excel workbooks: every sheet is a heading, and every row a line that can be read on its own.

Values are those that Excel last computed. Sheets that are hidden, and chart sheets, are left out.
"""

import io
import warnings
from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import chain
from typing import Any

from openpyxl import Workbook, load_workbook

from sitechat.ingestion.formats.archive import check_archive, without_members
from sitechat.ingestion.formats.base import Extracted, TooLarge
from sitechat.ingestion.formats.damage import damage_means
from sitechat.ingestion.formats.records import write_rows
from sitechat.ingestion.formats.text import title_from_name
from sitechat.ingestion.formats.writer import TextWriter, squeeze

_DAMAGED = "It is damaged: it cannot be opened as an Excel workbook."
_SPRAWLS = "Its sheets have far more cells than can be read; save the part with the data as a file of its own."
_LOOKS = frozenset({"xl/styles.xml", "docProps/core.xml", "docProps/custom.xml"})
# Excel's own limits; a damaged file may claim rows and text beyond them.
_MOST_ROWS = 1_048_576
_LONGEST_CELL = 32_767
_WHOLE = 10**20
# Empty ones included, which every row has up to its last cell.
_MOST_CELLS = 100_000_000


class XlsxExtractor:
    media_types = frozenset(
        {
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.ms-excel.sheet.macroenabled.12",
        }
    )
    suffixes = frozenset({".xlsx", ".xlsm"})

    def extract(self, data: bytes, name: str, charset: str | None = None) -> Extracted:  # noqa: ARG002
        # openpyxl reads sheets with a parser that expands entities.
        check_archive(data, _DAMAGED, declarations=False)
        writer = TextWriter()
        with damage_means(_DAMAGED), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            workbook = _open(data)
            _write(writer, workbook)
            title = squeeze(workbook.properties.title or "") or title_from_name(name)
        return writer.extracted(title)


def _open(data: bytes) -> Workbook:
    """Without styles and properties where openpyxl fails over what Excel puts up with; then dates are numbers."""
    try:
        return _load(data)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 (almost any exception, and the second try says whether it matters)
        return _load(without_members(data, _LOOKS))


def _load(data: bytes) -> Workbook:
    return load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)


def _write(writer: TextWriter, workbook: Workbook) -> None:
    for sheet in workbook.worksheets:
        if sheet.sheet_state != "visible":
            continue
        rows = _rows(sheet)
        first = next(rows, None)
        if first is not None:
            writer.heading(1, sheet.title)
            write_rows(writer, chain([first], rows))


def _rows(sheet: Any) -> Iterator[list[str]]:
    """The rows that are not empty."""
    # What a sheet says of its size is often wrong, and may be a bomb.
    sheet.reset_dimensions()
    cells = 0
    for row in sheet.iter_rows(max_row=_MOST_ROWS):
        cells += len(row)
        if cells > _MOST_CELLS:
            raise TooLarge(_SPRAWLS)
        shown = [_shown(cell) for cell in row]
        if any(shown):
            yield shown


def _shown(cell: Any) -> str:
    """The value of a cell, about as Excel shows it; empty for its errors."""
    value = cell.value
    if value is None or cell.data_type == "e":
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return _number(value, cell)
    if isinstance(value, datetime) and value.time() == time():
        value = value.date()
    if isinstance(value, date | time):
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    return str(value)[:_LONGEST_CELL].strip()


def _number(value: float, cell: Any) -> str:
    """Excel computes with 15 digits; what follows is noise, except in whole numbers."""
    try:
        share = "%" in cell.number_format
    except (IndexError, KeyError):
        share = False  # a style that is missing
    if share:
        return f"{value * 100:.15g}%"
    whole = isinstance(value, int) or (value.is_integer() and abs(value) < _WHOLE)
    return str(int(value)) if whole else f"{value:.15g}"
