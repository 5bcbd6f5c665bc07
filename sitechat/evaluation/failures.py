"""Questions of an evaluation that did not end as they should, the worst first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from sitechat.evaluation.outcome import Outcome
from sitechat.evaluation.report import holds

Kind = Literal["made up", "refused", "other page", "other words", "not found", "made up without", "not asked"]
"""In this order: an answer where there is none; a refusal of what could be answered; an answer from other pages, or
without the expected words; the right page not among the first; an answer though the right page was left out; an error.
"""

_NEAR = 5


@dataclass(frozen=True, slots=True)
class Failure:
    kind: Kind
    outcome: Outcome


def failures(outcomes: Sequence[Outcome]) -> list[Failure]:
    """One a question, by its gravest kind; in the order of ``Kind``."""
    found = [Failure(kind, outcome) for outcome in outcomes if (kind := kind_of(outcome)) is not None]
    order = get_args(Kind)
    return sorted(found, key=lambda failure: order.index(failure.kind))


def kind_of(outcome: Outcome) -> Kind | None:
    """None where all is well."""
    question, reply = outcome.question, outcome.reply
    if outcome.error:
        return "not asked"
    if reply is not None and question.answerable is False:
        return None if reply.refused else "made up"
    if reply is not None and question.answerable:
        if reply.refused:
            return "refused"
        if question.relevant and question.relevant.keys().isdisjoint(reply.cited):
            return "other page"
        if question.answers and not holds(reply.content, question.answers):
            return "other words"
    if question.relevant and question.relevant.keys().isdisjoint(outcome.ranked[:_NEAR]):
        return "not found"
    if outcome.without is not None and not outcome.without.refused:
        return "made up without"
    return None
