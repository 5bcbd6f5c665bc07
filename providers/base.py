"""What a language model is to SiteChat: a request in, a stream of typed deltas out.

``Provider.stream`` returns an async generator. Closing it (``aclose``), or cancelling the task that reads it, closes
the connection to the model at once. Errors are :mod:`providers.errors`, whatever the vendor called them.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "content_filter"]
Purpose = Literal["answer", "route", "rewrite", "rerank", "grade", "verify", "question"]
"""What a completion is for: the answer itself, or a judgement that a step asks for."""


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A retrieved passage as a value; network providers read it from the prompt instead.

    ``number`` is what ``[number]`` in an answer refers to; ``score`` is the fused retrieval score.
    """

    number: int
    title: str
    heading: str
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Quotes:
    """What stands in the place of a text that a provider cannot write: ``opening`` and the sentences to write it from.

    Each of these is a line after ``bullet``; there are ``most`` at most.
    """

    opening: str
    bullet: str = "- "
    most: int = 8


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence of the passage ``number``, as it is quoted in an answer."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Request:
    """One completion. ``question`` and ``passages`` are for providers that answer without a language model.

    ``quotes``: a text is asked for, and not an answer; a provider that writes reads that from the prompt.
    ``evidence``: the sentences of the passages that answer, in reading order, where they have been chosen already.
    ``purpose`` tells a script, a log or a test what is being asked; a vendor's wire does not carry it.
    """

    messages: tuple[Message, ...]
    question: str = ""
    passages: tuple[Passage, ...] = ()
    evidence: tuple[Quote, ...] | None = None
    max_output_tokens: int = 4096
    temperature: float | None = None
    purpose: Purpose = "answer"
    quotes: Quotes | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class UsageDelta:
    """Token counts as the provider bills them; sent at most once, near the end."""

    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class FinishDelta:
    """Why the model stopped. ``length``: the answer was cut at ``max_output_tokens``."""

    reason: FinishReason


@dataclass(frozen=True, slots=True)
class WaitDelta:
    """Nothing has arrived yet: the model is slow (``waiting``) or the call is being made again (``retrying``).

    ``seconds``: for ``waiting``, how long it has lasted; for ``retrying``, until the next attempt.
    """

    kind: Literal["waiting", "retrying"]
    message: str
    seconds: float


@dataclass(frozen=True, slots=True)
class NoAnswerDelta:
    """The passages do not answer the question; ends the stream of a provider that can tell."""

    score: float


Delta = TextDelta | UsageDelta | FinishDelta | WaitDelta | NoAnswerDelta


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Facts about a model, in tokens. ``writes``: composes text, rather than quoting passages."""

    context_tokens: int
    max_output_tokens: int
    writes: bool = True


@runtime_checkable
class Provider(Protocol):
    """A language model. ``name`` is the vendor's key in the factory, ``model`` its own name for the model."""

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Answer ``request``. Raises :class:`providers.errors.ProviderError` before or between deltas."""
        ...

    async def check(self) -> str:
        """Reach the provider cheaply; return one line that says what was found, or raise ``ProviderError``."""
        ...

    async def close(self) -> None:
        """Close connections. The provider is not used afterwards."""
        ...
