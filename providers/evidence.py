"""Which sentences of the passages answer a question, and whether any does.

Each sentence of the best passages gets a score::

    S = cos(q, s) + .5 ov + .3 ovw + .7 P + .2 kind + .15 big

``ov`` is the share of the question's telling words, weighed by rarity, that the sentence holds; ``ovw`` the same for
the sentence with its neighbours and title; ``P`` the passage's retrieval score; ``kind`` whether it holds the kind of
thing asked for; ``big`` the share of adjacent word pairs. The best score decides whether to answer. Cosines are asked
for the lexically best sentences only; without them a stand-in that keeps the threshold in place is used. A sentence
that asks is no answer; the one after it is heard together with it.
"""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from providers.antonyms import OPPOSITES
from providers.base import Passage
from providers.question import Question, analyse, holds_kind, is_negative, numbers_in
from providers.sentences import readable, split_sentences
from providers.words import pairs, stems, weights

Similarity = Callable[[str, Sequence[str]], Awaitable[Sequence[float]]]
"""The cosines of a question with sentences."""

PASSAGES = 5
COMPARED = 8
_SHORTEST, _SHORTEST_OPEN = 3, 5
"""Words that a sentence has at least, and one without a mark at its end, which may be a heading."""
_CLOSED = re.compile(r"[.!?。！？:;`\d]\W*$|\d")
_QUESTION_MARKS = ("?", "？", "؟")
_HIGHEST_P = 1.0
"""Above, ``P`` tells more about the size of the knowledge base than about the passage."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence: ``text`` as it is quoted, ``number`` of its passage, ``place`` in reading order.

    ``heard`` is what it is compared by: with the question before it, where it answers one.
    """

    text: str
    heard: str
    number: int
    place: tuple[int, int]
    score: float
    coverage: float
    passage: Passage


async def rank(
    question_text: str, passages: Sequence[Passage], similarity: Similarity | None = None
) -> list[Candidate]:
    """All candidate sentences, best first. Those not compared by ``similarity`` come after those that were."""
    question = analyse(question_text)
    best = sorted(passages, key=lambda passage: -passage.score)[:PASSAGES]
    found = sorted(_score_lexically(question, best, passages), key=lambda item: -item.score)
    if similarity is None or not found:
        return [replace(item, score=item.score + stand_in(item)) for item in found]
    compared = found[:COMPARED]
    cosines = await similarity(question_text, [item.heard for item in compared])
    scored = [replace(item, score=item.score + max(0.0, cos)) for item, cos in zip(compared, cosines, strict=True)]
    return sorted(scored, key=lambda item: -item.score)


def stand_in(item: Candidate) -> float:
    """About what the cosine would be, told from the passage's own likeness and the words in common."""
    return 0.15 + 0.35 * min(item.passage.score, _HIGHEST_P) + 0.32 * item.coverage


def contradicts(question_text: str, best: Candidate) -> bool:
    """Whether the best sentence is about something else after all: an opposite, a missing number or negation."""
    question = analyse(question_text)
    sequence = set(stems(best.text))
    turned = any(OPPOSITES[word] & sequence and word not in sequence for word in question.telling if word in OPPOSITES)
    missing_number = bool(question.numbers - numbers_in(f"{best.passage.title} {best.passage.text}"))
    return turned or missing_number or (question.negated and not is_negative(best.text))


def _score_lexically(question: Question, best: Sequence[Passage], order: Sequence[Passage]) -> Iterator[Candidate]:
    units = [(passage, _quotable(passage.text)) for passage in best]
    table = weights(stems(text) for _, texts in units for text in texts)
    mass = sum(table[word] for word in question.telling) or 1.0
    positions = {passage.number: place for place, passage in enumerate(order)}
    for passage, texts in units:
        title = frozenset(stems(f"{passage.title} {passage.heading}"))
        bags = [frozenset(stems(text)) for text in texts]
        for i, text in enumerate(texts):
            if text.endswith(_QUESTION_MARKS):
                continue  # a question answers none, but what follows it may
            answers = i > 0 and texts[i - 1].endswith(_QUESTION_MARKS)
            heard = f"{texts[i - 1]} {text}" if answers else text
            said = bags[i - 1] | bags[i] if answers else bags[i]
            around = title.union(*bags[max(0, i - 1) : i + 2])
            coverage = _share(question.telling & said, table, mass)
            score = (
                0.5 * coverage
                + 0.3 * _share(question.telling & around, table, mass)
                + 0.7 * min(passage.score, _HIGHEST_P)
                + 0.2 * holds_kind(question, text)
                + 0.15 * _pair_share(question, heard)
            )
            yield Candidate(text, heard, passage.number, (positions[passage.number], i), score, coverage, passage)


def _quotable(text: str) -> list[str]:
    """The sentences that say something: no rules, fences, or headings of a few words."""
    quoted = (readable(text[start:end]) for start, end in split_sentences(text))
    return [item for item in quoted if len(stems(item)) >= (_SHORTEST if _CLOSED.search(item) else _SHORTEST_OPEN)]


def _share(found: frozenset[str], table: Mapping[str, float], mass: float) -> float:
    return sum(table[word] for word in found) / mass


def _pair_share(question: Question, text: str) -> float:
    return len(question.pairs & pairs(stems(text))) / len(question.pairs) if question.pairs else 0.0
