"""The passages behind citation marks, as marks, cards and the reader script show them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sitechat.events import Citation, SentenceSupport
from sitechat.storage.values import Message, Standing, Standings
from sitechat.ui import session, text
from sitechat.ui.markdown import Check, Mark

_AROUND = 320
"""Characters of the passage shown on each side of the quoted words."""


@dataclass(frozen=True, slots=True)
class Passage:
    """The quoted words with what stands around them; ``about`` says when they were read, or what became of them.

    ``stands`` tells whether they are still there.
    """

    before: str
    quote: str
    after: str
    about: str
    stands: bool = True


def marks(citations: Iterable[Citation]) -> dict[int, Mark]:
    return {c.number: Mark(c.number, c.url, text.source_tooltip(c.number, c.title, c.quote)) for c in citations}


def doubtful(message: Message) -> tuple[SentenceSupport, ...]:
    """The sentences of an answer that are to be checked."""
    return message.metadata.doubtful if message.metadata is not None else ()


def checks(message: Message) -> list[Check]:
    """The same where they stand, each with the way to the words that come nearest."""
    return [Check(each.start, each.end, _nearest(each), text.check_tooltip(each.reasons)) for each in doubtful(message)]


def check_cards(message: Message) -> dict[str, dict[str, str]]:
    """For the reader script, by tooltip and address."""
    return {
        f"{text.check_tooltip(each.reasons)} {_nearest(each)}": {
            "title": text.CHECK_THIS,
            "section": text.reasons(each.reasons),
            "quote": each.evidence.quote if each.evidence else "",
            "about": text.NEAREST_WORDS if each.evidence else "",
        }
        for each in doubtful(message)
    }


def _nearest(support: SentenceSupport) -> str:
    near = support.evidence
    return f"/source/{near.document_id}?start={near.start}&end={near.end}#quote" if near is not None else "#"


def find(conversation_id: str, messages: Sequence[Message]) -> Standings:
    """What has become of the passages behind some messages, in one visit to the engine."""
    citing = [message.id for message in messages if message.citations]
    if not citing:
        return {}
    return session.call(lambda r: r.conversations.evidence(session.caller(), conversation_id, citing))


def passage(citation: Citation, found: Standing | None, now: datetime) -> Passage:
    """``now`` is in the reader's time zone."""
    if found is None or found.state == "gone":
        return Passage("", citation.quote, "", text.NO_LONGER, stands=False)
    if found.state == "changed":
        when = text.day(found.when.astimezone(now.tzinfo)) if found.when else ""
        return Passage("", citation.quote, "", text.source_changed(when), stands=False)
    end = found.start + len(citation.quote)
    before, after = _before(found.text[: found.start]), _after(found.text[end:])
    if found.missing_since is not None:
        about = text.missing_since(text.day(found.missing_since.astimezone(now.tzinfo)))
        return Passage(before, citation.quote, after, about, stands=False)
    read_at = citation.read_at or found.when
    return Passage(before, citation.quote, after, text.read(text.ago(read_at, now)) if read_at else "")


def card(citation: Citation, shown: Passage) -> dict[str, Any]:
    """For the reader script."""
    return {
        "title": citation.title,
        "section": section(citation),
        "before": shown.before,
        "quote": shown.quote,
        "after": shown.after,
        "about": shown.about,
    }


def section(citation: Citation) -> str:
    """Heading path and page, without repeating the title."""
    path = [part for part in citation.heading.split(" › ") if part and part != citation.title]
    return " · ".join([*path[-2:], *([text.page(citation.page)] if citation.page else [])])


def _before(words: str) -> str:
    return words if len(words) <= _AROUND else "…" + words[-_AROUND:].partition(" ")[2]


def _after(words: str) -> str:
    return words if len(words) <= _AROUND else words[:_AROUND].rpartition(" ")[0] + "…"
