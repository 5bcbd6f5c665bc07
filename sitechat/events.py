"""The vocabulary of a turn: everything that can happen between a question and its answer.

A turn is an append-only log of these values. Front ends translate them and decide nothing; every ``match`` over
:data:`Event` ends in ``assert_never``. Grammar of a log::

    Status* (Status | Notice | Token | Citation)* (Answered | Failed | Stopped)

``Gap`` and ``Snapshot`` are never in a log: a watcher that asks for events no longer held receives them in their
place. ``seq``, ``turn_id`` and ``at`` are stamped by the log, so whoever makes an event leaves them out.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter

SCHEMA_VERSION = 1

Step = Literal["routing", "rewriting", "cached", "retrieving", "grading", "expanding", "generating", "verifying"]
Intent = Literal["chitchat", "qa", "compose"]
NoticeKind = Literal["waiting", "retrying", "fallback", "degraded", "preparing"]
Code = Literal[
    "LLM_ERROR",
    "RATE_LIMIT",
    "INVALID_INPUT",
    "NOT_FOUND",
    "FORBIDDEN",
    "TIMEOUT",
    "UNAVAILABLE",
    "INTERNAL",
]
Support = Literal["supported", "weak", "unsupported"]
ReasonKind = Literal["number", "date", "name", "negation", "opposite", "meaning", "model"]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Event(_Value):
    seq: int = 0
    turn_id: str = ""
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))


class Status(_Event):
    """A step began, or (with ``detail["ms"]``) ended: milliseconds spent, and one number that matters."""

    type: Literal["status"] = "status"
    step: Step
    message: str
    attempt: int | None = None
    detail: dict[str, JsonValue] | None = None

    @property
    def is_end(self) -> bool:
        """Whether the step has ended."""
        return self.detail is not None and "ms" in self.detail

    def is_of(self, other: "Status") -> bool:
        """Whether both are of one step, and of the same attempt at it."""
        return (self.step, self.attempt) == (other.step, other.attempt)


def steps_with(steps: Iterable[Status], event: Status) -> list[Status]:
    """The ``steps`` so far and the next thing heard of one: what has ended stays, what had only begun is replaced."""
    return [*(step for step in steps if step.is_end or not step.is_of(event)), event]


class Notice(_Event):
    """Something outside slows the answer down; ``seconds`` is how long it has lasted or will last."""

    type: Literal["notice"] = "notice"
    kind: NoticeKind
    message: str
    seconds: float | None = None


class Token(_Event):
    """The next piece of the answer's Markdown.

    Concatenated, the tokens are ``Answered.content`` but for marks that did not hold when every sentence was checked:
    they were taken away, or replaced by marks whose citations came after the last token.
    """

    type: Literal["token"] = "token"
    text: str


class Citation(_Event):
    """The evidence behind a mark ``[number]``, sent before the mark appears in a token.

    One that checking the sentences adds comes after the last token; its mark is in ``Answered.content`` alone.
    ``quote == document.text[start:end]``: character offsets into the document's extracted text.
    """

    type: Literal["citation"] = "citation"
    number: int
    chunk_id: int
    document_id: str
    title: str
    url: str
    quote: str
    start: int
    end: int
    score: float
    heading: str = ""
    page: int | None = None
    read_at: datetime | None = None


class Evidence(_Value):
    """Where a source comes nearest to a sentence: ``quote == document.text[start:end]``."""

    chunk_id: int
    document_id: str
    start: int
    end: int
    quote: str


class Reason(_Value):
    """Why a sentence is to be checked, with the ``words`` of it that are meant.

    ``number``, ``date``, ``name``: not in the source; ``elsewhere``: in the passage, but not where it speaks of this.
    ``negation``, ``opposite``: one denies what the other says. ``meaning``: the source speaks of something else.
    ``model``: a language model found that it does not follow from the source.
    """

    kind: ReasonKind
    words: str = ""
    elsewhere: bool = False


class SentenceSupport(_Value):
    """What verification found for one sentence of the answer.

    ``start`` and ``end`` are its offsets in ``Answered.content``, marks included; ``citations`` are the numbers of its
    marks, ``dropped`` those of marks that were taken away because their source does not support it.
    """

    sentence: str
    support: Support
    citations: tuple[int, ...] = ()
    start: int = 0
    end: int = 0
    evidence: Evidence | None = None
    reasons: tuple[Reason, ...] = ()
    dropped: tuple[int, ...] = ()


class Usage(_Value):
    input_tokens: int = 0
    output_tokens: int = 0


class SourceChunk(_Value):
    """A passage that was given to the model, cited or not."""

    chunk_id: int
    document_id: str
    title: str
    score: float


class Closest(_Value):
    """A page near a question that the documents do not answer: a suggestion, never a citation."""

    title: str
    url: str
    score: float


class AnswerMetadata(_Value):
    """``caution``: the passages may not answer the question, and the answer is made from the best there were.

    ``cached``: the answer was given before, in the message ``cached_from``, at ``cached_at``; no model was asked.
    """

    intent: Intent
    conversation_id: str
    provider: str
    model: str
    prompt_version: str
    chunks_used: int = 0
    source_chunks: tuple[SourceChunk, ...] = ()
    usage: Usage = Usage()
    cost_usd: float | None = None
    ttft_ms: float | None = None
    duration_ms: float = 0.0
    cached: bool = False
    cached_from: str | None = None
    cached_at: datetime | None = None
    truncated: bool = False
    caution: bool = False
    support: tuple[SentenceSupport, ...] = ()

    @property
    def doubtful(self) -> tuple[SentenceSupport, ...]:
        """The sentences that are to be checked."""
        return tuple(sentence for sentence in self.support if sentence.support != "supported")


class Answered(_Event):
    type: Literal["answered"] = "answered"
    message_id: str
    content: str
    metadata: AnswerMetadata
    refused: bool = False
    closest: tuple[Closest, ...] = ()


class Stopped(_Event):
    """The person stopped the answer; ``content`` is what had arrived and is kept as a message."""

    type: Literal["stopped"] = "stopped"
    message_id: str | None
    content: str


class Failed(_Event):
    """An expected failure. ``content`` is text that had arrived; it stays with the turn and is no message."""

    type: Literal["failed"] = "failed"
    code: Code
    message: str
    retryable: bool
    retry_after: float | None = None
    content: str = ""


class Gap(_Event):
    """Events ``from_``…``to`` are no longer held; a snapshot follows."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, serialize_by_alias=True)

    type: Literal["gap"] = "gap"
    from_: int = Field(alias="from")
    to: int


class Snapshot(_Event):
    """The state that the missing events of a gap had led to."""

    type: Literal["snapshot"] = "snapshot"
    content: str
    steps: tuple[Status, ...] = ()
    citations: tuple[Citation, ...] = ()


Event = Annotated[
    Status | Notice | Token | Citation | Answered | Stopped | Failed | Gap | Snapshot,
    Field(discriminator="type"),
]
Terminal = Answered | Stopped | Failed

EventAdapter: TypeAdapter[Event] = TypeAdapter(Event)


def to_json(event: Event) -> str:
    """One line of JSON with PROTOCOL's field names; absent optional fields are left out."""
    return event.model_dump_json(exclude_none=True)
