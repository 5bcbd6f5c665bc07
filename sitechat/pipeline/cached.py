"""An answer that was given before is given again, where nothing that it depends on has changed.

This is the first step, before the question is classified or rewritten: those may ask a language model, and a question
that was answered already should ask none.
"""

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

from sitechat.events import AnswerMetadata, Citation, Event, Token
from sitechat.pipeline.marks import split_marks
from sitechat.pipeline.state import Tools, TurnState, stopwatch
from sitechat.storage.values import Message


@dataclass(frozen=True, slots=True)
class Reused:
    """An answer of before with its citations as they lie now. ``exact``: to the same words, not only the same meaning.

    ``metadata`` is that of the message that it was given in.
    """

    message: Message
    citations: tuple[Citation, ...]
    metadata: AnswerMetadata
    exact: bool


class Cache(Protocol):
    """Answers of before."""

    async def find(self, state: TurnState, tools: Tools) -> Reused | None:
        """An answer that would be the same if it were made now; None where there is none, or none is sure."""
        ...


async def cached(state: TurnState, tools: Tools) -> AsyncGenerator[Event, None]:
    """Fill ``state.reused``; says nothing where there is nothing to give again."""
    if tools.cache is None:
        return
    done = stopwatch("cached", "Found cached result")
    found = await tools.cache.find(state, tools)
    if found is not None:
        state.reused = found
        yield done()


def repeat(state: TurnState, reused: Reused) -> Iterator[Event]:
    """The events of an answer that is being written, all at once: each citation before its mark."""
    message = reused.message
    state.intent = reused.metadata.intent
    state.refused, state.closest = message.refused, message.closest
    state.support = reused.metadata.support
    waiting = {citation.number: citation for citation in reused.citations}
    state.first_token_at = perf_counter()
    for piece in split_marks(message.content):
        if isinstance(piece, int) and piece in waiting:
            state.citations.append(waiting.pop(piece))
            yield state.citations[-1]
        text = f"[{piece}]" if isinstance(piece, int) else piece
        state.content += text
        yield Token(text=text)
