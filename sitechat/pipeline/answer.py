"""Asks the provider and turns its deltas into tokens with citations that exist."""

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from time import perf_counter
from typing import assert_never

from providers.base import (
    Delta,
    FinishDelta,
    NoAnswerDelta,
    Request,
    TextDelta,
    UsageDelta,
    WaitDelta,
)
from providers.errors import ContentFiltered, ProviderError
from sitechat.events import Closest, Event, Notice, Status, Token, Usage
from sitechat.pipeline import prompts
from sitechat.pipeline.evidence import Span, best_span, citation_of, last_claim, page_url, quoted_span
from sitechat.pipeline.failures import translate
from sitechat.pipeline.marks import MarkScanner, Piece
from sitechat.pipeline.request import make_request
from sitechat.pipeline.state import ScoredChunk, Tools, TurnState, stopwatch

REFUSAL = "Your documents do not answer this."
_CLOSEST = 3
_BULLET = re.compile(r"[-*] (?:\[ \] )?")


async def answer(state: TurnState, tools: Tools) -> AsyncGenerator[Event, None]:
    """Stream the answer. Raises the ``SiteChatError`` that a provider's failure stands for."""
    message = "Generating answer"
    done = stopwatch("generating", message)
    yield Status(step="generating", message=message)
    state.prompt_version = prompts.VERSION
    silent = not state.hits or (state.grade is not None and state.grade.verdict == "not enough")
    if state.intent != "chitchat" and silent:
        for event in _refuse(state):
            yield event
    else:
        async with aclosing(write(state, tools, make_request(state, tools))) as events:
            async for event in events:
                yield event
    yield done(tokens=state.usage.output_tokens) if state.usage.output_tokens else done()


async def write(state: TurnState, tools: Tools, request: Request) -> AsyncGenerator[Event, None]:
    """What the provider makes of the request, whose passages are ``state.hits``. Raises ``SiteChatError``."""
    state.request = request
    writer = _Writer(state, quotes=not tools.provider.capabilities.writes)
    try:
        async with aclosing(tools.provider.stream(request)) as deltas:
            async for delta in deltas:
                for event in writer.write(delta):
                    yield event
        for event in writer.end():
            yield event
    except ProviderError as error:
        for event in writer.flush():
            yield event
        raise translate(error) from error


class _Writer:
    """Deltas in, events out; keeps the state's content equal to the tokens sent.

    ``quotes``: the line before a mark, or what of it follows the mark before, is quoted from the passage of that mark.
    """

    def __init__(self, state: TurnState, *, quotes: bool) -> None:
        self._state = state
        self._quotes = quotes
        self._marked = 0
        self._scanner = MarkScanner()
        self._numbers: dict[tuple[int, int], int] = {}
        self._opening: str | None = "" if state.intent != "chitchat" else None
        self._after: int | None = None
        self._space = ""

    def write(self, delta: Delta) -> list[Event]:
        match delta:
            case TextDelta(text):
                return self._text(text)
            case UsageDelta(given, made):
                self._state.spend(Usage(input_tokens=given, output_tokens=made))
                return []
            case FinishDelta("content_filter"):
                raise ContentFiltered("The model's content filter stopped this answer. Try wording the question anew.")
            case FinishDelta(reason):
                self._state.truncated = reason == "length"
                return []
            case WaitDelta(kind, message, seconds):
                return [Notice(kind=kind, message=message, seconds=seconds)]
            case NoAnswerDelta():
                return self._no_answer()
            case _:
                assert_never(delta)

    def end(self) -> list[Event]:
        """The rest, once the provider is done."""
        if self._opening is not None and _is_no_answer(self._opening):
            return self._no_answer()
        events = self.flush()
        if not self._state.content and not self._state.refused:
            raise ProviderError("The model answered with nothing. Please retry.")
        return events

    def flush(self) -> list[Event]:
        """Text that was held back in case it became something else."""
        events: list[Event] = []
        if self._opening:
            opening, self._opening = self._opening, None
            events += self._pieces(self._scanner.feed(opening))
        return events + self._pieces(self._scanner.end())

    def _no_answer(self) -> list[Event]:
        """A refusal, unless something has been said already: that stands, with its evidence."""
        if self._state.content:
            return []
        self._opening, self._scanner = None, MarkScanner()
        return _refuse(self._state)

    def _text(self, text: str) -> list[Event]:
        if self._state.refused:
            return []
        if self._opening is not None:  # the answer may turn out to be NO_ANSWER alone
            self._opening += text
            begun = self._opening.strip()
            if prompts.NO_ANSWER.startswith(begun) or _is_no_answer(begun):
                return []
            text, self._opening = self._opening, None
        return self._pieces(self._scanner.feed(text))

    def _pieces(self, pieces: Sequence[Piece]) -> list[Event]:
        events: list[Event] = []
        for piece in pieces:
            events += self._mark(piece) if isinstance(piece, int) else self._plain(piece)
        return events

    def _plain(self, text: str) -> list[Event]:
        whole = self._space + text
        kept = whole.rstrip(" ")
        self._space = whole[len(kept) :]  # a space before a mark that is dropped goes with it
        if not kept:
            return []
        self._after = None
        return [self._token(kept)]

    def _mark(self, passage: int) -> list[Event]:
        """A citation the first time its evidence is named, then the mark; nothing where there is no such passage."""
        state = self._state
        if not 1 <= passage <= len(state.hits) or state.intent == "chitchat":
            self._space = ""
            return []
        hit = state.hits[passage - 1]
        span = self._span(hit)
        key = (hit.chunk.id, span.start)
        events: list[Event] = []
        if key not in self._numbers:
            self._numbers[key] = len(self._numbers) + 1
            citation = citation_of(self._numbers[key], hit.chunk, span, hit.score)
            state.citations.append(citation)
            events.append(citation)
        number = self._numbers[key]
        if number == self._after:
            return events
        space, self._space = self._space, ""
        self._after = number
        events.append(self._token(f"{space}[{number}]"))
        self._marked = len(state.content)
        return events

    def _span(self, hit: ScoredChunk) -> Span:
        content = self._state.content
        if self._quotes:
            line = content[self._marked :].strip().rpartition("\n")[2]
            return quoted_span(_BULLET.sub("", line), hit.chunk)
        return best_span(last_claim(content), hit.chunk)

    def _token(self, text: str) -> Token:
        if self._state.first_token_at is None:
            self._state.first_token_at = perf_counter()
        self._state.content += text
        return Token(text=text)


def _is_no_answer(text: str) -> bool:
    return text.strip(" \n.!`*") == prompts.NO_ANSWER


def _refuse(state: TurnState) -> list[Event]:
    pages: dict[str, Closest] = {}
    for hit in state.hits:
        page = Closest(title=hit.chunk.title, url=page_url(hit.chunk), score=round(hit.score, 4))
        pages.setdefault(hit.chunk.document_id, page)
    state.closest = tuple(pages.values())[:_CLOSEST]
    state.refused = True
    state.content = REFUSAL
    return [Token(text=REFUSAL)]
