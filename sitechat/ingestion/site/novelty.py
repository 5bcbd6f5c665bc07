"""Tells whether a page says anything that others like it have not said, apart from its date or number."""

import re
from hashlib import blake2b

from sitechat.ingestion.site.duplicates import words_of

_WORDS = 4
_SAMPLE = 64
_LEAST_NEW = 0.25
_MOST_REMEMBERED = 200_000
_NUMBER = re.compile(r"\d+")


class Novelty:
    """Remembers runs of four words of the pages of each pattern: of a page, a sample of 64, always the same ones.

    A page is new if no other page of its pattern had a quarter of them: a filter that lists the same goods in another
    order is not, but a catalogue may describe all of its goods in the same words. Memory is bounded: of many runs,
    those that were not met for long are forgotten.
    """

    def __init__(self, most: int = _MOST_REMEMBERED) -> None:
        self._most = most
        self._recent: set[bytes] = set()
        self._older: set[bytes] = set()

    def is_new(self, pattern: bytes, text: str, target: str) -> bool:
        """Whether ``text``, found at the path and query ``target``, is new for its pattern; remembers it."""
        runs = _sample(pattern, text, target)
        fresh = sum(run not in self._recent and run not in self._older for run in runs)
        self._recent.update(runs)
        if len(self._recent) > self._most // 2:
            self._older, self._recent = self._recent, set()
        return bool(runs) and fresh >= _LEAST_NEW * len(runs)


def keyed(*parts: str) -> bytes:
    """So few bytes that their number bounds the memory, however long the parts are."""
    return blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=16).digest()


def _sample(pattern: bytes, text: str, target: str) -> list[bytes]:
    """The runs with the lowest hashes. The numbers of the address, and those next to them, are no news:
    the page of a month names it, and the months before and after it."""
    own = {str(number) for found in _NUMBER.findall(target) for number in _around(found)}
    words = ["#" if (word.lstrip("0") or "0") in own else word for word in words_of(text)]
    starts = range(max(1, len(words) - _WORDS + 1)) if words else ()
    runs = {" ".join(words[start : start + _WORDS]) for start in starts}
    hashes = (blake2b(run.encode("utf-8", "replace"), digest_size=8, key=pattern).digest() for run in runs)
    return sorted(hashes)[:_SAMPLE]


def _around(digits: str) -> tuple[int, ...]:
    number = int(digits[:18])
    return number - 1, number, number + 1
