"""What a message wants: small talk, an answer, or a text written from the documents.

Rules decide, since they cost nothing before the first word. Where they are unsure a language model is asked, if one is
set; the same call makes the question stand alone, so that no second one is needed. Without one, examples decide.
"""

import re
import tomllib
from collections.abc import AsyncGenerator, Sequence
from functools import cache
from pathlib import Path

from sitechat.events import Event, Status
from sitechat.pipeline import judgements
from sitechat.pipeline.compositions import Composition, composition, mentions_text, revision
from sitechat.pipeline.state import Tools, TurnState, stopwatch
from sitechat.pipeline.templates import templates
from sitechat.storage.values import Message, asked_in

SECONDS = 6.0
"""How long a language model may take to say what is wanted."""

_SMALL_TALK = re.compile(
    r"(?:(?:(?:hi|hiya|hello|hey|howdy|greetings|good (?:morning|afternoon|evening|day|night)|yo)"
    r"(?: there| again| sitechat| everyone| all)?"
    r"|how are you(?: doing)?(?: today)?|how(?:'s| is) it going|what(?:'s| is) up|nice to meet you"
    r"|thanks?(?: you)?(?: (?:so|very) much| a lot| again)?|thank you(?: (?:so|very) much)?|cheers|many thanks"
    r"|bye(?: bye)?|goodbye|see you(?: later| soon)?|have a (?:nice|good|great) (?:day|evening|weekend)"
    r"|who are you|what are you|what can you do|what do you do|help|test|testing|ok(?:ay)?|great|perfect|cool"
    r"|hallo|guten (?:tag|morgen|abend)|danke|bonjour|salut|merci|hola|gracias|ciao|grazie|ol[aá]|obrigad[oa])"
    r"[\s,.!?]*)+",
    re.IGNORECASE,
)
_REMARK = re.compile(
    r"(?:(?:i|you|we|that|this|it)(?:'[a-z]+)?|wow|yes|yeah|yep|no|nope|sorry|oh|ah|haha|lol|well|good|nice|great|awesome"
    r"|amazing|excellent|interesting|thanks|thank|hi|hello|hey|sure|never mind|my name|have a|happy)\b",
    re.IGNORECASE,
)
_REMARK_WORDS = 12
_EXAMPLES = Path(__file__).with_name("remarks.toml")
_LIKE = 0.35
"""Cosine from which a remark is like an example: 79 % of remarks are, and no question that is shaped like one."""
_EVERYTHING = re.compile(
    r"(?:all |of |the |our |my |your |this |these |whole |entire )*"
    r"(?:documents?|docs|documentation|files|sources?|pages?|(?:web)?site|knowledge base|content|everything)",
    re.IGNORECASE,
)


@cache
def _examples() -> dict[str, list[str]]:
    return tomllib.loads(_EXAMPLES.read_text(encoding="utf-8"))


def is_small_talk(question: str) -> bool:
    """Whether the whole message is a greeting, thanks, a goodbye or a question about the assistant itself."""
    words = question.strip()
    return bool(words) and len(words) <= 80 and _SMALL_TALK.fullmatch(words) is not None


async def route(state: TurnState, tools: Tools) -> AsyncGenerator[Event, None]:
    """Decide between ``chitchat``, ``qa`` and ``compose``; for the last, which text, and what about."""
    message = "Classifying your question"
    done = stopwatch("routing", message)
    yield Status(step="routing", message=message)
    if is_small_talk(state.question):
        state.intent = "chitchat"
    elif (wanted := wanted_text(state.question, state.history)) is not None:
        _compose(state, wanted)
    elif is_unsure(state.question):
        await _judge(state, tools)
    yield done()


async def _judge(state: TurnState, tools: Tools) -> None:
    judged = None
    if tools.advisor is not None:
        asked = judgements.route(state)
        judged = await tools.advisor.ask(state, "route", asked, judgements.Route, seconds=SECONDS)
    if judged is not None:
        _follow(state, judged)
    elif await _is_remark(state.question, tools):
        state.intent = "chitchat"


async def _is_remark(message: str, tools: Tools) -> bool:
    """Whether it is most like an example of small talk. Asked of a search model that is at hand, never waited for."""
    if tools.indexes.state.name != "ready":
        return False
    examples = _examples()
    likeness = await tools.indexes.similarity(message, [*examples["chitchat"], *examples["qa"]])
    small_talk = max(likeness[: len(examples["chitchat"])])
    return small_talk >= _LIKE and small_talk > max(likeness[len(examples["chitchat"]) :])


def is_unsure(question: str) -> bool:
    """Whether the rules cannot tell a remark, or a wish for a text, from a question."""
    text = question.strip()
    remark = not text.endswith("?") and len(text.split()) <= _REMARK_WORDS and _REMARK.match(text) is not None
    return remark or mentions_text(text)


def wanted_text(question: str, history: Sequence[Message]) -> Composition | None:
    """What is to be written, also where only a change of the text before is asked for."""
    wanted = composition(question)
    if wanted is not None or not (history and _composed(history[-1])):
        return wanted
    before = next((found for text in reversed(asked_in(history)) if (found := composition(text))), None)
    return revision(question, before)


def _composed(answer: Message) -> bool:
    return answer.metadata is not None and answer.metadata.intent == "compose" and not answer.refused


def _compose(state: TurnState, wanted: Composition) -> None:
    """A text about everything, or about nothing in particular at the start of a conversation, is one about the
    knowledge base."""
    topic, base = wanted.topic, state.knowledge_base
    if base is not None and (_EVERYTHING.fullmatch(topic) or not (topic or state.history)):
        topic = base.name
    state.intent, state.template = "compose", wanted.template
    state.queries = (topic,) if topic else ()


def _follow(state: TurnState, judged: judgements.Route) -> None:
    """Take over a model's judgement."""
    if judged.intent == "compose":
        template = templates().get(judged.template or "") or templates()["text"]
        _compose(state, Composition(template, ""))
    state.intent = judged.intent
    if judged.intent != "chitchat":
        state.queries = judgements.queries(state, judged) or state.queries
