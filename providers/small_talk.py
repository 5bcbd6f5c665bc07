"""Answers to what is said rather than asked, for a provider without a language model."""

import re

_WRITES = "Without a language model I quote and do not write; with an API key the answers are written."
_ABOUT = (
    "I look through your documents and answer with the sentences that fit your question best, each with its source. "
    + _WRITES
)
_REPLIES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), reply)
    for pattern, reply in (
        (
            r"\b(thanks?|thank you|thx|cheers|much appreciated|merci|gracias|danke|grazie|obrigad[oa])\b",
            "You are welcome. Ask on whenever you like.",
        ),
        (
            r"\b(bye|goodbye|good night|see you|farewell|ciao|au revoir|adi[oó]s|tsch[uü]ss)\b",
            "Goodbye! This conversation is kept, so you can come back to it.",
        ),
        (
            r"\b(who|what) are you\b|\bwhat (can|do) you do\b|\bhow do(es)? (you|this|it) work\b|^\W*help\W*$"
            r"|\bwhat (can|should) i ask\b|\bwhat is (this|sitechat)\b|\bcan you help\b|\byour name\b",
            _ABOUT,
        ),
        (r"\bhow are you\b|\bhow('s| is) it going\b|\bwhat'?s up\b", "Ready to look things up. " + _ABOUT),
        (
            r"\b(good|great|nice|perfect|awesome|excellent|cool|ok(ay)?|wow|well done|got it)\b",
            "Glad to hear it. What would you like to know next?",
        ),
        (
            r"\b(hi+|hello|hey|hiya|yo|greetings|good (morning|afternoon|evening|day)|howdy|hallo|hola|bonjour|salut"
            r"|guten (tag|morgen|abend)|ol[aá]|namaste)\b",
            "Hello! Ask me anything about your documents, and I will quote the sentences that answer it.",
        ),
    )
)
_REMARK = "I only look things up in your documents. Ask me about them whenever you like."
_MOST_WORDS = 12


def reply_to(text: str) -> str | None:
    """A friendly line for small talk; None for what looks like a question about something."""
    if len(text.split()) > _MOST_WORDS:
        return None
    fitting = next((reply for pattern, reply in _REPLIES if pattern.search(text)), None)
    return fitting or (None if text.rstrip().endswith("?") else _REMARK)
