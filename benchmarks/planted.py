"""True sentences about the texts of a question set, and errors planted into them, each of a known kind.

Nothing is taken from the measure that is judged by them: numbers, names and denials are found by rules of this file.
"""

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from providers.sentences import split_sentences
from sitechat.evaluation.question_set import Question, QuestionSet, Text

_AUXILIARY = re.compile(r"\b(is|are|was|were|has|had|have|can|could|will|would|may|might|must|should|does|did|do)\b")
_NUMBER = re.compile(r"(?<![\w.,-])\d+(?:[.,]\d+)*(?![\w-])")
_YEAR = re.compile(r"(?<![\w.,-])(?:1\d{3}|20\d\d)(?![\w,-])")
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_MONTH = re.compile(rf"\b(?:{'|'.join(_MONTHS)})\b")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]+(?: [A-Z][a-z]+){0,2}\b")
_NOT_NAMES = {
    "The",
    "This",
    "That",
    "These",
    "Those",
    "It",
    "He",
    "She",
    "They",
    "In",
    "On",
    "At",
    "For",
    "But",
    *_MONTHS,
}
_WORDS = (8, 45)
_WH = r"(?:[Ww]ho|[Ww]hom|[Ww]hat|[Ww]hich|[Ww]hen|[Ww]here|[Hh]ow (?:many|much|long|old|far|tall|large|big))"
_WHEN = r"(?:[Ww]hen|[Ww]here|[Ii]n (?:what|which) \w+)"
_VERB = r"(?:is|are|was|were|has|had|have|can|could|would|will|\w+ed|\w+s)"
_NEAR = 400
"""Texts that are looked at for one that is near another."""


@dataclass(frozen=True, slots=True)
class Case:
    """A sentence that cites ``cited``. ``kind``: what was planted into it; ``base``: what it was made from.

    ``right`` is the text that supports it, where that is another one.
    """

    kind: str
    base: str
    sentence: str
    cited: Text
    right: Text | None = None

    @property
    def true(self) -> bool:
        return self.kind == "true"


Made = Sequence[tuple[str, Text]]
Planter = Callable[[str, Text], str | None]


def plant(questions: QuestionSet, each: int, seed: int = 7) -> list[Case]:
    """About ``each`` cases of every kind, half of them from statements where the set has answers."""
    luck = random.Random(seed)
    texts = {text.id: text for text in questions.texts}
    extracts = list(_extracts(questions, texts, luck))
    statements = list(_statements(questions, texts, luck))
    nearest = _Nearest(questions.texts)
    names = sorted({name for text in questions.texts for name in _names(text.text)})
    planters: dict[str, Planter] = {
        "number": lambda s, t: _other_number(s, t, luck),
        "date": lambda s, t: _other_date(s, t, luck),
        "name": lambda s, t: _other_name(s, t, names, luck),
        "number of the passage": lambda s, t: _swapped(s, t, _plain_numbers, luck),
        "name of the passage": lambda s, t: _swapped(s, t, _names, luck),
        "negation": lambda s, _: _turned(s),
    }
    cases: list[Case] = []
    for base, made in (("extract", extracts), ("statement", statements)):
        others = [text for _, text in made[each:] + made[:each]]
        cases += [Case("true", base, sentence, text) for sentence, text in made[: 3 * each]]
        cases += islice(_foreign(base, made, others), each)
        cases += islice(_wrongly_cited(base, made, nearest), each)
        for kind, planter in planters.items():
            cases += islice(_planted(kind, base, made, planter), each)
    return cases


def _foreign(base: str, made: Made, others: Sequence[Text]) -> Iterator[Case]:
    for (sentence, text), other in zip(made, others, strict=True):
        if not _akin(text, other):
            yield Case("foreign", base, sentence, other)


def _wrongly_cited(base: str, made: Made, nearest: "_Nearest") -> Iterator[Case]:
    for sentence, text in made:
        near = nearest.to(sentence, text)
        if near is not None:
            yield Case("wrong citation", base, sentence, near, text)


def _planted(kind: str, base: str, made: Made, planter: Planter) -> Iterator[Case]:
    for sentence, text in made:
        planted = planter(sentence, text)
        if planted is not None:
            yield Case(kind, base, planted, text)


# True sentences


def _extracts(questions: QuestionSet, texts: dict[str, Text], luck: random.Random) -> Iterator[tuple[str, Text]]:
    """One sentence of each text that answers a question."""
    wanted = list(dict.fromkeys(id_ for question in questions.questions for id_ in question.relevant))
    luck.shuffle(wanted)
    for id_ in wanted:
        sentences = [" ".join(texts[id_].text[a:b].split()) for a, b in split_sentences(texts[id_].text)]
        good = [s for s in sentences if _WORDS[0] <= len(s.split()) <= _WORDS[1] and s[-1] == "."]
        luck.shuffle(good)
        for sentence in good[:3]:
            yield sentence, texts[id_]


def _statements(questions: QuestionSet, texts: dict[str, Text], luck: random.Random) -> Iterator[tuple[str, Text]]:
    """A question and its answer made into a statement by template."""
    asked = [q for q in questions.questions if q.answerable and q.answers and q.relevant]
    luck.shuffle(asked)
    for question in asked:
        text = texts[next(iter(question.relevant))]
        if question.answers[0] in text.text and (sentence := statement(question)) is not None:
            yield sentence, text


def statement(question: Question) -> str | None:
    """The question with its answer in the place of its question word; None where no template fits."""
    asked, answer = question.text.strip().rstrip("?!. ").strip(), question.answers[0].strip().rstrip(".")
    if match := re.match(rf"{_WH}(?: \w+){{0,2}} (?:did|do|does) (.+)$", asked):
        made = f"{match[1]} {answer}"
    elif match := re.match(rf"{_WHEN} (was|were|is|are) ((?:\w+ ){{1,6}}?)(\w+ed|born|built)\b(.*)$", asked):
        made = f"{match[2]}{match[1]} {match[3]}{match[4]} {answer}"
    elif match := re.match(rf"(?:{_WH}|[Ii]n (?:what|which))(?: \w+){{0,2}}? ({_VERB}\b.*)$", asked):
        made = f"{answer} {match[1]}"
    elif match := re.search(r"\b(?:what|which|whom|who)(?: \w+)?$", asked):
        made = f"{asked[: match.start()]}{answer}"
    else:
        return None
    return f"{made[0].upper()}{made[1:]}."


# Planted errors


def _other_number(sentence: str, text: Text, luck: random.Random) -> str | None:
    found = [m for m in _NUMBER.finditer(sentence) if not _YEAR.fullmatch(m[0])]
    if not found:
        return None
    match = luck.choice(found)
    value = match[0]
    for _ in range(50):
        digits = [char if not char.isdigit() else luck.choice("123456789") for char in value]
        other = "".join(digits)
        if other != value and not re.search(rf"(?<!\d){re.escape(other)}(?!\d)", text.text):
            return _with(sentence, match, other)
    return None


def _other_date(sentence: str, text: Text, luck: random.Random) -> str | None:
    found = [*_YEAR.finditer(sentence), *_MONTH.finditer(sentence)]
    if not found:
        return None
    match = luck.choice(found)
    for _ in range(50):
        other = str(int(match[0]) + luck.randint(-40, 40)) if match[0].isdigit() else luck.choice(_MONTHS)
        if other not in text.text:
            return _with(sentence, match, other)
    return None


def _other_name(sentence: str, text: Text, names: Sequence[str], luck: random.Random) -> str | None:
    found = [m for m in _NAME.finditer(sentence) if m[0] not in _NOT_NAMES]
    if not found:
        return None
    match = luck.choice(found)
    for _ in range(50):
        other = luck.choice(names)
        if not any(part in f"{text.title} {text.text}" for part in other.split()):
            return _with(sentence, match, other)
    return None


def _swapped(sentence: str, text: Text, find: Callable[[str], Sequence[str]], luck: random.Random) -> str | None:
    """With something of another sentence of the same text in its place."""
    mine = find(sentence)
    others = [item for item in find(text.text) if item not in sentence and not any(p in sentence for p in item.split())]
    if not mine or not others:
        return None
    return re.sub(rf"(?<!\w){re.escape(luck.choice(mine))}(?!\w)", luck.choice(others), sentence, count=1)


def _turned(sentence: str) -> str | None:
    """Its first statement denied, or its denial left out."""
    if match := re.search(r"\b(is|are|was|were|has|had|have|can|could|will|would|may|did|do|does) not ", sentence):
        return _with(sentence, match, f"{match[1]} ")
    if re.search(r"\b(?:no|not|never|neither|nor|without|none)\b|n['’]t\b", sentence):
        return None
    match = _AUXILIARY.search(sentence)
    return None if match is None else _with(sentence, match, f"{match[0]} not")


def _with(sentence: str, match: re.Match[str], other: str) -> str:
    return sentence[: match.start()] + other + sentence[match.end() :]


def _names(text: str) -> list[str]:
    return [name for name in _NAME.findall(text) if name not in _NOT_NAMES]


def _plain_numbers(text: str) -> list[str]:
    return _NUMBER.findall(text)


# Another text


def _akin(one: Text, other: Text) -> bool:
    return one.id == other.id or (bool(one.title) and one.title == other.title)


class _Nearest:
    """The text that shares most rare words with a sentence and is not its own: what a search would also find."""

    def __init__(self, texts: Sequence[Text]) -> None:
        self._texts = texts
        self._bags = [frozenset(re.findall(r"\w{4,}", f"{t.title} {t.text}".lower())) for t in texts]
        self._holding: dict[str, list[int]] = defaultdict(list)
        for number, bag in enumerate(self._bags):
            for word in bag:
                self._holding[word].append(number)

    def to(self, sentence: str, own: Text) -> Text | None:
        scores: dict[int, float] = defaultdict(float)
        for word in set(re.findall(r"\w{4,}", sentence.lower())):
            holding = self._holding.get(word, ())
            if len(holding) <= _NEAR:
                for number in holding:
                    scores[number] += 1 / len(holding) ** 0.5
        ranked = sorted(scores, key=lambda number: -scores[number])
        near = (self._texts[n] for n in ranked[:5] if self._texts[n].id != own.id)
        return next((text for text in near if sentence not in " ".join(text.text.split())), None)
