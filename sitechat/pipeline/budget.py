"""What fits into a language model's context, in tokens that are estimated without its tokenizer.

The estimate errs upwards: a passage too few costs little, a prompt that is too long costs the answer.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

_PIECES = re.compile(
    r"(?P<latin>[A-Za-z\u00c0-\u024f]+)|(?P<digits>\d+)|(?P<wide>[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef])"
    r"|(?P<letters>[^\W\d_]+)|(?P<spaces>\s+)|(?P<other>.)",
    re.DOTALL,
)
_CHARS = {"latin": 4.0, "digits": 1.0, "wide": 1.0, "letters": 1.5, "other": 1.0}
"""Characters a token, each run of them begun anew. Models of today need fewer tokens for most."""
_SPACES = 16
"""Characters of white space that a token holds; a single space belongs to the word after it."""
_ANSWER_SHARE = 4
"""A quarter of a context at most is kept for the answer."""
_SMALLEST = 64


def tokens(text: str) -> int:
    """About how many tokens ``text`` has, rather too many than too few."""
    total = 0
    for match in _PIECES.finditer(text):
        kind, length = match.lastgroup or "other", len(match[0])
        if kind == "spaces":
            total += math.ceil(length / _SPACES) if length > 1 else 0
        else:
            total += math.ceil(length / _CHARS[kind])
    return total


def output_limit(wanted: int, context_tokens: int, most: int) -> int:
    """Tokens that an answer may have, so that a small context keeps room for what it is made from."""
    return max(_SMALLEST, min(wanted, most, context_tokens // _ANSWER_SHARE))


@dataclass(frozen=True, slots=True)
class Plan:
    """Which passages are given to the model, by place, and how many of the last messages before the question."""

    passages: tuple[int, ...]
    messages: int


def plan(room: int, passages: Sequence[int], messages: Sequence[int]) -> Plan:
    """Share out ``room`` tokens among passages (best first) and messages (oldest first) of these sizes.

    Passages come first; messages get what is left, the newest before older ones. One that is too long is left out, and
    a shorter one after it may still fit; but of a conversation nothing is left out in the middle.
    """
    kept = []
    for place, size in enumerate(passages):
        if size <= room:
            kept.append(place)
            room -= size
    count = 0
    for size in reversed(messages):
        if size > room:
            break
        room -= size
        count += 1
    return Plan(tuple(kept), count)
