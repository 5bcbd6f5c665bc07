"""How an answer came about: what every turn leaves behind for those who want to know.

Values only, in one place; ``SCHEMA_VERSION`` changes when a field changes its meaning. Fields that a later version adds
have defaults, and fields that it takes away are ignored, so old traces can be read. Nothing here is a secret: a key
never reaches a turn.
"""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from providers.base import Message, Request
from sitechat.events import Closest, Code, Intent, NoticeKind, SentenceSupport, Step, Usage
from sitechat.indexes.follower import IndexVersion
from sitechat.pipeline.state import Consultation, Found, Grade, section
from sitechat.storage.narrowing import EVERYTHING, Narrowing

SCHEMA_VERSION = 1

Outcome = Literal["answered", "refused", "stopped", "failed", "interrupted"]


class TraceValue(BaseModel):
    """What traces are made of."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Queries(TraceValue):
    """What was searched for: the question, helped by earlier ones where it ``leans_on`` them.

    ``searches`` took the question's place, the main one first: it in full, its parts, or what a text is to be about.
    ``further`` was searched for where what that found was not enough.
    """

    question: str
    searches: tuple[str, ...] = ()
    leans_on: tuple[str, ...] = ()
    further: tuple[str, ...] = ()


class Searched(TraceValue):
    """Where: only what these parts let pass, in indexes of that version; ``weights`` are those of the measures.

    ``reranking`` names by what the passages were ranked anew, if they were.
    """

    knowledge_base_id: str | None = None
    knowledge_base: str = ""
    principals: tuple[str, ...] = ()
    index: IndexVersion = IndexVersion()
    weights: dict[str, float] = {}
    reranking: str = ""


class Place(TraceValue):
    """Where the prompt holds a passage's text: the message, from 0, and the characters in it."""

    message: int
    start: int
    end: int


class TracedPassage(TraceValue):
    """A passage that was looked at closely. ``rank``: its place in the final order, from 1.

    ``number`` is that under which the model was given it; ``over_budget`` it would have been, but for the room.
    ``start`` and ``end`` are offsets in the document. ``digest`` tells the same words again in another index. The text
    of a passage that was given stands in the prompt at ``place``, or else in ``text``.
    """

    rank: int
    chunk_id: int
    document_id: str
    title: str
    heading_path: tuple[str, ...] = ()
    page: int | None = None
    uri: str
    media_type: str
    start: int
    end: int
    read_at: datetime
    digest: str
    score: float
    found: Found = Found()
    number: int | None = None
    over_budget: bool = False
    cited: tuple[int, ...] = ()
    place: Place | None = None
    text: str | None = None

    @property
    def section(self) -> str:
        """The headings above it, without the title."""
        return section(self.title, self.heading_path)


class Cited(TraceValue):
    """The evidence of a mark ``[number]``."""

    number: int
    chunk_id: int
    document_id: str
    title: str
    quote: str
    start: int
    end: int


class Model(TraceValue):
    """``spec`` is its name in the settings. ``advisor`` is the model that steps ask, where there is one."""

    spec: str
    provider: str
    name: str
    writes: bool
    max_output_tokens: int
    advisor: str | None = None


class StepTrace(TraceValue):
    """A finished step; ``numbers`` are what it told of itself."""

    step: Step
    message: str
    ms: float
    attempt: int | None = None
    numbers: dict[str, JsonValue] = {}


class NoticeTrace(TraceValue):
    kind: NoticeKind
    message: str


class Failure(TraceValue):
    code: Code
    message: str


class Reuse(TraceValue):
    """The answer of before that was given again. ``exact``: to the same words, not only the same meaning."""

    message_id: str
    exact: bool


class Answer(TraceValue):
    content: str
    citations: tuple[Cited, ...] = ()
    closest: tuple[Closest, ...] = ()
    truncated: bool = False
    support: tuple[SentenceSupport, ...] = ()


class Trace(TraceValue):
    """One turn. ``history`` holds the ids of the messages before it; ``passages`` are in their final order.

    ``narrowing`` says which documents were searched.

    ``request`` is what the language model was asked, its passages aside; None where none was asked. An answer that was
    ``reused`` was found as the trace of that one says.
    """

    schema_version: int = SCHEMA_VERSION
    sitechat: str
    turn_id: str
    message_id: str | None
    at: datetime
    outcome: Outcome
    failure: Failure | None = None
    reused: Reuse | None = None
    intent: Intent
    template: str | None = None
    queries: Queries
    history: tuple[str, ...] = ()
    narrowing: Narrowing = EVERYTHING
    searched: Searched | None = None
    passages: tuple[TracedPassage, ...] = ()
    passages_wanted: int
    grade: Grade | None = None
    consultations: tuple[Consultation, ...] = ()
    model: Model
    prompt_version: str = ""
    request: Request | None = None
    answer: Answer
    usage: Usage = Usage()
    steps: tuple[StepTrace, ...] = ()
    notices: tuple[NoticeTrace, ...] = ()
    ttft_ms: float | None = None
    duration_ms: float

    @property
    def given(self) -> tuple[TracedPassage, ...]:
        """The passages that the answer was made from, by number."""
        return tuple(sorted((p for p in self.passages if p.number is not None), key=lambda p: p.number or 0))

    @property
    def chosen(self) -> tuple[TracedPassage, ...]:
        """Those given, or that would have been if the answer had not been decided without asking."""
        return self.given or self.passages[: self.passages_wanted]

    @property
    def prompt(self) -> tuple[Message, ...]:
        return self.request.messages if self.request is not None else ()

    def text_of(self, passage: TracedPassage) -> str | None:
        """Of a passage that was given to the model; of the others only their place in the document is kept."""
        if passage.place is None:
            return passage.text
        return self.prompt[passage.place.message].content[passage.place.start : passage.place.end]
