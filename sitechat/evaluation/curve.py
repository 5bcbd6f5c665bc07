"""Answer or refuse: what each threshold of the evidence's score would cost.

A higher threshold refuses more questions that could be answered and answers fewer that could not; the curve is the
choice there is between the two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sitechat.evaluation.measures import auroc
from sitechat.evaluation.outcome import Outcome

TWISTED, REMOVED = "unanswerable", "removed"
"""Questions that nothing answers: those that the set says so of, and those whose texts were left out of the search."""

_POINTS = 100


@dataclass(frozen=True, slots=True)
class Point:
    """At ``threshold``: the share of answerable questions refused, and by kind that of the others answered."""

    threshold: float
    wrong_refusals: float
    wrong_answers: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Curve:
    """``auroc`` by kind: how well the score tells questions apart, whatever the threshold; ``points`` by threshold.

    ``threshold`` is the one that was in force, the median where it differed between questions.
    """

    auroc: Mapping[str, float]
    points: tuple[Point, ...]
    threshold: float | None


def curve(outcomes: Sequence[Outcome]) -> Curve | None:
    """None where no score is known of answerable questions, or none of others."""
    replies = [(outcome.question.answerable, outcome.reply) for outcome in outcomes if outcome.reply is not None]
    answerable = _scores([reply.score for good, reply in replies if good])
    others = {
        TWISTED: _scores([reply.score for good, reply in replies if good is False]),
        REMOVED: _scores([outcome.without.score for outcome in outcomes if outcome.without is not None]),
    }
    others = {kind: scores for kind, scores in others.items() if scores.size}
    if not answerable.size or not others:
        return None
    everything = np.concatenate([answerable, *others.values()])
    thresholds = np.unique(np.quantile(everything, np.linspace(0, 1, _POINTS)))
    points = tuple(
        Point(
            round(float(limit), 4),
            float((answerable < limit).mean()),
            {kind: float((scores >= limit).mean()) for kind, scores in others.items()},
        )
        for limit in [*thresholds, thresholds[-1] + 1e-6]
    )
    in_force = [reply.threshold for _, reply in replies if reply.threshold is not None]
    return Curve(
        {kind: auroc(answerable.tolist(), scores.tolist()) for kind, scores in others.items()},
        points,
        float(np.median(in_force)) if in_force else None,
    )


def _scores(found: Sequence[float | None]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([score for score in found if score is not None], dtype=np.float64)
