"""What the stores return: frozen values, never rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sitechat.events import AnswerMetadata, Citation, Closest, Code, Status

TurnState = Literal["running", "answered", "stopped", "failed", "interrupted"]


@dataclass(frozen=True, slots=True)
class KnowledgeBase:
    id: str
    name: str
    description: str
    owner_id: str
    access: tuple[str, ...]
    sample_questions: tuple[str, ...]
    documents: int
    chunks: int
    created_at: datetime
    updated_at: datetime

    @property
    def ready(self) -> bool:
        """Whether there is something to answer from."""
        return self.chunks > 0


@dataclass(frozen=True, slots=True)
class Document:
    """``pages`` holds the offset in the text at which each page begins; empty where there are no pages.

    ``source_id`` is what it was last read from and can be read again, ``missing_since`` when that no longer had it.
    ``language`` is an ISO 639-1 code, empty where it is not known.
    """

    id: str
    knowledge_base_id: str
    owner_id: str
    access: tuple[str, ...]
    uri: str
    title: str
    media_type: str
    blob: str
    recipe: str
    pages: tuple[int, ...]
    chunk_count: int
    size: int
    flags: list[dict[str, Any]]
    validators: dict[str, str]
    fingerprint: int | None
    source_id: str | None
    missing_since: datetime | None
    language: str
    read_at: datetime
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class KnowledgeSource:
    """What a knowledge base is fed from and can be read again; ``read_at`` is when its last reading ended.

    ``schedule`` is a cron expression, ``grace`` days (None: as the settings say); ``open_job_id`` reads it at present.
    """

    id: str
    knowledge_base_id: str
    owner_id: str
    kind: str
    name: str
    plan: dict[str, Any]
    schedule: str | None
    next_at: datetime | None
    grace: int | None
    documents: int
    missing: int
    open_job_id: str | None
    last_job_id: str | None
    read_at: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage with what is needed to cite it; ``document.text[start:end] == text``.

    ``read_at`` is when its document was last read, ``changed_at`` when it was last found to have changed.
    """

    id: int
    document_id: str
    knowledge_base_id: str
    ordinal: int
    start: int
    end: int
    text: str
    heading_path: tuple[str, ...]
    page: int | None
    title: str
    uri: str
    media_type: str
    read_at: datetime
    language: str = ""
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    id: str
    owner_id: str
    title: str
    knowledge_base_id: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Feedback:
    rating: Literal[1, -1]
    comment: str


@dataclass(frozen=True, slots=True)
class Message:
    """``state``: complete, or stopped by the person in mid-answer. Assistant messages have ``metadata``."""

    id: str
    turn_id: str
    role: Literal["user", "assistant"]
    content: str
    state: Literal["complete", "stopped"]
    refused: bool
    closest: tuple[Closest, ...]
    steps: tuple[Status, ...]
    metadata: AnswerMetadata | None
    citations: tuple[Citation, ...]
    feedback: Feedback | None
    created_at: datetime


def asked_in(messages: Iterable[Message]) -> tuple[str, ...]:
    """What the user said in them, in order."""
    return tuple(each.content for each in messages if each.role == "user" and each.content.strip())


@dataclass(frozen=True, slots=True)
class Turn:
    """A question on its way or the state it ended in; ``replaces`` is the answer it regenerates."""

    id: str
    conversation_id: str
    owner_id: str
    knowledge_base_id: str | None
    model: str
    question: str
    replaces: str | None
    state: TurnState
    text: str
    code: Code | None
    error: str
    retryable: bool
    retry_after: float | None
    steps: tuple[Status, ...]
    started_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Pulse:
    """What changes whenever a conversation does: cheap to read, and to compare with what is shown."""

    title: str
    updated_at: datetime
    turn_id: str | None
    turn_state: str | None


@dataclass(frozen=True, slots=True)
class Thread:
    """A conversation as the page shows it. ``turn``: the latest, unless it has become messages."""

    conversation: Conversation
    messages: tuple[Message, ...]
    turn: Turn | None
    pulse: Pulse


@dataclass(frozen=True, slots=True)
class Standing:
    """What has become of a cited passage: its quote is still here, its source has changed, or is gone.

    Where it is here, ``text`` is what stands around it now, with the quote at ``start``. ``when``: here, when it was
    last read; changed, when that was. ``missing_since``: its source does not have the document any more.
    """

    state: Literal["here", "changed", "gone"]
    text: str = ""
    start: int = 0
    when: datetime | None = None
    missing_since: datetime | None = None


Standings = dict[str, dict[int, Standing]]
"""By message id and number of the citation."""


@dataclass(frozen=True, slots=True)
class Embedding:
    """What an embedding model made of a passage: ``vector`` is float32 bytes.

    ``late`` are the vectors of its parts (:mod:`vectorstore.late`), where the model makes such.
    """

    vector: bytes
    late: bytes | None = None


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A chunk about to be stored, with one vector or several, and with those of its parts (:class:`Embedding`)."""

    start: int
    end: int
    text: str
    heading_path: tuple[str, ...]
    page: int | None
    vectors: tuple["NewVector", ...] = field(default=())
    late: bytes | None = None


@dataclass(frozen=True, slots=True)
class NewVector:
    kind: Literal["chunk", "window", "sentence"]
    start: int
    end: int
    data: bytes


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document as extraction made it. ``recipe`` names how: another recipe makes an unchanged file stale."""

    knowledge_base_id: str
    owner_id: str
    access: tuple[str, ...]
    uri: str
    title: str
    media_type: str
    blob: str
    recipe: str
    text: str
    pages: tuple[int, ...]
    size: int
    flags: Sequence[Mapping[str, Any]] = ()
    validators: Mapping[str, str] = field(default_factory=dict)
    fingerprint: int | None = None
    source_id: str | None = None
    language: str = ""
