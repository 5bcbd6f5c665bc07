"""What a question asks for, by rules: its telling words, the kind of answer, its numbers, its negation."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from providers.words import STOP_STEMS, pairs, stem, stems, word_set, words

AnswerKind = Literal["date", "number", "name", "cause", "any"]

_HOLLOW = frozenset(
    stem(word)
    for word in word_set(
        """name names named type types kind kinds sort called known term give list tell describe explain define
    mean means meaning many much long often old ago whose would could does did do is was used"""
    )
)
_KINDS: tuple[tuple[AnswerKind, re.Pattern[str]], ...] = (
    (
        "cause",
        re.compile(r"\b(why|what (?:was |is |were |are )?(?:the )?(?:\w+ )?(?:cause|reason)s?|how come)\b", re.I),
    ),
    (
        "date",
        re.compile(
            r"\b(when|(?:what|which|in what|in which) (?:\w+ )?(?:year|date|day|month|century|decade|era|time|period)s?"
            r"|how long ago)\b",
            re.I,
        ),
    ),
    (
        "number",
        re.compile(
            r"\b(how (?:many|much|long|far|tall|high|old|often|large|big|fast|deep|wide|heavy|few|frequently|quickly)"
            r"|(?:what|which) (?:\w+ ){0,2}(?:percent(?:age)?|number|amount|population|cost|price|size|rate|ratio"
            r"|proportion|quantity|total|temperature|distance|speed|height|length|width|weight|age|value|limit)s?)\b",
            re.I,
        ),
    ),
    (
        "name",
        re.compile(
            r"\b(who|whom|whose|where|(?:what|which) (?:\w+ )?(?:person|people|man|woman|country|city|state"
            r"|town|place|river|company|organi[sz]ation|group|team|language|university|school|author"
            r"|president|king|queen|leader|name))\b",
            re.I,
        ),
    ),
)
_MONTHS = "january february march april may june july august september october november december"
_DATE = re.compile(
    rf"\b(?:1\d{{3}}|20\d\d)s?\b|\b(?:{_MONTHS.replace(' ', '|')})\b|\b\d{{1,2}}(?:st|nd|rd|th) (?:century|of)\b"
    r"|\b\w+ (?:century|centuries|decade|millennium)\b|\b\d+ (?:bc|bce|ad|ce)\b|\b(?:yesterday|today|ago)\b",
    re.I,
)
_NUMBER_WORDS = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million billion "
    "trillion half third quarter twice once dozen none zero"
)
_NUMBER = re.compile(rf"\d+(?:[.,]\d+)*|\b(?:{_NUMBER_WORDS.replace(' ', '|')})\b", re.I)
_CAUSE = re.compile(
    r"\b(because|due to|since|owing to|as a result|result(?:s|ed)? (?:of|from|in)|caus(?:e|es|ed|ing)|so that"
    r"|in order to|therefore|reasons?|led to|leads to|thanks to|to (?:avoid|prevent|ensure|make|allow|protect|reduce"
    r"|increase|help|keep|get|provide|improve)|thus|hence|so as to|for fear|enabl(?:e|es|ed|ing))\b",
    re.I,
)
_DIGITS = re.compile(r"\d+(?:[.,]\d+)*")
_ASKED_NUMBER = re.compile(r"\b\d+(?:[.,]\d+|\d)+\b")
"""Not that of a decade or a century, nor a single digit: these may be told otherwise."""
_ASKS_NEGATION = re.compile(
    r"(?<!\bor )(?<!\bor may )\b(?:not|never|no longer|cannot|\w+n['’]t|without|unable|except)\b", re.I
)


@dataclass(frozen=True)
class Question:
    """A question taken apart. ``telling`` are its stems without stop words and hollow ones such as *name, kind*."""

    text: str
    stems: tuple[str, ...]
    telling: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    kind: AnswerKind
    numbers: frozenset[str]
    negated: bool


@lru_cache(maxsize=256)
def analyse(text: str) -> Question:
    """Take ``text`` apart. A question of nothing but hollow words keeps them all."""
    sequence = stems(text)
    content = frozenset(sequence) - STOP_STEMS
    return Question(
        text=text,
        stems=sequence,
        telling=(content - _HOLLOW) or content or frozenset(sequence),
        pairs=frozenset(pairs(sequence)),
        kind=next((kind for kind, pattern in _KINDS if pattern.search(text)), "any"),
        numbers=frozenset(_plain(number) for number in _ASKED_NUMBER.findall(text)),
        negated=bool(_ASKS_NEGATION.search(text)),
    )


def holds_kind(question: Question, sentence: str) -> float:
    """1 when ``sentence`` holds something of the kind asked for that the question does not; .5 when any will do."""
    if question.kind == "any":
        return 0.5
    if question.kind == "cause":
        return float(bool(_CAUSE.search(sentence)))
    if question.kind == "name":
        return float(any(stem(name) not in question.stems for name in _names(sentence)))
    pattern = _DATE if question.kind == "date" else _NUMBER
    asked = f" {' '.join(words(question.text.lower()))} "
    return float(any(f" {' '.join(words(match[0].lower()))} " not in asked for match in pattern.finditer(sentence)))


def numbers_in(text: str) -> frozenset[str]:
    return frozenset(_plain(number) for number in _DIGITS.findall(text))


def _plain(number: str) -> str:
    return number.replace(",", "").rstrip(".")


def _names(sentence: str) -> list[str]:
    """Capitalised words, leaving out an ordinary one that only opens the sentence."""
    found = [word for word in words(sentence) if word[0].isupper() and word.lower() not in ("i",)]
    first = words(sentence)[:1]
    return found[1:] if found[:1] == first and first and stem(first[0]) in STOP_STEMS else found
