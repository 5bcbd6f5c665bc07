"""Notices documents that speak to the language model behind the reader's back.

What is noticed is said, not removed: a document about such attacks quotes them, and only a person can tell. So this
errs on the side of silence. Nothing relies on it: whatever a document says, passages are material, never instructions.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

from sitechat.ingestion.formats.base import Flag
from sitechat.ingestion.suspicion_hidden import Hidden
from sitechat.ingestion.suspicion_phrases import INSTRUCTIONS

_MOST_FLAGS = 20
_LONGEST_EXCERPT = 160
_AROUND = 40
_LEAST_DISGUISED = 12
_TAG = 0xE0000

# A flag of a region is written with tag characters after a black flag: the one honest use of them.
_REGION = re.compile("\U0001f3f4[\U000e0020-\U000e007e]{1,8}\U000e007f")
_TAGS = re.compile("[\U000e0001-\U000e007f]{2,}")
_ZERO_WIDTH = re.compile("[\u200b\u200c\u200d\u2060-\u2064\ufeff\u180e\u034f\u115f\u1160\u3164\uffa0]{6,}")
_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{3,}")
_OVERRIDE = re.compile("[\u202d\u202e][^\u202c\n]*")
_INVISIBLE = re.compile(
    "[\xad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef]"
)
_SPACED = re.compile(r"(?<![^\W_])(?:[^\W\d_][ .*_-]){9,}[^\W\d_](?![^\W_])")

_LOOK_ALIKES = str.maketrans(
    {
        **dict(zip("асеорхуіјѕһԁԛԝк", "aceopxyijshdqwk", strict=True)),
        **dict(zip("АВЕКМНОРСТХУІЈЅ", "abekmhopctxyijs", strict=True)),
        **dict(zip("οανιρτυΟΑΒΕΗΙΚΜΝΡΤΥΧ", "oaviptuoabehikmnptyx", strict=True)),
        **{chr(0xFF01 + offset): chr(0x21 + offset) for offset in range(94)},
        **{"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\xa0": " ", "\u2010": "-", "\u2011": "-"},
        **{chr(0x1D400 + offset): chr(0x61 + offset % 26) for offset in range(26 * 26)},
        **{chr(0x24B6 + offset): chr(0x61 + offset % 26) for offset in range(52)},
    }
)


def flags(text: str, hidden: Iterable[Hidden] = ()) -> tuple[Flag, ...]:
    """What is suspicious in a document: first in its text, in order, then in what its page hides.

    ``text`` should be as it arrived: what ``formats.writer.clean`` takes out of it is not seen any more.
    """
    found = sorted((*_invisible(text), *_instructions(text)), key=lambda flag: (flag.start, flag.end))
    return (*_without_overlaps(found), *_hidden(hidden))[:_MOST_FLAGS]


def _invisible(text: str) -> Iterator[Flag]:
    if text.isascii():
        return
    regions = [match.span() for match in _REGION.finditer(text)]
    for match in _TAGS.finditer(text):
        if not any(start <= match.start() < end for start, end in regions):
            said = "".join(chr(ord(tag) - _TAG) for tag in match[0] if 0x20 <= ord(tag) - _TAG < 0x7F)
            yield Flag("invisible", _shortened(said) or _named(match[0]), *match.span())
    for pattern in (_ZERO_WIDTH, _SELECTORS):
        for match in pattern.finditer(text):
            yield Flag("invisible", _named(match[0]), *match.span())
    for match in _OVERRIDE.finditer(text):
        yield Flag("invisible", _shortened(_INVISIBLE.sub("", match[0])) or _named(match[0]), *match.span())


def _instructions(text: str) -> Iterator[Flag]:
    plain, removed = _plain(text)
    for pattern in INSTRUCTIONS:
        for match in pattern.finditer(plain):
            start, end = _found_back(match, removed)
            yield Flag("instruction", _excerpt(text, start, end), start, end)
    for match in _SPACED.finditer(plain):
        joined = re.sub(r"[ .*_-]", "", match[0])
        if re.search(
            r"(?:ignore|disregard|forget)\w*(?:previous|prior|above|earlier)\w*(?:instruction|prompt)", joined
        ):
            start, end = _found_back(match, removed)
            yield Flag("instruction", _excerpt(text, start, end), start, end)


def _hidden(passages: Iterable[Hidden]) -> Iterator[Flag]:
    """Hidden passages are common, and nearly all are menus: those count that instruct, or take pains not to be seen."""
    for passage in passages:
        instruction = next(_instructions(passage.text), None)
        if instruction is not None:
            yield Flag("hidden", instruction.excerpt, instruction.start, instruction.end)
        elif passage.way == "disguised" and sum(map(str.isalpha, passage.text)) >= _LEAST_DISGUISED:
            yield Flag("hidden", _shortened(passage.text), 0, len(passage.text))


def _plain(text: str) -> tuple[str, list[int]]:
    """Lower case without look-alikes and invisible characters; and, to find back, where characters were taken out.

    The second holds for each removed character its position less the number removed before it.
    """
    if text.isascii():
        return text.lower(), []
    removed = [match.start() - count for count, match in enumerate(_INVISIBLE.finditer(text))]
    plain = (_INVISIBLE.sub("", text) if removed else text).translate(_LOOK_ALIKES)
    lowered = plain.lower()
    if len(lowered) != len(plain):  # some capitals become two characters
        lowered = "".join(low if len(low := character.lower()) == 1 else character for character in plain)
    return lowered, removed


def _found_back(match: re.Match[str], removed: list[int]) -> tuple[int, int]:
    """Where a match of the plain text stands in the text as it came."""
    first, last = match.start(), match.end() - 1
    return first + bisect_right(removed, first), last + bisect_right(removed, last) + 1


def _without_overlaps(found: list[Flag]) -> list[Flag]:
    kept: list[Flag] = []
    for flag in found:
        if not kept or flag.start >= kept[-1].end or flag.kind != kept[-1].kind:
            kept.append(flag)
    return kept


def _excerpt(text: str, start: int, end: int) -> str:
    around = text[max(0, start - _AROUND) : end + _AROUND]
    return _shortened(_INVISIBLE.sub("", around))


def _shortened(text: str) -> str:
    text = " ".join(text[: 4 * _LONGEST_EXCERPT].split())
    return text if len(text) <= _LONGEST_EXCERPT else f"{text[: _LONGEST_EXCERPT - 1].rstrip()}…"


def _named(characters: str) -> str:
    shown = " ".join(f"U+{ord(character):04X}" for character in characters[:6])
    return f"{shown} …" if len(characters) > 6 else shown
