"""Whether sentences that were ranked for a question answer it: one number, and the threshold it is measured by."""

from collections.abc import Sequence

from providers.evidence import Candidate
from providers.objections import objection

THRESHOLD = 1.65
"""Below it a question is refused. Of SQuAD 2.0's questions that the passages answer, about 6 of 100 are refused; of the
same with their article taken out, about 6 of 100 are answered; see ``benchmarks/RETRIEVAL.md``."""

_FIT = 0.5
_HIGHEST_FIT = 1.5


def sufficiency(question_text: str, ranked: Sequence[Candidate]) -> float:
    """``S`` of the best sentence + .5 × the best passage's score − what speaks against that sentence."""
    if not ranked:
        return 0.0
    best = ranked[0]
    fit = max(min(item.passage.score, _HIGHEST_FIT) for item in ranked)
    return best.score + _FIT * fit - objection(question_text, best)
