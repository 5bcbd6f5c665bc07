"""What speaks against a sentence that sounds like the answer: it may say the opposite, or be about something else.

A twisted question shares nearly all its words with the sentence that it was twisted from, so the sentence's score is
high. These rules take off from it; each was kept because it fires on few of the questions that a sentence does answer.
"""

import re

from providers.antonyms import OPPOSITES
from providers.evidence import Candidate
from providers.question import Question, analyse, numbers_in
from providers.words import STOP_STEMS, stem, stems, words

TURNED = 1.1
OTHER_NUMBER = 0.5
OTHER_NAME = 0.15
_NEGATIONS = re.compile(
    r"\b(?:not|no|never|none|nobody|nothing|neither|nor|without|cannot|\w+n['’]t|unable|fail(?:s|ed)?|lack(?:s|ed|ing)?"
    r"|except|illegal|impossible|refus(?:e|es|ed))\b",
    re.IGNORECASE,
)
_PREFIXES = ("un", "non", "dis", "im", "in", "ir", "il")
_SHORTEST_ROOT = 4


def objection(question_text: str, sentence: Candidate) -> float:
    """How much of the sentence's score is to be taken off; 0 where nothing speaks against it."""
    question = analyse(question_text)
    said = frozenset(stems(sentence.text))
    turned = _turns_a_word(question, said) and (question.negated or not _NEGATIONS.search(sentence.text))
    negated = question.negated and not _has_the_negation(question, sentence.text)
    if turned != negated:  # what is not equal is unequal
        return TURNED
    where = f"{sentence.passage.title} {sentence.passage.heading} {sentence.passage.text}"
    number = OTHER_NUMBER if question.numbers - numbers_in(where) else 0.0
    name = OTHER_NAME if _names(question.text) - frozenset(stems(where)) else 0.0
    return number + name


def _turns_a_word(question: Question, said: frozenset[str]) -> bool:
    """Whether the sentence has an opposite of a word of the question, and not the word itself."""
    for word in question.telling - said:
        if OPPOSITES.get(word, frozenset()) & said or any(_without_prefix(word) == other for other in said):
            return True
    return False


def _without_prefix(word: str) -> str:
    """``unconnect`` becomes ``connect``; what has no such prefix becomes nothing."""
    prefix = next((each for each in _PREFIXES if word.startswith(each)), "")
    return word[len(prefix) :] if prefix and len(word) - len(prefix) >= _SHORTEST_ROOT else ""


def _has_the_negation(question: Question, sentence: str) -> bool:
    """Whether a sentence negates as the question does; what both have besides does not count."""
    found = {match[0].lower() for match in _NEGATIONS.finditer(sentence)}
    asked = {match[0].lower() for match in _NEGATIONS.finditer(question.text)}
    if found - (asked if len(asked) > 1 else set()):
        return True
    return any(_without_prefix(word) in question.telling for word in stems(sentence))


def _names(text: str) -> frozenset[str]:
    """Stems of capitalised words, other than the first."""
    return frozenset(stem(word) for word in words(text)[1:] if word[0].isupper()) - STOP_STEMS
