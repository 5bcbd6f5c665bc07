"""Which sentences of the passages answer a question, and whether any does.

Each sentence of the best passages gets a score::

    S = cos(q, s) + .5 ov + .3 ovw + .7 P + .2 kind + .15 big

``ov`` is the share of the question's telling words, weighed by rarity, that the sentence holds; ``ovw`` the same for
the sentence with its neighbours and title; ``P`` the passage's retrieval score; ``kind`` whether it holds the kind of
thing asked for; ``big`` the share of adjacent word pairs. The best score chooses the sentences; whether to answer at
all is decided by it together with how well the best passage fits, and with what speaks against the sentence
(:mod:`providers.objections`). Cosines may be asked for the lexically best sentences only; without them a stand-in that
keeps the threshold in place is used. A sentence that asks is no answer; the one after it is heard together with it.
"""

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from providers.base import Passage, Quote
from providers.question import Question, analyse, holds_kind
from providers.sentences import readable, split_sentences
from providers.words import pairs, stems, weights

Similarity = Callable[[str, Sequence[str]], Awaitable[Sequence[float]]]
"""The cosines of a question with sentences."""

PASSAGES = 5
COMPARED = 8
BESIDE = 0.3
"""Weight of a word that only the earlier questions of a conversation have, beside the question's own."""
WITHIN = 0.3
MOST_SENTENCES = 3
_SHORTEST, _SHORTEST_OPEN = 3, 5
"""Words that a sentence has at least, and one without a mark at its end, which may be a heading."""
_CLOSED = re.compile(r"[.!?。！？:;`\d]\W*$|\d")
_QUESTION_MARKS = ("?", "？", "؟")
_HIGHEST_P = 1.0
"""Above, ``P`` tells more about the size of the knowledge base than about the passage."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence: ``text`` as it is quoted, ``number`` of its passage, ``place`` in reading order.

    ``heard`` is what it is compared by: with the question before it, where it answers one. ``span`` is where it is in
    the passage's text.
    """

    text: str
    heard: str
    number: int
    place: tuple[int, int]
    score: float
    coverage: float
    passage: Passage
    span: tuple[int, int] = (0, 0)


async def rank(
    question_text: str, passages: Sequence[Passage], similarity: Similarity | None = None
) -> list[Candidate]:
    """Candidate sentences, best first: those that words like best, compared by ``similarity`` where there is one."""
    found = by_words(question_text, passages)
    if similarity is None or not found:
        return by_stand_in(found)
    compared = found[:COMPARED]
    return by_likeness(compared, await similarity(question_text, [item.heard for item in compared]))


def by_words(
    question_text: str, passages: Sequence[Passage], *, beside: str = "", depth: int = PASSAGES
) -> list[Candidate]:
    """The sentences of the best ``depth`` passages, scored without their cosines, best first.

    ``beside``: earlier questions that this one cannot be understood without.
    """
    question = analyse(question_text)
    best = sorted(passages, key=lambda passage: -passage.score)[:depth]
    asked = dict.fromkeys(analyse(beside).telling, BESIDE) if beside else {}
    asked |= dict.fromkeys(question.telling, 1.0)
    return sorted(_scored(question, asked, best, passages), key=lambda item: -item.score)


def by_likeness(compared: Sequence[Candidate], cosines: Sequence[float]) -> list[Candidate]:
    """The same with their cosines to the question, best first."""
    scored = [replace(item, score=item.score + max(0.0, cos)) for item, cos in zip(compared, cosines, strict=True)]
    return sorted(scored, key=lambda item: -item.score)


def by_stand_in(found: Sequence[Candidate]) -> list[Candidate]:
    """As :func:`by_likeness` where there is no search model; best first."""
    scored = [replace(item, score=item.score + _stand_in(item)) for item in found]
    return sorted(scored, key=lambda item: -item.score)


def _stand_in(item: Candidate) -> float:
    """About what the cosine would be, told from the passage's own likeness and the words in common."""
    return 0.15 + 0.35 * min(item.passage.score, _HIGHEST_P) + 0.32 * item.coverage


def choose(ranked: Sequence[Candidate]) -> list[Candidate]:
    """The best sentence and those near it, each text once, in reading order."""
    chosen: dict[str, Candidate] = {}
    for item in ranked:
        if item.score < ranked[0].score - WITHIN or len(chosen) == MOST_SENTENCES:
            break
        chosen.setdefault(item.text, item)
    return sorted(chosen.values(), key=lambda item: item.place)


def quotes(chosen: Sequence[Candidate]) -> tuple[Quote, ...]:
    return tuple(Quote(item.number, item.text) for item in chosen)


def _scored(
    question: Question, asked: Mapping[str, float], best: Sequence[Passage], order: Sequence[Passage]
) -> Iterator[Candidate]:
    units = [(passage, _quotable(passage.text)) for passage in best]
    table = weights(stems(text) for _, sentences in units for text, _ in sentences)
    worth = {word: table[word] * weight for word, weight in asked.items()}
    mass = sum(worth.values()) or 1.0
    positions = {passage.number: place for place, passage in enumerate(order)}
    for passage, sentences in units:
        title = frozenset(stems(f"{passage.title} {passage.heading}"))
        bags = [frozenset(stems(text)) for text, _ in sentences]
        for i, (text, span) in enumerate(sentences):
            if text.endswith(_QUESTION_MARKS):
                continue  # a question answers none, but what follows it may
            answers = i > 0 and sentences[i - 1][0].endswith(_QUESTION_MARKS)
            heard = f"{sentences[i - 1][0]} {text}" if answers else text
            coverage = _share(bags[i - 1] | bags[i] if answers else bags[i], worth, mass)
            score = (
                0.5 * coverage
                + 0.3 * _share(title.union(*bags[max(0, i - 1) : i + 2]), worth, mass)
                + 0.7 * min(passage.score, _HIGHEST_P)
                + 0.2 * holds_kind(question, text)
                + 0.15 * _pair_share(question, heard)
            )
            place = (positions[passage.number], i)
            yield Candidate(text, heard, passage.number, place, score, coverage, passage, span)


def _quotable(text: str) -> list[tuple[str, tuple[int, int]]]:
    """The sentences that say something, and where they are: no rules, fences, or headings of a few words."""
    quoted = ((readable(text[start:end]), (start, end)) for start, end in split_sentences(text))
    return [(said, span) for said, span in quoted if _says_something(said)]


def _says_something(sentence: str) -> bool:
    return len(stems(sentence)) >= (_SHORTEST if _CLOSED.search(sentence) else _SHORTEST_OPEN)


def _share(found: frozenset[str], worth: Mapping[str, float], mass: float) -> float:
    """How much of what is asked for, ``mass`` in all, is ``found``; from 0 to 1."""
    return sum(value for word, value in worth.items() if word in found) / mass


def _pair_share(question: Question, text: str) -> float:
    return len(question.pairs & pairs(stems(text))) / len(question.pairs) if question.pairs else 0.0
