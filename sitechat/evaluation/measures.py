"""Measures of rankings, as retrieval benchmarks define them (trec_eval), and of scores; each between 0 and 1."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

DEPTHS = (1, 5, 10, 20)
CUT = 10


def recall(ranked: Sequence[str], relevant: Mapping[str, float], k: int) -> float:
    """The share of the relevant texts that is among the first ``k``."""
    return len(relevant.keys() & set(ranked[:k])) / len(relevant)


def reciprocal_rank(ranked: Sequence[str], relevant: Mapping[str, float], k: int = CUT) -> float:
    """One over the rank of the first relevant text; 0 where it is not among the first ``k``."""
    return next((1 / rank for rank, text in enumerate(ranked[:k], start=1) if text in relevant), 0.0)


def ndcg(ranked: Sequence[str], relevant: Mapping[str, float], k: int = CUT) -> float:
    """Gains discounted by the logarithm of their rank, over those of the best order there is."""
    best = _discounted(sorted(relevant.values(), reverse=True)[:k])
    return _discounted([relevant.get(text, 0.0) for text in ranked[:k]]) / best


def of_ranking(ranked: Sequence[str], relevant: Mapping[str, float]) -> dict[str, float]:
    """All of them, by name."""
    recalls = {f"recall@{k}": recall(ranked, relevant, k) for k in DEPTHS}
    return {**recalls, f"mrr@{CUT}": reciprocal_rank(ranked, relevant), f"ndcg@{CUT}": ndcg(ranked, relevant)}


def mean(values: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The average of each measure, over those that have it."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for each in values:
        for name, value in each.items():
            found[name].append(value)
    return {name: sum(each) / len(each) for name, each in found.items()}


def auroc(higher: Sequence[float], lower: Sequence[float]) -> float:
    """How likely one of ``higher`` is above one of ``lower``; a tie counts half. Neither is empty."""
    ordered = np.sort(np.asarray(lower))
    below = np.searchsorted(ordered, higher, side="left")
    not_above = np.searchsorted(ordered, higher, side="right")
    return float((below + not_above).mean() / 2 / len(ordered))


def percentile(values: Sequence[float], share: float) -> float:
    """The value below or at which that share of the values lies; 0 for none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else 0.0


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))
