"""Rows of cells as lines that can be read on their own: each value with the name of its column."""

from collections.abc import Iterable

from sitechat.ingestion.formats.writer import TextWriter, squeeze

# Rows with a title above the names of the columns.
_MOST_TITLES = 5


def write_rows(writer: TextWriter, rows: Iterable[list[str]]) -> None:
    """Write ``rows`` as one table. The first row with more than one cell names the columns, if it looks like names."""
    header: list[str] | None = None
    sought, described = True, False
    for number, row in enumerate(rows):
        if sought and (number >= _MOST_TITLES or _filled(row) > 1):
            sought, header = False, _header(row)
            if header is not None:
                continue
        if header is None:
            writer.row(row)
        else:
            writer.record(_record(header, row))
            described = True
    if header is not None and not described:
        writer.row(header)


def _filled(row: list[str]) -> int:
    return sum(1 for cell in row if cell.strip())


def _header(row: list[str]) -> list[str] | None:
    """The names of the columns, if a row looks like names: no gap, all different, none a number."""
    cells = [squeeze(cell) for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    names = cells[next((index for index, cell in enumerate(cells) if cell), 0) :]
    named = len(names) > 1 and len(set(names)) == len(names)
    return cells if named and all(cell and not _is_number(cell) and len(cell) <= 100 for cell in names) else None


def _is_number(cell: str) -> bool:
    return not any(character.isalpha() for character in cell)


def _record(header: list[str], row: list[str]) -> str:
    pairs = []
    for index, cell in enumerate(row):
        value = squeeze(cell)
        if value:
            name = header[index] if index < len(header) else ""
            pairs.append(f"{name}: {value}" if name else value)
    return "; ".join(pairs)
