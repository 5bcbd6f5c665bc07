"""Small talk is answered without searching."""

import re
from collections.abc import AsyncGenerator

from sitechat.events import Event, Status
from sitechat.pipeline.state import Tools, TurnState, stopwatch

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


def is_small_talk(question: str) -> bool:
    """Whether the whole message is a greeting, thanks, a goodbye or a question about the assistant itself."""
    words = question.strip()
    return bool(words) and len(words) <= 80 and _SMALL_TALK.fullmatch(words) is not None


async def route(state: TurnState, _: Tools) -> AsyncGenerator[Event, None]:
    """Decide between ``chitchat`` and ``qa``."""
    message = "Classifying your question"
    done = stopwatch("routing", message)
    yield Status(step="routing", message=message)
    state.intent = "chitchat" if is_small_talk(state.question) else "qa"
    yield done()
