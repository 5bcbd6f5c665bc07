"""The shipped fake: a provider that follows a script of deltas, delays and failures.

For tests and demonstrations. ``Scripted(Script([TextDelta("Hi"), Delay(0.1), Fail(RateLimitExceeded("Busy."))]))``
answers every request so; given several scripts, each request takes the next one and the last repeats.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from providers import errors
from providers.base import (
    Capabilities,
    Delta,
    FinishDelta,
    NoAnswerDelta,
    Request,
    TextDelta,
    UsageDelta,
    WaitDelta,
)


@dataclass(frozen=True, slots=True)
class Delay:
    """Nothing happens for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Fail:
    """The stream raises ``error``."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Cut:
    """The stream ends without a finish, as when a connection is lost."""


@dataclass(frozen=True, slots=True)
class Hang:
    """Nothing happens any more until the stream is closed."""


Text = TextDelta
Step = Delta | Delay | Fail | Cut | Hang
Script = Sequence[Step]
Play = Script | Callable[[Request], Iterable[Step]]


@dataclass(slots=True)
class Recorded:
    """A request and what became of its stream: ``closed_early`` when the reader left before the end."""

    request: Request
    sent: list[Delta] = field(default_factory=list)
    finished: bool = False
    closed_early: bool = False


class Scripted:
    """A :class:`~providers.base.Provider` whose answers are written beforehand; ``calls`` tells what was asked."""

    def __init__(
        self,
        *plays: Play,
        name: str = "scripted",
        model: str = "script",
        capabilities: Capabilities | None = None,
    ) -> None:
        self._plays = plays or (echo,)
        self._name, self._model = name, model
        self._capabilities = capabilities or Capabilities(32_768, 16_384)
        self.calls: list[Recorded] = []
        self.closed = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def model(self) -> str:
        return self._model

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def requests(self) -> list[Request]:
        return [call.request for call in self.calls]

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Follow the script; a script that does not end itself is finished with ``stop``."""
        play = self._plays[min(len(self.calls), len(self._plays) - 1)]
        call = Recorded(request)
        self.calls.append(call)
        try:
            for step in play(request) if callable(play) else play:
                call.finished = isinstance(step, Cut | FinishDelta | NoAnswerDelta)
                if isinstance(step, Cut):
                    return
                delta = await _perform(step, call)
                if delta is not None:
                    call.sent.append(delta)
                    yield delta
            if not call.finished:
                call.finished = True
                yield FinishDelta("stop")
        finally:
            call.closed_early = not call.finished

    async def check(self) -> str:
        return f"follows a script ({self._model})"

    async def close(self) -> None:
        self.closed = True


async def _perform(step: Step, call: Recorded) -> Delta | None:
    if isinstance(step, Delay):
        await asyncio.sleep(step.seconds)
        return None
    if isinstance(step, Hang):
        await asyncio.Event().wait()
    if isinstance(step, Fail):
        call.finished = True
        raise step.error
    if isinstance(step, Cut | Hang):
        return None
    return step


def echo(request: Request) -> Iterator[Step]:
    """The default script: repeats the question, and the first passage with its mark, word by word."""
    asked = request.question or next((m.content for m in reversed(request.messages) if m.role == "user"), "")
    said = f"You asked: {asked}"
    if request.passages:
        first = request.passages[0]
        said += f"\n\nThe nearest passage is from “{first.title}”: {' '.join(first.text.split()[:40])} [{first.number}]"
    words = said.split(" ")
    for word in [words[0], *(f" {word}" for word in words[1:])]:
        yield TextDelta(word)
        yield Delay(0.01)
    yield UsageDelta(sum(len(m.content) for m in request.messages) // 4, len(words))


_FAILURES: dict[str, type[errors.ProviderError]] = {
    "authentication": errors.AuthenticationFailed,
    "rate_limit": errors.RateLimitExceeded,
    "context": errors.ContextTooLong,
    "filtered": errors.ContentFiltered,
    "model": errors.ModelNotFound,
    "invalid": errors.InvalidRequest,
    "timeout": errors.ProviderTimeout,
    "unavailable": errors.ProviderUnavailable,
    "broken": errors.StreamBroken,
    "malformed": errors.MalformedStream,
}


def load(path: Path) -> list[Script]:
    """Read scripts from JSON: a list of steps, or a list of such lists for successive requests.

    A step is ``{"text": "…"}`` (with ``"repeat": 100`` and ``"every": 0.02`` if wanted), ``{"delay": 0.5}``,
    ``{"usage": [12, 34]}``, ``{"finish": "length"}``, ``{"wait": "Still…", "seconds": 5}``, ``{"no_answer": 0.4}``,
    ``{"fail": "rate_limit", "message": "…", "retry_after": 2}``, ``{"cut": true}`` or ``{"hang": true}``.
    Raises ``ValueError`` that names the file and the step.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise ValueError(f"The script {path} cannot be read: {error}") from error
    plays = rows if rows and isinstance(rows[0], list) else [rows]
    try:
        return [[step for row in play for step in _steps(row)] for play in plays]
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise ValueError(f"The script {path} holds a step that makes no sense: {error}") from error


def _steps(row: dict[str, Any]) -> Iterator[Step]:
    for key, make in _READERS.items():
        if key in row:
            yield from make(row)
            return
    raise ValueError(f"{row} is none of {', '.join(_READERS)}.")


def _texts(row: dict[str, Any]) -> Iterator[Step]:
    for _ in range(int(row.get("repeat", 1))):
        yield TextDelta(str(row["text"]))
        if row.get("every"):
            yield Delay(float(row["every"]))


def _failure(row: dict[str, Any]) -> Iterator[Step]:
    kind = _FAILURES.get(row["fail"])
    if kind is None:
        raise ValueError(f"“{row['fail']}” is no failure; there are {', '.join(_FAILURES)}.")
    yield Fail(kind(str(row.get("message", "The script fails here.")), retry_after=row.get("retry_after")))


_READERS: dict[str, Callable[[dict[str, Any]], Iterable[Step]]] = {
    "text": _texts,
    "delay": lambda row: [Delay(float(row["delay"]))],
    "usage": lambda row: [UsageDelta(int(row["usage"][0]), int(row["usage"][1]))],
    "finish": lambda row: [FinishDelta(row["finish"])],
    "wait": lambda row: [WaitDelta("waiting", str(row["wait"]), float(row.get("seconds", 0)))],
    "no_answer": lambda row: [NoAnswerDelta(float(row["no_answer"]))],
    "fail": _failure,
    "cut": lambda _: [Cut()],
    "hang": lambda _: [Hang()],
}
