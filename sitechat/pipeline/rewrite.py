"""Follow-up questions: what one leaves out is looked for in the conversation before it.

A gate decides whether a question leans on earlier ones at all, since history joined to every question halves recall.
Where one does, a language model writes it out in full, if one is set; without one, or where its reply is of no use, the
question is searched for with the help of the user's own earlier questions, not of the answers.
"""

import re
from collections.abc import AsyncGenerator, Sequence

from providers.question import analyse
from providers.words import STOP_STEMS, stem, words
from sitechat.events import Event, Status
from sitechat.pipeline import judgements
from sitechat.pipeline.compositions import composition, is_revision
from sitechat.pipeline.state import Tools, TurnState, stopwatch
from sitechat.storage.values import asked_in

SECONDS = 6.0
"""How long a language model may take to write a question out."""

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
_SEVERAL = re.compile(
    r"\?.*\?|\b(?:and|or|but)\s+(?:how|what|which|when|where|who|whose|why|does|do|is|are|can)\b"
    r"|\b(?:compare|differences? between|versus|vs)\b",
    re.IGNORECASE | re.DOTALL,
)


async def rewrite(state: TurnState, tools: Tools) -> AsyncGenerator[Event, None]:
    """Fill ``state.queries`` and ``state.leans_on``; says nothing where the question stands alone."""
    earlier = asked_in(state.history)
    leaning = _leans(state, earlier)
    advisor = tools.advisor if not _was_asked(state) else None
    if not leaning and not (advisor is not None and state.intent == "qa" and _SEVERAL.search(state.question)):
        return
    message = "Rewriting the question from the conversation"
    done = stopwatch("rewriting", message)
    yield Status(step="rewriting", message=message)
    judged = None
    if advisor is not None:
        asked = judgements.rewrite(state)
        judged = await advisor.ask(state, "rewrite", asked, judgements.Searches, seconds=SECONDS)
    queries = judgements.queries(state, judged) if judged is not None else ()
    if leaning:
        state.leans_on = tuple(dict.fromkeys((earlier[-1], earlier[0])))
    if not queries and state.intent == "compose" and not state.queries:
        queries = (_topic(state, earlier),)
    state.queries = queries or state.queries
    yield done()


def leans(question: str, earlier: Sequence[str]) -> bool:
    """Whether a question needs those before it to be understood."""
    if not earlier:
        return False
    short = len(analyse(question).telling - STOP_STEMS) <= _FEW
    return short or _GOES_ON.match(question) is not None or points_back(question)


def points_back(text: str) -> bool:
    """Whether a text has words that stand for something said before."""
    return _POINTS_BACK.search(text) is not None


def new_words(question: str, earlier: Sequence[str]) -> str:
    """The words of earlier questions that are not in this one, each once."""
    known = {stem(word) for word in words(question.lower())} | STOP_STEMS
    fresh = {stem(word): word for text in earlier for word in words(text.lower())}
    return " ".join(word for root, word in fresh.items() if root not in known)


def _leans(state: TurnState, earlier: Sequence[str]) -> bool:
    """As :func:`leans`; a text that is asked for leans where its topic does, and a short topic is a whole one."""
    if state.intent != "compose":
        return leans(state.question, earlier)
    return bool(earlier) and (not state.queries or points_back(state.queries[0]))


def _was_asked(state: TurnState) -> bool:
    return any(consultation.purpose == "route" for consultation in state.consultations)


def _topic(state: TurnState, earlier: Sequence[str]) -> str:
    """What a text is about that is asked for without saying it: what was last asked or written about."""
    for text in reversed(earlier):
        wanted = composition(text)
        topic = text if wanted is None else wanted.topic
        if topic and not is_revision(text):
            return topic
    return state.knowledge_base.name if state.knowledge_base is not None else state.question
