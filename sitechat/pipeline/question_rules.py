"""Questions that a sentence answers, by rules of English: no model, and no tagger.

Only sentences that stand for themselves are used, and only forms whose question is made by moving words: *Backups are
kept for thirty days* answers *How many days are backups kept for?* A sentence that fits no form gives nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from providers.sentences import is_code, readable, split_sentences
from providers.words import STOP_WORDS, word_set, words

Kind = Literal["heading", "definition", "date", "number", "name", "cause", "model"]

_LEAST, _MOST = 6, 40
"""Words of a sentence that is asked about."""
_LONGEST_QUESTION = 20
_LONGEST_SUBJECT = 8

_POINTS = word_set(
    "it its they them their he she his her this these those there here such both one some many most others another "
    "that however therefore thus also but and or so if when while although because since as for in on at with by from "
    "after before during to although though while note see you we i our your let not what who how why where which"
)
"""First words of a sentence that leans on those before it, or whose subject is not what it begins with."""
_NO_SUBJECT_END = word_set(
    "that which who whom when where if and or but it there what how why as than they he she this while because of in "
    "on by for to with"
)
_VAGUE = word_set(
    "similar primary main other another second third next last first common example reason difference result purpose "
    "goal aim method way problem most more latter former same only key important"
)
"""Words of a subject that many a text may have; asked without what stood before, it could mean anything."""
_PARENTHESES = re.compile(r"\s*[(\[][^()\[\]]*[)\]]")
_CLAUSE = re.compile(r"\s*(?:;|:|—|–| - |,\s(?:which|who|where|while|although|though|but|and|so|with|including)\b).*$")
_GOES_ON = re.compile(r"\s(?:and|but)\s(?:\w+\s)?(?:is|are|was|were|has|have|had|remains?|[a-z]+ed)\b.*$")
"""A second thing that is said of the subject."""
_AUXILIARY = re.compile(
    r"^(?P<subject>[^,;:]{3,80}?)\s(?P<aux>is|are|was|were|can|could|will|would|must|may|should)\s(?P<rest>.+)$"
)
_MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_DATE = (
    rf"(?:\d{{1,2}}(?:st|nd|rd|th)? {_MONTH}(?:,? \d{{4}})?|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?(?:,? \d{{4}})?"
    rf"|{_MONTH} \d{{4}}|1\d{{3}}|20\d\d)"
)
_WHEN = re.compile(rf"\s?\b(?:in|on|by|since|until|around)\s(?:the year\s)?(?P<found>{_DATE})(?![\w%]|[-–]\d)")
_NUMBER = (
    r"(?:\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty"
    r"|thirty|forty|fifty|sixty|ninety|hundred|thousand)(?:\s(?:hundred|thousand|million|billion))?"
)
_HOW_MANY = re.compile(
    r"(?:\b(?:about|around|over|nearly|almost|approximately|only|exactly|more than|less than|at least|at most|up to)"
    r"\s)?"
    rf"(?<![\w.,$€£/-])(?P<found>{_NUMBER})\s(?P<noun>[a-z]{{3,}}s|people|percent|men|women|children)\b(?!-)"
)
_BY_NAME = re.compile(r"\bby\s(?P<found>(?:the\s)?(?:[A-Z][\w.'’-]*\s?(?:of\s(?:the\s)?(?=[A-Z]))?){1,5})(?<!\s)")
_CAUSE = re.compile(r",?\s(?:because(?:\sof)?|due to|in order to|so that)\s(?P<found>.+)$")
_DEFINED = re.compile(r"^(?P<found>(?:a|an|the|one of)\s.+?)(?=,|\sthat\b|\swhich\b|\swho\b|\swhere\b|$)")
_ACTS = re.compile(
    r"^(?P<found>(?:[A-Z][\w.'’-]*\s){1,4}?)(?P<verb>[a-z]{2,}ed|wrote|began|became|won|led|built|made|found|took|gave)"
    r"\s(?P<rest>(?!by\b|that\b).+)$"
)
_COUNTED = re.compile(rf"^(?P<subject>[^,;:]{{3,80}}?)\s(?P<verb>[a-z]+)\s(?P<rest>{_HOW_MANY.pattern}.*)$")
_COUNTING = "contain need require use hold keep cover include cost last allow support take read produce reach"
_VERBS = {
    form: (aux, base)
    for base in _COUNTING.split()
    for form, aux in ((base + "s", "does"), (base, "do"), (base + ("d" if base.endswith("e") else "ed"), "did"))
} | {"has": ("does", "have"), "have": ("do", "have"), "had": ("did", "have"), "took": ("did", "take")}
"""Verbs that often stand before a number, with the auxiliary and the form that a question takes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and the words of the sentence that answer it."""

    question: str
    expected: str
    kind: Kind


def questions_from(text: str) -> Iterator[Asked]:
    """What the sentences of a passage answer, in reading order; several questions may come of one."""
    for start, end in split_sentences(text):
        clause = _standing_alone(text[start:end])
        if clause:
            yield from (asked for asked in _about(clause, text) if _sensible(asked, text))


def _standing_alone(sentence: str) -> str:
    """The main clause of a sentence that can be understood by itself; empty where it cannot."""
    said = readable(sentence)
    said_words = words(said)
    if not _LEAST <= len(said_words) <= _MOST or not said.endswith(".") or not said[:1].isupper():
        return ""
    if said_words[0].lower() in _POINTS or is_code(said) or re.search(r"[`|=<>{}\"“”*]", said):
        return ""
    return _GOES_ON.sub("", _CLAUSE.sub("", _PARENTHESES.sub("", said))).rstrip(" .")


def _about(clause: str, text: str) -> Iterator[Asked]:
    if (acts := _ACTS.match(clause)) and _is_name(acts["found"].strip(), text):
        yield Asked(f"Who or what {acts['verb']} {acts['rest'].partition(', ')[0]}?", acts["found"].strip(), "name")
    if (counted := _COUNTED.match(clause)) and counted["verb"] in _VERBS:
        aux, base = _VERBS[counted["verb"]]
        subject = _inside(counted["subject"], text)
        rest = _HOW_MANY.sub("", counted["rest"], count=1)
        yield Asked(f"How many {counted['noun']} {aux} {subject} {base} {rest}?", counted["found"], "number")
    inverted = _AUXILIARY.match(clause)
    if inverted and _is_subject(inverted["subject"]):
        yield from _inverted(_inside(inverted["subject"], text), inverted["aux"], inverted["rest"])


def _inverted(subject: str, aux: str, rest: str) -> Iterator[Asked]:
    begun = f"{aux} {subject}"
    if when := _WHEN.search(rest):
        yield Asked(f"When {begun} {_without(rest, when)}?", when["found"], "date")
    elif number := _HOW_MANY.search(rest):
        yield Asked(f"How many {number['noun']} {begun} {_without(rest, number)}?", number["found"], "number")
    agent = _BY_NAME.search(rest)
    if agent and not re.match(r",? (?:and|or)\b", rest[agent.end() :]):
        yield Asked(f"Who {begun} {rest[: agent.start()]} by{rest[agent.end() :]}?", agent["found"].strip(), "name")
    if cause := _CAUSE.search(rest):
        yield Asked(f"Why {begun} {rest[: cause.start()]}?", cause["found"], "cause")
    defined = _DEFINED.match(rest) if aux in ("is", "are", "was", "were") and _is_term(subject) else None
    if defined and len(defined["found"].split()) > 2 and defined["found"].split()[-1] not in _NO_SUBJECT_END:
        yield Asked(f"What {begun}?", defined["found"], "definition")


def _without(rest: str, match: re.Match[str]) -> str:
    return f"{rest[: match.start()]} {rest[match.end() :]}"


def _is_subject(subject: str) -> bool:
    parts = subject.lower().split()
    return len(parts) <= _LONGEST_SUBJECT and parts[-1] not in _NO_SUBJECT_END and "that" not in parts


def _is_term(subject: str) -> bool:
    """Whether a subject names something by itself: *SiteChat*, *a source*, but not *the second difference*."""
    parts = subject.split()
    named = any(part[0].isupper() for part in parts)
    return (named or parts[0] != "the") and _VAGUE.isdisjoint(subject.lower().split()) and "of" not in parts


def _is_name(name: str, text: str) -> bool:
    """Whether capital letters mean a name, not only the beginning of a sentence."""
    first, *others = name.split()
    if first.endswith("ly"):
        return False
    ordinary = first.lower() in STOP_WORDS or re.search(rf"\b{re.escape(first.lower())}\b", text) is not None
    return bool(others) or not ordinary


def _inside(subject: str, text: str) -> str:
    """The subject as it reads within a sentence: its capital letter goes where that was only its place's."""
    first = re.match(r"\w+", subject)
    if first is None or (first[0].isupper() and len(first[0]) > 1):
        return subject
    small = first[0].lower()
    ordinary = small in STOP_WORDS or re.search(rf"\b{re.escape(small)}\b", text) is not None
    return small + subject[len(first[0]) :] if ordinary else subject


def _sensible(asked: Asked, text: str) -> bool:
    """Whether a question is neither endless nor tells its own answer."""
    said = words(asked.question)
    telling = [word for word in said[2:] if word.lower() not in STOP_WORDS]
    least = 1 if asked.kind == "definition" else 2
    found = asked.expected in text and asked.expected.lower() not in asked.question.lower()
    return len(said) <= _LONGEST_QUESTION and len(telling) >= least and found and len(words(asked.expected)) <= _MOST


def tidy(question: str) -> str:
    """Single spaces, none before a mark, one question mark at the end."""
    joined = re.sub(r"\s+([,.;:?!])", r"\1", " ".join(question.split()))
    return re.sub(r"[\s,.;:?]+$", "", joined) + "?"
