"""Follow-up questions: what one leaves out is looked for with the help of the questions before it.

Nothing is rewritten in words without a language model. A gate decides whether a question leans on earlier ones at all,
since history joined to every question halves recall; only the user's own questions are used, not the answers.
"""

import re
from collections.abc import AsyncGenerator, Sequence

from providers.question import analyse
from providers.words import STOP_STEMS, stem, words
from sitechat.events import Event, Status
from sitechat.pipeline.state import Tools, TurnState, stopwatch

_POINTS_BACK = re.compile(
    r"\b(?:it|its|itself|they|them|their|theirs|themselves|he|him|his|himself|she|her|hers|herself|those|former|latter)\b",
    re.IGNORECASE,
)
"""Not *this*, *that*, *there* and *one*, which mostly point to something in the question itself."""
_GOES_ON = re.compile(
    r"\W*(?:and|but|so|or|also|then|what about|how about|what else|who else|why|why not|is (?:that|this)|was that"
    r"|are you sure|really|tell me more|more|any others?|for example|such as)\b",
    re.IGNORECASE,
)
_FEW = 3
"""Telling words of a question that is too short to stand alone."""


async def rewrite(state: TurnState, _: Tools) -> AsyncGenerator[Event, None]:
    """Fill ``state.leans_on``; says nothing where the question stands alone."""
    earlier = [message.content for message in state.history if message.role == "user" and message.content.strip()]
    if not leans(state.question, earlier):
        return
    message = "Rewriting the question from the conversation"
    done = stopwatch("rewriting", message)
    yield Status(step="rewriting", message=message)
    state.leans_on = tuple(dict.fromkeys((earlier[-1], earlier[0])))
    yield done()


def leans(question: str, earlier: Sequence[str]) -> bool:
    """Whether a question needs those before it to be understood."""
    if not earlier:
        return False
    short = len(analyse(question).telling - STOP_STEMS) <= _FEW
    return short or _GOES_ON.match(question) is not None or _POINTS_BACK.search(question) is not None


def new_words(question: str, earlier: Sequence[str]) -> str:
    """The words of earlier questions that are not in this one, each once."""
    known = {stem(word) for word in words(question.lower())} | STOP_STEMS
    fresh = {stem(word): word for text in earlier for word in words(text.lower())}
    return " ".join(word for root, word in fresh.items() if root not in known)
