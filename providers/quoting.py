"""What stands in the place of a text where no language model writes: the sentences to write it from, with marks.

The sentences are those that an answer would be chosen from (:mod:`providers.evidence`), but more of them, and no two
that say the same.
"""

from collections.abc import Sequence

from providers.base import Quotes
from providers.evidence import Candidate
from providers.words import STOP_STEMS, stems

_WITHIN = 0.9
"""How much weaker than the best sentence one may be: a text is made of more than what answers one question."""
_ALIKE = 0.6
"""Share of telling words in common from which two sentences say the same."""
_OF_ONE_PASSAGE = 3


def compose(ranked: Sequence[Candidate], quotes: Quotes) -> str:
    """A list of quotes below the opening, in reading order. ``ranked`` is not empty and begins with the best."""
    lines = [f"{quotes.bullet}{item.text} [{item.number}]" for item in choose(ranked, quotes.most)]
    return f"{quotes.opening}\n\n" + "\n".join(lines)


def choose(ranked: Sequence[Candidate], most: int) -> list[Candidate]:
    """The best sentences that say different things, a few of each passage, in reading order."""
    chosen: list[Candidate] = []
    for item in ranked:
        if len(chosen) == most or item.score < ranked[0].score - _WITHIN:
            break
        crowded = sum(other.number == item.number for other in chosen) == _OF_ONE_PASSAGE
        if not crowded and not any(_alike(item, other) for other in chosen):
            chosen.append(item)
    return sorted(chosen, key=lambda item: item.place)


def _alike(one: Candidate, other: Candidate) -> bool:
    first, second = (frozenset(stems(item.text)) - STOP_STEMS for item in (one, other))
    return len(first & second) >= _ALIKE * min(len(first), len(second))
