"""Tells addresses that a site makes up without end: calendars, filters of shops, links that lead into themselves."""

import re
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from sitechat.ingestion.site.novelty import Novelty, keyed
from sitechat.ingestion.urls import WebAddress

_IDENTIFIER = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{12,}", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class TrapBudgets:
    """How much is believed of a site.

    ``barren`` is how many pages of one pattern may bring nothing new; each that does makes up for two that do not.
    ``shapes`` is how many patterns of addresses are remembered at most.
    """

    length: int = 2000
    folders: int = 15
    repeats: int = 3
    parameters: int = 10
    barren: int = 100
    shapes: int = 50_000


class TrapGuard:
    """Watches the pages of one crawl. Its memory is bounded: of too many patterns, the longest unseen is forgotten.

    A pattern is a path with its numbers and identifiers taken out, or a path with whatever query. However many pages
    a pattern has, they are read for as long as they keep saying new things. Addresses are given in canonical form.
    """

    def __init__(self, budgets: TrapBudgets | None = None) -> None:
        self._budgets = budgets or TrapBudgets()
        self._barren: OrderedDict[bytes, int] = OrderedDict()
        self._novelty = Novelty()

    def odd(self, address: WebAddress) -> str | None:
        """Why an address looks like a trap by itself, in a whole sentence; None if it does not."""
        budgets, url = self._budgets, str(address)
        path, _, query = address.target.partition("?")
        if len(url) > budgets.length:
            return f"Its address has {len(url):,} characters; at most {budgets.length:,} are followed."
        segments = [segment for segment in path.split("/") if segment]
        if len(segments) > budgets.folders:
            return f"Its path is {len(segments)} folders deep; at most {budgets.folders} are followed."
        # Numbers do repeat, in dates for example; what they lead to decides.
        segment, times = _most_frequent([segment for segment in segments if not segment.isdecimal()])
        if times >= budgets.repeats:
            return (
                f"Its path repeats “{segment[:40]}” {times} times; {budgets.repeats} times look like an endless loop."
            )
        parameters = query.count("&") + 1 if query else 0
        if parameters > budgets.parameters:
            return f"Its address has {parameters} parameters; at most {budgets.parameters} are followed."
        return None

    def exhausted(self, address: WebAddress) -> str | None:
        """Why a page is not worth asking for, after others like it; None if it may be."""
        for key, called in _patterns(address):
            if self._barren.get(key, 0) >= self._budgets.barren:
                self._barren.move_to_end(key)
                return f"{self._budgets.barren:,} {called} brought nothing new, so no more of them are read."
        return None

    def asked(self, address: WebAddress) -> None:
        """A page is asked for: until it brings something new, it counts as one that does not."""
        self._count(address, 1)

    def released(self, address: WebAddress) -> None:
        """It was not asked for after all."""
        self._count(address, -1)

    def fruitful(self, address: WebAddress) -> None:
        """A page that was asked for has brought something new."""
        self._count(address, -2)

    def told(self, address: WebAddress, text: str) -> None:
        """What a page that was asked for says: new things, perhaps."""
        first = next(_patterns(address), None)
        if first is not None and self._novelty.is_new(first[0], text, address.target):
            self.fruitful(address)

    def _count(self, address: WebAddress, change: int) -> None:
        for key, _ in _patterns(address):
            self._barren[key] = max(0, self._barren.get(key, 0) + change)
            self._barren.move_to_end(key)
            if len(self._barren) > self._budgets.shapes:
                self._barren.popitem(last=False)


def _patterns(address: WebAddress) -> Iterator[tuple[bytes, str]]:
    """What an address is one of many of: a key, and the others as they are called."""
    path, _, query = address.target.partition("?")
    shape = _shape(path)
    if query:
        yield keyed("query", address.origin, path), f"variants of {path[:200]}"
    if shape != path:
        yield keyed("shape", address.origin, shape), f"pages like {shape[:200]}"


def _shape(path: str) -> str:
    """``path`` with a star for every number and identifier."""
    return _NUMBER.sub("*", _IDENTIFIER.sub(_starred, path))


def _starred(match: re.Match[str]) -> str:
    """A word may well consist of the letters a to f; an identifier has digits among them."""
    return "*" if any(map(str.isdigit, match[0])) else match[0]


def _most_frequent(segments: list[str]) -> tuple[str, int]:
    return next(iter(Counter(segments).most_common(1)), ("", 0))
