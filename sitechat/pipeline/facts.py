"""What in a sentence can be checked word by word: its numbers, dates and names, and what it denies.

A fact has several *forms* under which a source may hold it: ``1,500,000`` is ``1.5 million``, ``May 3`` is
``2024-05-03``, *three* is ``3``. Facts of a sentence are compared with all forms that a source has.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Literal
from unicodedata import combining, normalize

from providers.words import STOP_STEMS, stem, stems, word_set

FactKind = Literal["number", "date", "name"]


@dataclass(frozen=True, slots=True)
class Fact:
    """``words`` as they are written, at ``start``. ``opens``: a name that stands first, where any word is capital."""

    kind: FactKind
    words: str
    forms: frozenset[str]
    start: int
    opens: bool = False


def _numbered(text: str, first: int, step: int = 1) -> dict[str, int]:
    return {word: first + step * place for place, word in enumerate(text.split())}


_SMALL = (
    _numbered(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen",
        0,
    )
    | _numbered("twenty thirty forty fifty sixty seventy eighty ninety", 20, 10)
    | _numbered(
        "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
        "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth",
        1,
    )
    | {"dozen": 12}
)
_SCALES = {
    "hundred": 10**2,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "bn": 10**9,
    "mn": 10**6,
}
_VAGUE = word_set("zero one first second third")
"""Number words that mostly count nothing: no fact of a sentence, though a source may hold them as one."""
_MONTHS = (
    _numbered("january february march april may june july august september october november december", 1)
    | _numbered("jan feb mar apr", 1)
    | _numbered("jun jul aug sep oct nov dec", 6)
    | {"sept": 9}
)
_ALSO_WORDS = word_set("may march mar jan sep dec oct")
"""Months that are also something else."""
_DAYS = word_set("monday tuesday wednesday thursday friday saturday sunday")
_SCALE = "|".join(_SCALES)
_SPELLED = "|".join(sorted(_SMALL, key=len, reverse=True))
_NUMBER = re.compile(
    rf"""(?<![A-Za-z0-9])
    (?:(?P<digits>\d+(?:[.,:\u00a0\u202f]\d+)*)
        (?:\s?(?:-|–|to|and)\s?(?=\d+(?:[.,]\d+)*[\s-]?(?P<shared>{_SCALE})s?\b))?   # 5 to 6 million
    |\b(?P<spelled>(?:{_SPELLED})(?:[\s-](?:{_SPELLED}))?)\b)
    (?:[\s-]?(?P<scale>(?:{_SCALE})(?:\s(?:{_SCALE}))?)s?\b)?""",
    re.IGNORECASE | re.VERBOSE,
)
_ISO = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_MONTH = re.compile(rf"\b({'|'.join(sorted(_MONTHS, key=len, reverse=True))})\b\.?", re.IGNORECASE)
_NAMED_MONTH = re.compile(
    r"(?:\d(?:st|nd|rd|th)?(?:\sof)?|\b(?:in|of|on|since|until|by|from|during|to|and|mid|late|early))\W{1,2}$", re.I
)
_YEAR = re.compile(r"1\d{3}|20\d\d")
_PLURAL = re.compile(r"['’]?s\b")
_CENTURY = re.compile(r"(?:st|nd|rd|th)?(?:[\s-](?:and|or|to)[\s-]\w+)?[\s-]centur", re.IGNORECASE)
_WORD = re.compile(r"[^\W_](?:[\w.'’]*[^\W_])?")
_GLUE = word_set("of the and for de la von van der den di da du al el")
_TITLE_CASE = 0.8
"""Of the longer words of a line that is no sentence, how many begin with a capital letter where all do out of habit."""


def facts(text: str) -> list[Fact]:
    """The numbers, dates and names of one sentence, in order."""
    found = [*_dates(text), *_numbers(text), *_names(text)]
    return sorted(found, key=lambda fact: fact.start)


@lru_cache(maxsize=2048)
def number_forms(text: str) -> frozenset[str]:
    """Every form of every number and date that ``text`` holds."""
    forms = {form for fact in _dates(text) for form in fact.forms}
    for match in _NUMBER.finditer(text):
        forms |= _forms(match) | _times(text, match)
    return frozenset(forms)


def _numbers(text: str) -> Iterator[Fact]:
    for match in _NUMBER.finditer(text):
        if match[0].lower() in _VAGUE:
            continue
        times = _times(text, match)
        span = times and _PLURAL.match(text, match.end())
        yield Fact(
            "date" if times else "number",
            match[0].strip(" -–"),
            frozenset(
                times if span else {_value(match)} | {time for time in times if _CENTURY.match(text, match.end())}
            ),
            match.start(),
        )


def _times(text: str, match: re.Match[str]) -> set[str]:
    """The century and the decade of a number that is a year or a century."""
    digits = match["digits"] or ""
    if _YEAR.fullmatch(digits):
        return {f"century {int(digits) // 100 + 1}", f"decade {digits[:3]}0"}
    return {f"century {_value(match)}"} if _CENTURY.match(text, match.end()) else set()


def _forms(match: re.Match[str]) -> frozenset[str]:
    """All readings of a number in a source: with and without its scale, a comma as one of thousands or decimals."""
    forms = {_value(match)}
    if digits := match["digits"]:
        grouped = re.fullmatch(r"\d{1,3}(?:[.,\u00a0\u202f]\d{3})+", digits)
        parts = [re.sub(r"\D", "", digits)] if grouped else re.split(r"[.,:\u00a0\u202f]", digits)
        forms |= {digits, _plain(digits.replace(",", ".")), *map(_plain, parts)}
    else:
        forms |= {str(_SMALL[word]) for word in re.split(r"[\s-]", match["spelled"].lower())}
    return frozenset(forms)


def _value(match: re.Match[str]) -> str:
    scale = 1
    for word in (match["scale"] or match["shared"] or "").lower().split():
        scale *= _SCALES[word]
    if digits := match["digits"]:
        grouped = re.sub(r"(?<=\d)[,\u00a0\u202f](?=\d{3}(?!\d))", "", digits)
        return _plain(grouped.replace(",", "."), scale)
    return _plain(str(sum(_SMALL[word] for word in re.split(r"[\s-]", match["spelled"].lower()))), scale)


def _plain(number: str, scale: int = 1) -> str:
    if not re.fullmatch(r"\d+(?:\.\d+)?", number):
        return number
    return f"{(Decimal(number) * scale).normalize():f}"


def _dates(text: str) -> Iterator[Fact]:
    """Months and days of the week; a year is a number that is called a date."""
    for match in _ISO.finditer(text):
        yield Fact("date", match[0], frozenset({f"month {int(match[2])}"}), match.start())
    for match in _MONTH.finditer(text):
        name = match[1]
        known = name[0].isupper() and (
            name.lower() not in _ALSO_WORDS
            or _NAMED_MONTH.search(text[: match.start()])
            or text[match.end() :].lstrip(" ,.")[:1].isdigit()
        )
        if known:
            yield Fact("date", name, frozenset({f"month {_MONTHS[name.lower()]}"}), match.start())
    for match in re.finditer(r"\b[A-Z]\w+days?\b", text):
        day = match[0].lower().removesuffix("s")
        if day in _DAYS:
            yield Fact("date", match[0], frozenset({day}), match.start())


def _names(text: str) -> Iterator[Fact]:
    """Capitalised words, each for itself; none where every word is capital, as in a heading."""
    found = list(_WORD.finditer(text))
    long = [match[0] for match in found if len(match[0]) > 3]
    least = 1.0 if text.rstrip()[-1:] in ".!?" else _TITLE_CASE
    if len(long) > 4 and sum(word[0].isupper() for word in long) >= least * len(long):
        return
    for place, match in enumerate(found):
        word = match[0]
        if not _is_name(word):
            continue
        ordinary = word[1:].islower() or len(word) == 1
        opens = ordinary and _opens(text, match.start(), place)
        if not (opens and stem(word) in STOP_STEMS):
            yield Fact("name", word, frozenset({name_form(word)}), match.start(), opens=opens)


def _is_name(word: str) -> bool:
    """Whether a word is written like a name; months and days are dates."""
    lower = re.split(r"['’]", word.lower())[0]
    if not any(char.isupper() for char in word) or lower in ("i", "i.e", "e.g"):
        return False
    return lower not in _MONTHS and lower.removesuffix("s") not in _DAYS


def _opens(text: str, start: int, place: int) -> bool:
    """Whether a capital letter is due here whatever the word: first in the sentence, in a quotation, after a colon."""
    return place == 0 or text[:start].rstrip(" ")[-1:] in (":", "“", '"', ".", "?", "!", "•", "(", "*")


def name_form(word: str) -> str:
    """Under which a name is looked up: its stem, without points and accents."""
    return stem(plain_letters(word.replace(".", "")))


def plain_letters(text: str) -> str:
    """Without accents: people leave them out."""
    return text if text.isascii() else "".join(c for c in normalize("NFKD", text) if not combining(c))


@lru_cache(maxsize=2048)
def names_held(text: str) -> frozenset[str]:
    """The forms of every name in ``text``, and the initials of names of several words: *World Health Organization*."""
    found = list(_WORD.finditer(text))
    forms = {name_form(match[0]) for match in found if any(char.isupper() for char in match[0])}
    return frozenset(forms | set(_initials(match[0] for match in found)))


def _initials(all_words: Iterable[str]) -> Iterator[str]:
    run = ""
    for word in all_words:
        if word[0].isupper():
            run += word[0].lower()
            yield from (run[begin:] for begin in range(len(run) - 1))
        elif word not in _GLUE:
            run = ""


# What is denied

_DENIAL = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|neither|nor|without|cannot|hardly|barely|\w+n['’]t)\b", re.IGNORECASE
)
_NO_DENIAL = re.compile(
    r"\bnot only\b|\bno\.\s?\d|\bno doubt\b|\bwhether or not\b|\bif not\b|\bnot\b(?=[^,;.]*\buntil\b)", re.IGNORECASE
)
_CLAUSE_END = re.compile(r"[,;:.()]|\b(?:but|although|though|while|whereas|because|and|or|which|who|that)\b", re.I)
_SCOPE = 4
"""Telling words behind a denial that it reaches."""


@lru_cache(maxsize=4096)
def denials(text: str) -> tuple[Sequence[str], ...]:
    """For each denial in ``text`` the stems it reaches: the next few telling words of its clause, or those before."""
    return tuple(_reach(text, match) for match in _DENIAL.finditer(_NO_DENIAL.sub(_blank, text)))


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _reach(text: str, match: re.Match[str]) -> Sequence[str]:
    after = _CLAUSE_END.split(text[match.end() :], maxsplit=1)[0]
    reached = telling(after)[:_SCOPE]
    before = _CLAUSE_END.split(text[: match.start()])[-1]
    return reached or telling(before)[-_SCOPE:]


def telling(text: str) -> Sequence[str]:
    """The stems of ``text`` without stop words, in order."""
    return [s for s in stems(text) if s not in STOP_STEMS]
