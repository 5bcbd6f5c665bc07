"""Which messages ask for a text to be written, by rules: what kind of text, and about what.

A question about writing ("How do I write an e-mail template?") is a question. What the rules cannot tell is left to the
language model where one is set, and else searched for as a question.
"""

import re
from dataclasses import dataclass
from functools import cache

from providers.words import word_set
from sitechat.pipeline.templates import Template, templates


def _one_of(phrases: str) -> str:
    """A group of alternatives, which are separated by bars between spaces."""
    return f"(?:{'|'.join(' '.join(phrases.split()).split(' | '))})"


_OPENINGS = _one_of(
    """please | kindly | hi | hello | hey | ok(?:ay)? | great | thanks | now | then | so | and | also | just | can you
    | could you | would you | will you | i(?:'d| would) like you to | i want you to | you should | help me(?: to)?
    | let'?s | let us | go ahead and"""
)
_POLITE = rf"(?:{_OPENINGS}\b[\s,.!:]*)*"
_WRITES = _one_of("write | draft | compose | craft | schreibe? | rédige | escribe")
_MAKES = _one_of(
    """create | make | prepare | generate | produce | give | send | do | build | provide | get | put together
    | come up with | (?:i )?(?:need|want) | i(?:'d| would) like | erstelle? | crée | crea"""
)
_SUMMARISES = _one_of(r"summari[sz]e | sum up | recap | condense | outline | tl[;\s]?dr\b:? | fasse | résume | resume")
_SHOWS = _one_of(
    """explain | describe | present | put | turn | convert | rewrite | rephrase | phrase | tell | announce | transform
    | format | say"""
)
_FOR_WHOM = rf"(?:{_one_of('me | us | him | her | them | my team | our team | up | out | down')}\s+)*"
_A = rf"(?:{_one_of('an? | some | one | another | my | our | eine?n? | une?')}\s+)?"
_ANY = rf"(?:{_one_of('an? | the | some | one | another | my | our | this | eine?n? | une?')}\s+)?"
_ASKS = re.compile(
    _one_of(
        """how | what | when | where | who | whom | whose | why | which | is | are | was | were | does | do | did | has
        | have | should | may | must | can (?!you) | could (?!you) | would (?!you) | will (?!you)"""
    )
    + r"\b",
    re.IGNORECASE,
)
_AFTER = _one_of(
    """about | on | for | of | to | that | which | who | with | from | explaining | covering | describing | announcing
    | telling | saying | concerning | regarding | based | in | as | using | and | comparing | introducing
    | summari[sz]ing | over | über | sur | sobre | de | zu"""
)
_GOES_ON = rf"(?=\s*(?:$|[.!?:,;(–—-]|{_AFTER}\b))"
"""What may stand after the name of a text: not another noun, as in *e-mail address*."""
_STRONG = re.compile(
    r"\b"
    + _one_of(
        """about | regarding | concerning | covering | explaining | describing | announcing | introducing | comparing
        | summari[sz]ing | saying | telling (?:them|people|everyone) | based on
        | that (?:explains?|describes?|covers?|announces?|says?|summari[sz]es?|tells?|compares?|shows?|introduces?)
        | über | sobre"""
    )
    + r"\b[\s:,]*",
    re.IGNORECASE,
)
_WEAK = re.compile(
    rf"\W*{_one_of('on | of | for | to | from | in | with | over | sur | de | zu | that | which')}?\b[\s:,–—-]*"
)
_AMOUNT = r"(?:at most |under |about |no more than |less than |around )?(?:\d+|one|two|three|four|five|a few)"
_UNIT = _one_of("words? | sentences? | lines? | points? | bullets? | paragraphs? | characters? | items? | steps?")
_STYLE = re.compile(
    r",?\s+"
    + _one_of(
        rf"""(?:in|with|using|of|within) {_AMOUNT} (?:short |bullet )?{_UNIT}
        | in (?:an? )?(?:\w+ )?(?:tone|style|voice)
        | in (?:plain |simple )?(?:english|german|french|spanish|italian|portuguese)
        | with (?:some |a few |no )?(?:emojis?|hashtags?|bullet points) | for linkedin | please | for me | briefly"""
    )
    + r"(?=\W*$)",
    re.IGNORECASE,
)
_POINTER = re.compile(
    _one_of(
        """(?:all (?:of )?)?(?:it|this|that|these|those|them) | (?:the )?above | the same(?: topic)?
        | (?:the|this|that|your|its)(?: last| previous| above)? (?:answer|topic|conversation|chat|reply)
        | what you (?:just )?(?:said|wrote) | us | me"""
    ),
    re.IGNORECASE,
)
_LOOKS = word_set(
    """short brief quick concise long detailed friendly formal informal professional polite nice good great simple clear
    engaging catchy little small new whole full complete one-page two-page one-paragraph internal public weekly monthly
    executive kind of sort and step-by-step bulleted written"""
)
"""Words before the name of a text that say how it should look, and not what it is about."""
_REVISES = re.compile(
    _POLITE
    + _one_of(
        """make | keep | shorten | lengthen | expand | rewrite | rephrase | reword | revise | translate | try again
        | again | add | remove | drop | cut | use | change | replace | less | more | shorter | longer | simpler | as an?
        | in an? | in (?:english|german|french|spanish|italian) | without | another (?:one|version)"""
    )
    + r"\b",
    re.IGNORECASE,
)
_REVISION_WORDS = 14


@dataclass(frozen=True, slots=True)
class Composition:
    """A text that is asked for. ``topic`` is empty where the message names none, or only points back to one."""

    template: Template
    topic: str


def composition(message: str) -> Composition | None:
    """What ``message`` asks to be written; None where it is no such request, or not surely."""
    text = " ".join(message.split())
    if _ASKS.match(text):
        return None
    for pattern in _patterns():
        if match := pattern.match(text):
            return _read(match)
    return None


def revision(message: str, before: Composition | None) -> Composition | None:
    """``message`` as a wish to have the text ``before`` changed; None where it is something else."""
    text = " ".join(message.split())
    if before is None or not is_revision(text):
        return None
    named = re.search(rf"\b(?:as|in|into) {_A}(?:[\w'’-]+\s+){{0,3}}?(?P<noun>{_nouns()})\b", text, re.IGNORECASE)
    return Composition(_template_of(named["noun"]) if named else before.template, before.topic)


def is_revision(message: str) -> bool:
    """Whether ``message`` reads as a wish to have something changed."""
    text = message.strip()
    return not text.endswith("?") and len(text.split()) <= _REVISION_WORDS and _REVISES.match(text) is not None


def mentions_text(message: str) -> bool:
    """Whether a kind of text that can be composed is named at all."""
    return not _ASKS.match(message) and re.search(rf"\b(?:{_nouns()}){_GOES_ON}", message, re.IGNORECASE) is not None


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    """Each with some of ``noun``, ``looks`` before it, and ``rest``, which holds the topic."""
    nouns = rf"(?P<noun>{_nouns()})"
    named = rf"(?P<looks>(?:[\w'’&-]+\s+){{0,4}}?){nouns}{_GOES_ON}(?P<rest>.*)"
    at_end = rf"(?P<rest>.*?)\s+(?:as|in|into)\s+{_A}(?P<looks>(?:[\w'’-]+\s+){{0,3}}?){nouns}\W*$"
    wholes = (
        rf"{_POLITE}(?:{_SHOWS}|{_SUMMARISES})\b\s*{at_end}",
        rf"{_POLITE}(?P<summarises>{_SUMMARISES})\b(?P<rest>.*)",
        rf"{_POLITE}{_WRITES}\s+{_FOR_WHOM}{_ANY}{named}",
        rf"{_POLITE}{_MAKES}\s+{_FOR_WHOM}{_A}{named}",
        rf"(?:an?|another)\s+{named}",
        rf"(?P<looks>(?:(?:short|brief|quick) )?){nouns}(?=\s*(?:about|on|for|of)\b|:)(?P<rest>.*)",
        rf"{_POLITE}{_WRITES}\s+{_FOR_WHOM}(?=(?:an?|the|some|something|one|another|my|our|\d+)\b)(?P<rest>.+)",
    )
    return tuple(re.compile(whole, re.IGNORECASE) for whole in wholes)


@cache
def _nouns() -> str:
    """Everything that people call a template's text, the longest first."""
    named = sorted((noun for template in templates().values() for noun in template.nouns), key=len, reverse=True)
    return "|".join(noun.replace(" ", r"[\s-]?") for noun in named)


def _template_of(noun: str) -> Template:
    plain = re.sub(r"[\s-]", "", noun.lower())
    return next(
        template
        for template in templates().values()
        if any(plain == known.replace(" ", "").lower() for known in template.nouns)
    )


def _read(match: re.Match[str]) -> Composition:
    parts = match.groupdict()
    if parts.get("noun"):
        looks = " ".join(word for word in (parts["looks"] or "").split() if word.lower() not in _LOOKS)
        return Composition(_template_of(parts["noun"]), _topic(parts["rest"] or "") or looks)
    kind = "summary" if parts.get("summarises") else "text"
    strong = _STRONG.search(parts["rest"]) if kind == "text" else None
    return Composition(templates()[kind], _tidy(parts["rest"][strong.end() :] if strong else parts["rest"]))


def _topic(rest: str) -> str:
    """What follows ``about``, or stands where it would."""
    strong = _STRONG.search(rest)
    if strong is not None:
        return _tidy(rest[strong.end() :])
    weak = _WEAK.match(rest)
    return _tidy(rest[weak.end() :] if weak else rest)


def _tidy(topic: str) -> str:
    """Without wishes about style and signs around it; nothing where it only points back."""
    while (shorter := _STYLE.sub("", topic)) != topic:
        topic = shorter
    topic = topic.strip(' .,!?:;-–—"“”')
    return "" if _POINTER.fullmatch(topic) else topic
