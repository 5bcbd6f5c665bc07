"""What the outcomes of a question set come to."""

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sitechat.evaluation import measures
from sitechat.evaluation.laboratory import Outcome

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


@dataclass(frozen=True, slots=True)
class Report:
    """``retrieval``: means over the ``judged`` questions, those with texts that answer them.

    ``answers``: shares of questions answered, refused and right, empty where answers were not asked for.
    ``milliseconds``: by step, p50 and p95.
    """

    name: str
    questions: int
    judged: int
    retrieval: Mapping[str, float]
    answers: Mapping[str, float]
    milliseconds: Mapping[str, tuple[float, float]]

    def values(self) -> dict[str, float]:
        """Everything that can be required of an evaluation, by name."""
        return {**self.retrieval, **self.answers}

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def report(name: str, outcomes: Sequence[Outcome]) -> Report:
    judged = [outcome for outcome in outcomes if outcome.question.relevant]
    steps = dict.fromkeys(step for outcome in outcomes for step in outcome.milliseconds)
    times = {step: [o.milliseconds[step] for o in outcomes if step in o.milliseconds] for step in steps}
    return Report(
        name,
        len(outcomes),
        len(judged),
        measures.mean([measures.of_ranking(outcome.ranked, outcome.question.relevant) for outcome in judged]),
        _answers(outcomes),
        {step: (measures.percentile(spent, 0.5), measures.percentile(spent, 0.95)) for step, spent in times.items()},
    )


def _answers(outcomes: Sequence[Outcome]) -> dict[str, float]:
    asked = [outcome for outcome in outcomes if outcome.refused is not None]
    answerable = [outcome for outcome in asked if outcome.question.answerable]
    others = [outcome for outcome in asked if outcome.question.answerable is False]
    gold = [o for o in answerable if o.question.answers and not o.refused]
    shares = {
        "answerable answered": [not outcome.refused for outcome in answerable],
        "unanswerable refused": [bool(outcome.refused) for outcome in others],
        "answers hold the expected words": [holds(o.answer or "", o.question.answers) for o in gold],
    }
    return {name: sum(found) / len(found) for name, found in shares.items() if found}


def holds(answer: str, expected: Sequence[str]) -> bool:
    """Whether an answer has one of the expected wordings in it, letter case, articles and punctuation aside."""
    said = f" {_plain(answer)} "
    return any(f" {wording} " in said for wording in map(_plain, expected) if wording)


def _plain(text: str) -> str:
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())
