"""What the outcomes of an evaluation come to: the measures of each question, and their means."""

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sitechat.evaluation import measures
from sitechat.evaluation.curve import Curve, curve
from sitechat.evaluation.outcome import Outcome, Reply, Run

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)

ANSWERED, REFUSED, REMOVED = "answerable answered", "unanswerable refused", "removed refused"
HOLDS = "answers hold the expected words"
PRECISION, RECALL = "citation precision", "citation recall"
SUPPORTED, WORDS = "sentences supported", "words an answer"
MAIN = ("recall@5", "ndcg@10", ANSWERED, REFUSED, REMOVED)
"""What tells most in a few figures."""

_SUPPORTED = "supported"


@dataclass(frozen=True, slots=True)
class Report:
    """``retrieval``: means over the ``judged`` questions, those with texts that answer them; ``baselines``: the same by
    the name of another way to rank. ``answers``: means over the questions that each is about, empty where answers were
    not asked for. ``milliseconds``: by step, p50 and p95. ``failed`` questions could not be asked."""

    id: str
    name: str
    at: str
    settings: Mapping[str, str]
    questions: int
    judged: int
    failed: int
    retrieval: Mapping[str, float]
    baselines: Mapping[str, Mapping[str, float]]
    answers: Mapping[str, float]
    trade_off: Curve | None
    milliseconds: Mapping[str, tuple[float, float]]

    def values(self) -> dict[str, float]:
        """Everything that can be required of an evaluation, by name."""
        return {**self.retrieval, **self.answers}

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def report(run: Run) -> Report:
    outcomes = [outcome for outcome in run.outcomes if not outcome.error]
    judged = [outcome for outcome in outcomes if outcome.question.relevant]
    steps = dict.fromkeys(step for outcome in outcomes for step in outcome.milliseconds)
    times = {step: [o.milliseconds[step] for o in outcomes if step in o.milliseconds] for step in steps}
    trade_off = curve(outcomes)
    certainty = {f"AUROC {kind}": value for kind, value in trade_off.auroc.items()} if trade_off else {}
    return Report(
        run.head.id,
        run.head.name,
        run.head.at.isoformat(timespec="seconds"),
        run.head.settings,
        len(run.outcomes),
        len(judged),
        len(run.outcomes) - len(outcomes),
        measures.mean([of_ranking(outcome) for outcome in judged]),
        run.head.baselines,
        measures.mean([of_answer(outcome) for outcome in outcomes]) | certainty,
        trade_off,
        {step: (measures.percentile(spent, 0.5), measures.percentile(spent, 0.95)) for step, spent in times.items()},
    )


def of_question(outcome: Outcome) -> dict[str, float]:
    """Every measure of one question, by name; those that it says nothing about are left out."""
    return {**of_ranking(outcome), **of_answer(outcome)} if not outcome.error else {}


def of_ranking(outcome: Outcome) -> dict[str, float]:
    relevant = outcome.question.relevant
    return measures.of_ranking(outcome.ranked, relevant) if relevant else {}


def of_answer(outcome: Outcome) -> dict[str, float]:
    question, reply = outcome.question, outcome.reply
    found: dict[str, float] = {}
    if reply is None:
        return found
    if question.answerable:
        found[ANSWERED] = float(not reply.refused)
    elif question.answerable is False:
        found[REFUSED] = float(reply.refused)
    if outcome.without is not None:
        found[REMOVED] = float(outcome.without.refused)
    if not reply.refused:
        found |= _of_text(question.answers if question.answerable else (), question.relevant, reply)
    return found


def _of_text(expected: Sequence[str], relevant: Mapping[str, float], reply: Reply) -> dict[str, float]:
    """What can be said of an answer that was not refused."""
    found: dict[str, float] = {WORDS: float(reply.words)}
    if expected:
        found[HOLDS] = float(holds(reply.content, expected))
    if relevant:
        right = len(relevant.keys() & set(reply.cited))
        found[RECALL] = right / len(relevant)
        if reply.cited:
            found[PRECISION] = right / len(set(reply.cited))
    if sentences := sum(reply.support.values()):
        found[SUPPORTED] = reply.support.get(_SUPPORTED, 0) / sentences
    return found


def holds(answer: str, expected: Sequence[str]) -> bool:
    """Whether an answer has one of the expected wordings in it, letter case, articles and punctuation aside."""
    said = f" {_plain(answer)} "
    return any(f" {wording} " in said for wording in map(_plain, expected) if wording)


def _plain(text: str) -> str:
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split())
