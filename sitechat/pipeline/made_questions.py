"""Questions made from a knowledge base's own passages: to measure it, and to learn what its scores mean.

Without a model they come from key sentences (:mod:`sitechat.pipeline.question_rules`) and from headings; where the
language is not English, from headings alone. Everything is a pure function of the passages and a seed. An answerable
question can be twisted into one that is not: its name, number or sense changed into what its passage does not say.
"""

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from providers.antonyms import opposites
from providers.question import analyse
from providers.words import STOP_STEMS, STOP_WORDS, word_set, words
from sitechat.pipeline.question_rules import Kind, questions_from, tidy
from sitechat.storage.values import Chunk

_MOST_PER_CHUNK = 3
_NUMBER = re.compile(r"(?<![\w.,-])\d{1,3}(?:,\d{3})+|(?<![\w.,-])\d{1,6}(?![\w,-]|\.\d)")
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_NAME = re.compile(rf"(?<!^)(?<![.?!] )\b(?!{_MONTHS})[A-Z][a-z]{{2,}}(?: [A-Z][a-z]{{2,}})*")
_MANY_SENSES = word_set("most more many over under before after first last long left light even")
"""Words that have an opposite in one of their senses only."""
_AUXILIARY = re.compile(r"\b(is|are|was|were|can|could|will|would|must|may|should|does|do|did)\b")


@dataclass(frozen=True, slots=True)
class MadeQuestion:
    """``uri`` is its document's, ``chunk_ids`` are the passages that answer it, ``expected`` wordings of which an
    answer holds one (none where only the passage is known).

    Where ``answerable`` is False, ``chunk_ids`` are those that it was made from.
    """

    text: str
    kind: Kind
    uri: str
    chunk_ids: tuple[int, ...]
    expected: tuple[str, ...] = ()
    answerable: bool = True


def make_questions(chunks: Sequence[Chunk], count: int, *, seed: int = 0) -> list[MadeQuestion]:
    """Up to ``count`` answerable questions, spread over the documents of ``chunks`` and over their kinds."""
    order = random.Random(seed)  # noqa: S311  a repeatable choice, not a secret
    by_document: dict[str, list[MadeQuestion]] = defaultdict(list)
    for chunk in chunks:
        by_document[chunk.uri].extend(_of_sentences(chunk))
    for made in _of_headings(chunks):
        by_document[made.uri].append(made)
    piles = [_by_turns(by_document[name], order) for name in sorted(by_document)]
    order.shuffle(piles)
    return _dealt(piles, count)


def twisted(made: Sequence[MadeQuestion], chunks: Sequence[Chunk], *, seed: int = 0) -> list[MadeQuestion]:
    """Of those questions that it is possible with: what the passages do not answer, though it sounds alike."""
    order = random.Random(seed)  # noqa: S311
    texts = {chunk.id: chunk.text for chunk in chunks}
    names = sorted({name for chunk in chunks for name in _NAME.findall(chunk.text)})
    found = (_twist(each, texts, names, order) for each in made)
    return [each for each in found if each is not None]


# From sentences and headings


def _of_sentences(chunk: Chunk) -> Iterator[MadeQuestion]:
    if chunk.language not in ("", "en"):
        return
    for number, asked in enumerate(questions_from(chunk.text)):
        if number == _MOST_PER_CHUNK:
            return
        yield MadeQuestion(tidy(asked.question), asked.kind, chunk.uri, (chunk.id,), (asked.expected,))


def _of_headings(chunks: Iterable[Chunk]) -> Iterator[MadeQuestion]:
    """One for each heading below a title; every passage below it answers."""
    sections: dict[tuple[str, tuple[str, ...]], list[Chunk]] = defaultdict(list)
    for chunk in chunks:
        path = tuple(part for part in chunk.heading_path if part.strip() and part != chunk.title)
        if path:
            sections[chunk.uri, path].append(chunk)
    for (uri, path), below in sections.items():
        question = _about_heading(path[-1], below[0].title, below[0].language)
        if len(analyse(question).telling - STOP_STEMS) > 1:
            yield MadeQuestion(question, "heading", uri, tuple(chunk.id for chunk in below))


def _about_heading(heading: str, title: str, language: str) -> str:
    name = re.sub(r"^[\d.]+\s+", "", " ".join(heading.split())).rstrip(" .:")
    if name.endswith("?"):
        return name
    if language not in ("", "en"):
        return tidy(f"{title}: {name}")
    first = words(name)[:1]
    if first and first[0].lower() in STOP_WORDS:
        return tidy(f"{name} {title}")
    return tidy(f"What is there to know about {name} in {title}")


# Spreading


def _by_turns(pile: Sequence[MadeQuestion], order: random.Random) -> list[MadeQuestion]:
    """Kinds take turns, in an order drawn by lot; questions from sentences before those from headings."""
    kinds: dict[Kind, list[MadeQuestion]] = defaultdict(list)
    for made in pile:
        kinds[made.kind].append(made)
    for group in kinds.values():
        order.shuffle(group)
    names = sorted(kinds)
    order.shuffle(names)
    names.sort(key=lambda kind: kind == "heading")
    return _dealt([kinds[kind] for kind in names], len(pile))


def _dealt(piles: Sequence[Sequence[MadeQuestion]], count: int) -> list[MadeQuestion]:
    """One of each pile, then the next of each; a text once."""
    dealt: dict[str, MadeQuestion] = {}
    for place in range(max(map(len, piles), default=0)):
        for pile in piles:
            if place < len(pile) and len(dealt) < count:
                dealt.setdefault(pile[place].text, pile[place])
    return list(dealt.values())


# Twisting


def _twist(
    made: MadeQuestion, texts: Mapping[int, str], names: Sequence[str], order: random.Random
) -> MadeQuestion | None:
    said = "\n".join(texts.get(i, "") for i in made.chunk_ids)
    ways: list[Callable[[], str | None]] = [
        lambda: None if made.kind == "definition" else _other_name(made.text, said, names, order),
        lambda: _other_number(made.text, said, order),
        lambda: _opposite(made.text, said),
    ]
    order.shuffle(ways)
    ways.append(lambda: _negated(made))
    text = next((turned for way in ways if (turned := way()) is not None), None)
    return replace(made, text=text, answerable=False, expected=()) if text is not None else None


def _other_name(question: str, said: str, names: Sequence[str], order: random.Random) -> str | None:
    found = _NAME.findall(question)
    others = (
        [name for name in names if name not in said and len(name.split()) == len(found[-1].split())] if found else []
    )
    return question.replace(found[-1], order.choice(others)) if others else None


def _other_number(question: str, said: str, order: random.Random) -> str | None:
    found = _NUMBER.search(question)
    if found is None:
        return None
    value = int(found[0].replace(",", ""))
    near = [value + step for step in range(2, 12) if str(value + step) not in said]
    return question[: found.start()] + str(order.choice(near)) + question[found.end() :] if near else None


def _opposite(question: str, said: str) -> str | None:
    lower = said.lower()
    for word in words(question)[2:]:
        turned = next((other for other in opposites(word) if other not in lower and word not in _MANY_SENSES), None)
        if turned is not None:
            return re.sub(rf"\b{re.escape(word)}\b", turned, question, count=1)
    return None


def _negated(made: MadeQuestion) -> str | None:
    """*When was it built* becomes *When was it never built*: said of a sentence whose answer is a fact, not a name."""
    if made.kind not in ("date", "cause"):
        return None
    verb = re.search(r"\b(?!.*\b\w+ed\b.*\b\w+ed\b)\w+ed\b", made.text)
    return (
        f"{made.text[: verb.start()]}never {made.text[verb.start() :]}"
        if verb and _AUXILIARY.search(made.text)
        else None
    )
