"""Tells addresses that a site makes up without end: calendars, filters of shops, links that lead into themselves."""

import re
from collections import Counter, OrderedDict
from dataclasses import dataclass
from hashlib import blake2b

from sitechat.ingestion.urls import WebAddress

_IDENTIFIER = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{12,}", re.IGNORECASE)
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class TrapBudgets:
    """How much is believed of a site. ``shapes`` is how many patterns of addresses are remembered at most."""

    length: int = 2000
    folders: int = 15
    repeats: int = 3
    parameters: int = 10
    pages_of_shape: int = 500
    queries_of_path: int = 100
    shapes: int = 50_000


class TrapGuard:
    """Watches the addresses of one crawl. Its memory is bounded: of too many patterns, the longest unseen is forgotten.

    A pattern is a path with its numbers and identifiers taken out, or a path with whatever query.
    """

    def __init__(self, budgets: TrapBudgets | None = None) -> None:
        self._budgets = budgets or TrapBudgets()
        self._counts: OrderedDict[bytes, int] = OrderedDict()

    def admit(self, address: WebAddress) -> str | None:
        """Why an address looks like a trap, in a whole sentence; None if it does not, and then it is counted.

        Call it once for each address, in its canonical form.
        """
        path, _, query = address.target.partition("?")
        return self._of_form(str(address), path, query) or self._of_budget(address, path, query)

    def _of_form(self, url: str, path: str, query: str) -> str | None:
        budgets = self._budgets
        if len(url) > budgets.length:
            return f"Its address has {len(url):,} characters; at most {budgets.length:,} are followed."
        segments = [segment for segment in path.split("/") if segment]
        if len(segments) > budgets.folders:
            return f"Its path is {len(segments)} folders deep; at most {budgets.folders} are followed."
        # Numbers do repeat, in dates for example; there is a budget for them.
        segment, times = _most_frequent([segment for segment in segments if not segment.isdecimal()])
        if times >= budgets.repeats:
            return (
                f"Its path repeats “{segment[:40]}” {times} times; {budgets.repeats} times look like an endless loop."
            )
        parameters = query.count("&") + 1 if query else 0
        if parameters > budgets.parameters:
            return f"Its address has {parameters} parameters; at most {budgets.parameters} are followed."
        return None

    def _of_budget(self, address: WebAddress, path: str, query: str) -> str | None:
        budgets = self._budgets
        site = f"{address.scheme}://{address.authority}"
        shape = _shape(path)
        checks: list[tuple[bytes, int, str]] = []
        if shape != path:
            why = f"There are more than {budgets.pages_of_shape:,} pages like {shape[:200]}; no more are read."
            checks.append((_key("shape", site, shape), budgets.pages_of_shape, why))
        if query:
            why = f"There are more than {budgets.queries_of_path:,} variants of {path[:200]}; no more are read."
            checks.append((_key("query", site, path), budgets.queries_of_path, why))
        for key, budget, why in checks:
            if self._counts.get(key, 0) >= budget:
                self._counts.move_to_end(key)
                return why
        for key, _, _ in checks:
            self._count(key)
        return None

    def _count(self, key: bytes) -> None:
        self._counts[key] = self._counts.get(key, 0) + 1
        self._counts.move_to_end(key)
        if len(self._counts) > self._budgets.shapes:
            self._counts.popitem(last=False)


def _shape(path: str) -> str:
    """``path`` with a star for every number and identifier."""
    return _NUMBER.sub("*", _IDENTIFIER.sub(_starred, path))


def _starred(match: re.Match[str]) -> str:
    """A word may well consist of the letters a to f; an identifier has digits among them."""
    return "*" if any(map(str.isdigit, match[0])) else match[0]


def _key(*parts: str) -> bytes:
    """So few bytes that their number bounds the memory, however long the addresses are."""
    return blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=16).digest()


def _most_frequent(segments: list[str]) -> tuple[str, int]:
    return next(iter(Counter(segments).most_common(1)), ("", 0))
