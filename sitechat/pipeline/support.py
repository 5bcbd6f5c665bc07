"""Does a passage say what a sentence says? The measure that needs no language model.

The sentence is held against the passage's sentence that is nearest to it by ``cosine + .7 coverage``; *coverage* is the
share of its telling words, weighed by rarity, that are found there. Whether the two have too little in common is told
by the cosine, and by the coverage of that sentence together with its neighbours, the title and the headings. What is
found then is one or more reasons to look again, or none. Words and vectors do not see swapped roles ("A beat B"), so
no verdict here calls a sentence wrong.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from providers.antonyms import OPPOSITES
from providers.sentences import readable, split_sentences
from providers.words import STOP_STEMS, stems, weights
from sitechat.events import Reason, Support
from sitechat.pipeline.evidence import Span
from sitechat.pipeline.facts import Fact, denials, facts, names_held, number_forms, plain_letters
from sitechat.storage.values import Chunk

Likeness = Callable[[str], float | None]
"""The cosine of the sentence that is judged with one of a source; None where it is not known."""

NEAR = 0.7
"""Weight of coverage beside the cosine."""
_LEAST_COSINE, _LEAST_COVERAGE, _LEAST_OF_BOTH = 0.4, 0.4, 0.85
"""The last is that of ``cosine + .5 coverage``: the less alike in words, the more in meaning."""
_LEAST_WITHOUT_COSINE = 0.5
_FOREIGN_COSINE, _FOREIGN_COVERAGE = 0.3, 0.25
_SAME_STATEMENT = 0.5
"""Coverage from which on a denial on one side only turns the statement round."""
_CLOSE = 0.7
"""Coverage from which on a name must be in the nearest sentence and not merely in the passage."""
_ALIKE = 5
"""Letters in which words of one family agree: *classify*, *classification*."""
_LISTED = re.compile(r",|;|\b(?:and|or|versus|nor)\b")
_DENYING = re.compile(
    r"\b(?:fail(?:s|ed|ing)?|prevent\w*|lack\w*|absen\w+|unable|refus\w+|reject\w*|forb[ia]\w+|prohibit\w*|except\w*|instead|"
    r"rather|only|few|little|rare\w*|less|ban(?:s|ned)?|avoid\w*|den(?:y|ies|ied)|un\w{5,}|in\w{4,}ble|im\w{4,}ble|\w+less)\b",
    re.IGNORECASE,
)
"""Words by which a source may say what a sentence says with *not*."""
_WIDTH = 1


_RANKS: Mapping[Support, int] = {"supported": 2, "weak": 1, "unsupported": 0}


@dataclass(frozen=True)
class Source:
    """A passage taken apart: its sentences with their offsets in it."""

    number: int
    chunk: Chunk

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        return split_sentences(self.chunk.text) or [(0, len(self.chunk.text))]

    @cached_property
    def sentences(self) -> list[str]:
        return [self.chunk.text[start:end] for start, end in self.spans]

    @cached_property
    def bags(self) -> list[frozenset[str]]:
        return [_bag(sentence) for sentence in self.sentences]

    @cached_property
    def title(self) -> str:
        return " ".join((self.chunk.title, *self.chunk.heading_path))

    @cached_property
    def title_bag(self) -> frozenset[str]:
        return _bag(self.title)

    @cached_property
    def quotable(self) -> list[tuple[int, str, str]]:
        """What an answer that quotes the sentences is taken apart into: place, words, and these :func:`flat`."""
        shown = ((place, readable(sentence)) for place, sentence in enumerate(self.sentences))
        parts = ((place, text[start:end]) for place, text in shown for start, end in split_sentences(text))
        return [(place, words, flat(words)) for place, words in parts if flat(words)]

    def around(self, place: int) -> str:
        return " ".join(self.sentences[max(0, place - _WIDTH) : place + _WIDTH + 1])

    def bag_around(self, place: int) -> frozenset[str]:
        return self.title_bag.union(*self.bags[max(0, place - _WIDTH) : place + _WIDTH + 1])


@dataclass(frozen=True, slots=True)
class Verdict:
    """How well a source supports a sentence; ``place`` is that of the source's nearest sentence."""

    support: Support
    source: Source
    place: int
    score: float
    coverage: float
    cosine: float | None
    reasons: tuple[Reason, ...] = ()
    quoted: bool = False

    @property
    def rank(self) -> tuple[int, float]:
        """For choosing the best."""
        return _RANKS[self.support], self.score

    @property
    def foreign(self) -> bool:
        """The source is about something else."""
        return self.support == "unsupported" and any(reason.kind == "meaning" for reason in self.reasons)

    @property
    def span(self) -> Span:
        """The source's nearest sentence, by offsets into the document."""
        start, end = self.source.spans[self.place]
        return Span(self.source.chunk.start + start, self.source.chunk.start + end, self.source.chunk.text[start:end])


def flat(text: str) -> str:
    """Letters and digits alone, in lower case: what a quotation keeps whatever its marks, spaces and list signs."""
    return "".join(char for char in text.casefold() if char.isalnum())


def quoted_from(sentence: str, source: Source) -> int | None:
    """The place of the source's sentence that ``sentence`` quotes word for word; None where it quotes none.

    It may quote several that follow each other, but none in part: what is left out may be what matters.
    """
    wanted, parts = flat(sentence), source.quotable
    for first, (place, _, begin) in enumerate(parts):
        if wanted.startswith(begin):
            last, found = first, begin
            while len(found) < len(wanted) and last + 1 < len(parts):
                last += 1
                found += parts[last][2]
            if found == wanted and _same_facts(sentence, " ".join(words for _, words, _ in parts[first : last + 1])):
                return place
    return None


def _same_facts(sentence: str, quoted: str) -> bool:
    """Whether words of the same letters agree in what their signs and spaces make of them: 4.50 is not 450."""
    return number_forms(sentence) == number_forms(quoted) and len(denials(sentence)) == len(denials(quoted))


def shortlist(sentence: str, source: Source, most: int) -> list[int]:
    """The places of the source's sentences that share most with ``sentence``: those worth comparing by vectors."""
    wanted = _wanted(sentence)
    table = weights(source.bags)
    shares = [_share(wanted, bag, table) for bag in source.bags]
    return sorted(range(len(shares)), key=lambda i: (-shares[i], i))[:most]


def judge(sentence: str, source: Source, others: Sequence[Source], likeness: Likeness) -> Verdict:
    """What ``source`` says to ``sentence``. ``others``: what else it cites, where its facts may stand as well."""
    quoted = quoted_from(sentence, source)
    if quoted is not None:
        return Verdict("supported", source, quoted, 1 + NEAR, 1.0, None, quoted=True)
    wanted = _wanted(sentence)
    table = weights([*source.bags, *(bag for other in others for bag in other.bags)])

    def measure(place: int) -> tuple[float, float, float | None]:
        share = _share(wanted, source.bags[place], table)
        cosine = likeness(source.sentences[place])
        return (0.4 * share + 0.2 if cosine is None else cosine) + NEAR * share, share, cosine

    place = max(range(len(source.sentences)), key=lambda i: measure(i)[0])
    score, share, cosine = measure(place)
    around = _share(wanted, source.bag_around(place), table)
    reasons = [
        *_facts_missing(sentence, source, others, place, share),
        *_turned(sentence, source.sentences[place], source.around(place), share),
        *_far(cosine, around),
    ]
    foreign = around < _FOREIGN_COVERAGE or (cosine is not None and cosine < _FOREIGN_COSINE)
    support = support_of(reasons, foreign=foreign)
    return Verdict(support, source, place, score, share, cosine, tuple(reasons))


def _bag(text: str) -> frozenset[str]:
    return frozenset(stems(plain_letters(text)))


def _wanted(sentence: str) -> frozenset[str]:
    bag = _bag(sentence)
    return (bag - STOP_STEMS) or bag


def _share(wanted: frozenset[str], bag: frozenset[str], table: Mapping[str, float]) -> float:
    mass = sum(table[word] for word in wanted)
    return sum(table[word] for word in wanted if _held(word, bag)) / mass if mass else 0.0


def _held(word: str, bag: frozenset[str]) -> bool:
    return word in bag or (len(word) >= _ALIKE and any(_akin(word, other) for other in bag))


def _akin(one: str, other: str) -> bool:
    short = min(len(one), len(other))
    same = next((i for i in range(short) if one[i] != other[i]), short)
    return same >= _ALIKE and same >= 0.7 * max(len(one), len(other))


def _far(cosine: float | None, around: float) -> list[Reason]:
    if cosine is None:
        far = around < _LEAST_WITHOUT_COSINE
    else:
        far = around < _LEAST_COVERAGE or cosine < _LEAST_COSINE or cosine + 0.5 * around < _LEAST_OF_BOTH
    return [Reason(kind="meaning")] if far else []


def support_of(reasons: Sequence[Reason], *, foreign: bool = False) -> Support:
    """A number or date that is nowhere, or a source about something else, support nothing; the rest is to be looked at.

    A name may be missing because it is written otherwise.
    """
    if not reasons:
        return "supported"
    nowhere = any(reason.kind in ("number", "date") and not reason.elsewhere for reason in reasons)
    return "unsupported" if nowhere or foreign else "weak"


def _facts_missing(
    sentence: str, source: Source, others: Sequence[Source], place: int, share: float
) -> Iterator[Reason]:
    """Numbers and dates belong near the sentence; names too where it says almost the same, else into the passage."""
    close = source.sentences[place] if share >= _CLOSE else source.around(place)
    everything = "\n".join(f"{each.title}\n{each.chunk.text}" for each in (source, *others))
    for fact in facts(sentence):
        if fact.kind == "name":
            there = _name_there(fact, everything, source.title)
            here = share < _CLOSE or _name_there(fact, close, source.title)
            if not fact.opens and not (there and here):
                yield Reason(kind="name", words=fact.words, elsewhere=there)
        elif not fact.forms & number_forms(close) and not _counted(fact, source.sentences[place]):
            yield Reason(kind=fact.kind, words=fact.words, elsewhere=bool(fact.forms & number_forms(everything)))


def _name_there(fact: Fact, text: str, title: str) -> bool:
    held = names_held(text) | _bag(title)
    return any(_held(form, held) for form in fact.forms)


def _counted(fact: Fact, near: str) -> bool:
    """Whether a small number is that of things listed in ``near``, which says no number itself."""
    count = next(iter(fact.forms))
    if fact.kind != "number" or count not in ("2", "3", "4", "5") or number_forms(near):
        return False
    return len(_LISTED.findall(near)) >= int(count) - 1


def _turned(sentence: str, near: str, around: str, share: float) -> list[Reason]:
    """A denial on one side only, or the opposite of a word."""
    mine, theirs = denials(sentence), denials(near)
    said, told = _bag(sentence), _bag(near)
    if mine and not denials(around) and not _DENYING.search(around):
        return [Reason(kind="negation", words=" ".join(mine[0]))]
    if share < _SAME_STATEMENT:
        return []
    denied = [d for d in mine if told.intersection(d) and not any(set(d) & set(t) for t in theirs)]
    affirmed = [t for t in theirs if _states(said, t) and not any(set(t) & set(d) for d in mine)]
    if denied or affirmed:
        return [Reason(kind="negation", words=" ".join((denied or affirmed)[0]))]
    return [
        Reason(kind="opposite", words=word)
        for word in said
        if word in OPPOSITES and word not in told and OPPOSITES[word] & told and not OPPOSITES[word] & said
    ][:1]


def _states(said: frozenset[str], denied: Sequence[str]) -> bool:
    """Whether a sentence says what is denied: its first word, and most of the rest."""
    return bool(denied) and denied[0] in said and 2 * len(said.intersection(denied)) >= len(denied)
