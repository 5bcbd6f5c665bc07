"""Words as retrieval sees them: lower case, stemmed, with a measure of how much each one tells."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

import snowballstemmer

_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+(?:['’][^\W_]+)*")
_POSSESSIVE = re.compile(r"['’]s?$")
_stemmer = snowballstemmer.stemmer("english")


def word_set(text: str) -> frozenset[str]:
    """The words of a list written as prose."""
    return frozenset(text.split())


STOP_WORDS = word_set(
    """a about above after again against all also am an and any are as at be because been before being below between
    both but by can cannot could did do does doing done down during each few for from further get had has have having
    he her here hers herself him himself his how i if in into is it its itself just let may me might more most must my
    myself no nor not now of off on once only or other our ours ourselves out over own same shall she should so some
    such than that the their theirs them themselves then there these they this those through to too under until up upon
    us very was we were what when where whether which while who whom whose why will with would you your yours yourself
    don't doesn't didn't isn't aren't wasn't weren't can't couldn't won't wouldn't it's that's there's i'm"""
)


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    return str(_stemmer.stemWord(_POSSESSIVE.sub("", word.lower())))


@lru_cache(maxsize=4_096)
def stems(text: str) -> tuple[str, ...]:
    """All words of ``text``, stemmed, stop words kept."""
    return tuple(stem(word) for word in _TOKEN.findall(text))


def words(text: str) -> list[str]:
    """All words of ``text`` as written."""
    return _TOKEN.findall(text)


STOP_STEMS = frozenset(stem(word) for word in STOP_WORDS)


def pairs(sequence: Sequence[str]) -> set[tuple[str, str]]:
    return set(pairwise(sequence))


def weights(units: Iterable[Iterable[str]]) -> Mapping[str, float]:
    """How much each word tells, learned from ``units`` (sentences as sets of words): rare is much."""
    counts: Counter[str] = Counter()
    total = 0
    for unit in units:
        counts.update(set(unit))
        total += 1
    return _Weights(counts, total)


class _Weights(dict[str, float]):
    """``1 + ln(1 + (n - df + .5) / (df + .5))``; a word that was never seen tells most.

    The leading 1 is there because the units are those retrieved for a question: its topic is common among them.
    """

    def __init__(self, counts: Counter[str], total: int) -> None:
        super().__init__({word: self._idf(count, total) for word, count in counts.items()})
        self._unseen = self._idf(0, total)

    def __missing__(self, word: str) -> float:
        return self._unseen

    @staticmethod
    def _idf(count: int, total: int) -> float:
        return 1 + math.log(1 + (total - count + 0.5) / (count + 0.5))
