"""Cuts an extracted document into passages that follow its headings and never cut a sentence in two.

Sizes are counted in word pieces, as embedding models count them: the default model reads 256 and drops the rest, which
is about 1,000 characters of English with room for the title. Passages are spans of the text, in order, without overlap.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil

from sitechat.ingestion.chunk_units import Unit, units_of, weigh
from sitechat.ingestion.formats.base import Block, Extracted

TARGET = 190
MAXIMUM = 225
_TINY = 0.25


@dataclass(frozen=True, slots=True)
class Span:
    """A passage: ``text[start:end]``, the headings above it from the highest down, and the page it begins on."""

    start: int
    end: int
    heading_path: tuple[str, ...]
    page: int | None


@dataclass(frozen=True, slots=True)
class _Section:
    """What stands under one heading, up to the next. ``start`` and ``weight`` are the heading's own.

    Before the first heading the path is empty, and ``start`` is where the text begins.
    """

    path: tuple[str, ...]
    start: int
    weight: int
    units: tuple[Unit, ...]

    @property
    def size(self) -> int:
        return sum(unit.weight for unit in self.units)

    @property
    def end(self) -> int:
        return self.units[-1].end if self.units else self.start + len(self.path[-1])


def chunk(extracted: Extracted, *, target: int = TARGET, maximum: int = MAXIMUM) -> list[Span]:
    """The passages of a document: about ``target`` word pieces each, ``maximum`` at most.

    Headings are not part of a passage but stand in its ``heading_path``; only where small neighbouring sections share
    a passage, their headings are within. A sentence is cut only if it is longer than ``maximum`` by itself.
    """
    pages = extracted.pages
    return [
        Span(start, end, path, bisect_right(pages, start) or None if pages else None)
        for group in _groups(list(_sections(extracted, maximum)), target)
        for start, end, path in _passages(group, target, maximum)
    ]


def _sections(extracted: Extracted, maximum: int) -> Iterator[_Section]:
    text = extracted.text
    path: list[tuple[int, str]] = []
    start = extracted.blocks[0].start if extracted.blocks else 0
    weight = 0
    held: list[Block] = []

    def section() -> _Section:
        units = tuple(unit for block in held for unit in units_of(text, block, maximum))
        return _Section(tuple(name for _, name in path), start, weight, units)

    for block in extracted.blocks:
        name = text[block.start : block.end]
        if block.kind != "heading" or weigh(name) > maximum:
            held.append(block)
            continue
        if held or (path and path[-1][0] >= block.level):  # a heading right above a lower one is in the latter's path
            yield section()
        held = []
        path = [*(above for above in path if above[0] < block.level), (block.level, name)]
        start, weight = block.start, weigh(name)
    if held or path:
        yield section()


def _groups(sections: list[_Section], target: int) -> Iterator[list[_Section]]:
    """Sections that share a passage: tiny ones with what follows, under the same parent, as far as they fit."""
    group: list[_Section] = []
    size = 0
    for section in sections:
        if group and not _joins(group, size, section, target):
            yield group
            group, size = [], 0
        group.append(section)
        size += section.size + section.weight
    if group:
        yield group


def _joins(group: list[_Section], size: int, section: _Section, target: int) -> bool:
    first = group[0]
    tiny = min(size - first.weight, section.size) < _TINY * target
    related = section.path[: max(0, len(first.path) - 1)] == first.path[:-1]
    within = len(section.path) >= len(first.path)
    return tiny and related and within and size + section.size + section.weight <= target


def _passages(group: list[_Section], target: int, maximum: int) -> Iterable[tuple[int, int, tuple[str, ...]]]:
    first = group[0]
    if len(group) == 1 and first.units:
        return [(start, end, first.path) for start, end in _pack(first.units, target, maximum)]
    path = _shared_path(group)
    if path == first.path and first.units:  # the others stand below the first, whose heading is their context
        return [(first.units[0].start, group[-1].end, path)]
    return [(first.start, group[-1].end, path[: len(first.path) - 1])]


def _extent(units: Sequence[Unit]) -> tuple[int, int]:
    return units[0].start, units[-1].end


def _shared_path(group: list[_Section]) -> tuple[str, ...]:
    path = group[0].path
    for section in group[1:]:
        same = 0
        while same < min(len(path), len(section.path)) and path[same] == section.path[same]:
            same += 1
        path = path[:same]
    return path


def _pack(units: Sequence[Unit], target: int, maximum: int) -> Iterator[tuple[int, int]]:
    """Fill passages evenly, so that no small remainder is left, and end them where the text makes a pause."""
    begin = 0
    left = sum(unit.weight for unit in units)
    while begin < len(units):
        goal = left / max(ceil(left / maximum), round(left / target))
        end = len(units) if left <= maximum else _break_after(units, begin, goal, maximum)
        yield _extent(units[begin:end])
        left -= sum(unit.weight for unit in units[begin:end])
        begin = end


def _break_after(units: Sequence[Unit], begin: int, goal: float, maximum: int) -> int:
    """The index after the last unit of a passage: near ``goal``, preferably where a block ends."""
    best, best_cost = begin + 1, float("inf")
    size = 0
    for index in range(begin, len(units)):
        size += units[index].weight
        if size > maximum and index > begin:
            break
        cost = ((size - goal) / goal) ** 2 + units[index].reluctance
        if cost <= best_cost:
            best, best_cost = index + 1, cost
    return best
