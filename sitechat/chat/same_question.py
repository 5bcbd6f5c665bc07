"""When two questions are the same one.

A wrong answer given quickly is far worse than a right one given slowly, and likeness of vectors cannot tell the two
apart: "Who defeated Montcalm?" and "Who was defeated by Montcalm?" are nearer to each other than most honest
paraphrases (``benchmarks/ANSWER_CACHE.md`` has the figures). So what decides is words. Of two questions that mean the
same, every word that carries meaning must be there in both, in the same order: all but polite openings, articles, the
auxiliary *do* and some forms of one word. Numbers, names, negations, opposites, the kind of question and who does what
to whom agree with that. The vectors must be near as well, since different words may have one stem.
"""

import re
import unicodedata
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from providers.words import STOP_WORDS, stem

NEAR = 0.94
"""Cosine from which two questions of the same words are one."""

_OPENINGS = re.compile(
    r"^(?:(?:hi|hello|hey)(?: there)?[\s,.!]+)?"
    r"(?:(?:please|kindly|so|ok|okay|well)[\s,]+)*"
    r"(?:(?:can|could|would|will) you (?:please |kindly )?(?:tell me|explain(?: to me)?|help me understand) "
    r"|(?:tell me|explain(?: to me)?)[\s:,]+"
    r"|i(?:'d| would) (?:like|love) to (?:know|understand) |i (?:want|need) to know |i wonder "
    r"|do you (?:happen to )?know |any idea )?"
)
_ENDINGS = re.compile(r"(?:[\s,]+(?:please|thanks|thank you|thx))+$")
_HOW_TO = re.compile(r"^how (?:(?:can|could|do|should|would|may|might) (?:i|we|you|one|people)|does one|to) ")
_FORMS = {
    "what's": "what is",
    "who's": "who is",
    "where's": "where is",
    "how's": "how is",
    "when's": "when is",
    "cannot": "can not",
    "can't": "can not",
    "won't": "will not",
}
_SPOKEN = re.compile(r"\b(" + "|".join(map(re.escape, _FORMS)) + r")(?!\w)")
_NEGATED = re.compile(r"\b(\w+)n't\b")
_ALIKE = {"are": "is", "were": "was", "which": "what", "whom": "who", "could": "can"}
_EMPTY = frozenset({"a", "an", "the", "do", "does", "my", "our", "please"})
_PIECE = re.compile(r"[^\W_]+(?:['’.,:/@-][^\W_]+)*|[^\w\s]", re.UNICODE)
_PUNCTUATION = frozenset("?.!,;:'\"()[]{}-–—…„“”‚‘’«»¿¡")
_QUOTES = str.maketrans("’‘“”„«»–—", '\'\'"""""--')


def wording(question: str) -> str:
    """A hash of the question as it was typed but for case, spaces and the mark at its end."""
    return _hash(_plain(question).rstrip(" ?.!…"))


def meaning(question: str) -> str:
    """A hash of the words that carry the question's meaning, in their order."""
    return _hash(" ".join(_carrying(question)))


def near(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    """Whether two questions' vectors, of unit length, allow that they mean the same."""
    return one.shape == other.shape and float(one @ other) >= NEAR


def _plain(question: str) -> str:
    """In lower case, except for what would then be another word, as US and IT."""
    words = unicodedata.normalize("NFKC", question).translate(_QUOTES).split()
    shouted = question.isupper()
    return " ".join(word if not shouted and _is_acronym(word) else word.lower() for word in words)


def _is_acronym(word: str) -> bool:
    bare = word.strip("?.!,;:'\"()-")
    return len(bare) > 1 and bare.isupper() and bare.lower() in STOP_WORDS


def _carrying(question: str) -> list[str]:
    text = _PUNCTUATION_END.sub("", _plain(question))
    text = _ENDINGS.sub("", _PUNCTUATION_END.sub("", text))
    text = _OPENINGS.sub("", text)
    text = _SPOKEN.sub(lambda found: _FORMS[found[0]], text)
    text = _HOW_TO.sub("how to ", _NEGATED.sub(r"\1 not", text))
    pieces = (_ALIKE.get(piece, piece) for piece in _PIECE.findall(text))
    return [_stem(piece) for piece in pieces if piece not in _EMPTY and piece not in _PUNCTUATION]


def _stem(piece: str) -> str:
    return stem(piece) if piece.isalpha() and piece.islower() else piece


_PUNCTUATION_END = re.compile(r"[\s?.!…]+$")


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()
