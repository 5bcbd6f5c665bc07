"""Two evaluations side by side: is the later one better, worse, or can it not be told?

Each measure is compared on the questions that have it in both, by pairs: the differences are drawn again and again with
replacement (a bootstrap), and 95 % of the means so found lie in the interval.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from sitechat.evaluation.outcome import Outcome, Run
from sitechat.evaluation.report import WORDS, of_question

Verdict = Literal["better", "worse", "not distinguishable"]

_DRAWS = 2000
_SEED = 0
_INTERVAL = (2.5, 97.5)
_LEAST = 10
"""Pairs below which nothing can be told."""
_NEITHER_GOOD_NOR_BAD = {WORDS}


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one measure: its means over the ``questions`` that both have, and the interval of their difference."""

    measure: str
    before: float
    after: float
    low: float
    high: float
    questions: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Comparison:
    """``questions`` are in both; ``changed`` settings have another value in each: name, before, after."""

    before: str
    after: str
    questions: int
    changed: tuple[tuple[str, str, str], ...]
    differences: tuple[Difference, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def compare(before: Run, after: Run) -> Comparison:
    old, new = _by_question(before.outcomes), _by_question(after.outcomes)
    shared = [name for name in old if name in new]
    measures = dict.fromkeys(measure for name in shared for measure in old[name])
    pairs = {
        measure: [
            (old[name][measure], new[name][measure]) for name in shared if measure in old[name] and measure in new[name]
        ]
        for measure in measures
        if measure not in _NEITHER_GOOD_NOR_BAD
    }
    settings = dict.fromkeys([*before.head.settings, *after.head.settings])
    values = [(name, before.head.settings.get(name, ""), after.head.settings.get(name, "")) for name in settings]
    return Comparison(
        before.head.id,
        after.head.id,
        len(shared),
        tuple(each for each in values if each[1] != each[2]),
        tuple(difference(measure, found) for measure, found in pairs.items() if found),
    )


def difference(measure: str, pairs: Sequence[tuple[float, float]]) -> Difference:
    """``pairs`` are a question's values before and after, at least one."""
    values = np.array(pairs)
    changes = values[:, 1] - values[:, 0]
    draw = np.random.default_rng(_SEED)
    means = [changes[draw.integers(0, len(changes), len(changes))].mean() for _ in range(_DRAWS)]
    low, high = (float(bound) for bound in np.percentile(means, _INTERVAL))
    before, after = (float(mean) for mean in values.mean(axis=0))
    return Difference(measure, before, after, low, high, len(pairs), _verdict(low, high, len(pairs)))


def _verdict(low: float, high: float, questions: int) -> Verdict:
    if questions < _LEAST or low <= 0 <= high:
        return "not distinguishable"
    return "better" if low > 0 else "worse"


def _by_question(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    return {outcome.question.id: of_question(outcome) for outcome in outcomes if not outcome.error}
