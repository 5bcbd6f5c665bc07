"""What came of the questions of an evaluation: plain values that can be stored, measured again and compared."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from pydantic.dataclasses import dataclass

from sitechat.evaluation.question_set import Question

RANKED = 20
"""Texts of a ranking that are kept: the depth of the deepest measure."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What was answered. ``score`` is how well the evidence answers, refused below ``threshold``; None where no such
    measure decided. ``cited`` are ids of texts, ``support`` the number of sentences by what verification found."""

    content: str
    refused: bool
    words: int
    cited: tuple[str, ...] = ()
    support: Mapping[str, int] = field(default_factory=dict)
    score: float | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one question. ``ranked`` are ids of texts, best first; ``milliseconds`` by step.

    ``reply`` is None where only retrieval was measured. ``without`` is the reply to the same question, its texts left
    out of the search: it should have been refused. ``error``: it could not be asked, and nothing of it is measured.
    """

    question: Question
    ranked: tuple[str, ...] = ()
    milliseconds: Mapping[str, float] = field(default_factory=dict)
    reply: Reply | None = None
    without: Reply | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """What an evaluation was of. ``settings`` are those that decide its figures, ``measured`` the figures by name.

    ``baselines``: measures of other ways to rank the same passages, by their name. ``knowledge_base_id`` is None for a
    question set.
    """

    id: str
    name: str
    owner_id: str
    at: datetime
    questions: int
    settings: Mapping[str, str]
    measured: Mapping[str, float]
    baselines: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    knowledge_base_id: str | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """An evaluation that has been made."""

    head: Head
    outcomes: tuple[Outcome, ...]
