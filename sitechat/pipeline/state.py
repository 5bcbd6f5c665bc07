"""What a turn knows while it is answered, and what its steps may use."""

from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Literal, Protocol

from providers.base import Message as Prompt
from providers.base import Passage, Provider, Purpose, Quote, Request
from sitechat.events import Citation, Closest, Event, Intent, SentenceSupport, Status, Step, Usage
from sitechat.identity import Caller
from sitechat.indexes.follower import IndexVersion
from sitechat.indexes.service import Indexes
from sitechat.pipeline.templates import Template
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.narrowing import EVERYTHING, Narrowing
from sitechat.storage.values import Chunk, KnowledgeBase, Message
from sitechat.storage.vectors import HEADING_SEPARATOR
from vectorstore.base import Filter

if TYPE_CHECKING:
    from sitechat.pipeline.advisor import Advisor
    from sitechat.pipeline.cached import Cache, Reused
    from sitechat.pipeline.rerank import Reranking


@dataclass(frozen=True, slots=True)
class Found:
    """How a passage was found: its measures, and its place from 1 in each list; None where a list did not have it.

    ``cosine`` is the vectors', ``sentence`` and ``window`` that of the passage's nearest part, None where its parts
    have no vectors; ``words`` and ``pairs`` are Lucene's BM25 over words and over adjacent pairs of them.
    ``rerank`` is the measure that put the passage at its place after the search, higher is better.
    """

    cosine: float = 0.0
    words: float = 0.0
    pairs: float = 0.0
    sentence: float | None = None
    window: float | None = None
    dense_rank: int | None = None
    text_rank: int | None = None
    fused_rank: int | None = None
    rerank: float | None = None


def section(title: str, heading_path: Iterable[str]) -> str:
    """The headings above a passage in one line, without its document's title."""
    return HEADING_SEPARATOR.join(part for part in heading_path if part != title)


@dataclass(frozen=True, slots=True)
class ScoredChunk:
    """A passage found: ``score`` is the fused one (:mod:`sitechat.pipeline.search`)."""

    chunk: Chunk
    score: float
    found: Found = Found()

    @property
    def rank(self) -> float:
        """What the order goes by: the score, unless something ranked the passages anew."""
        return self.score if self.found.rerank is None else self.found.rerank

    def passage(self, number: int) -> Passage:
        """What a provider sees of it."""
        heading = section(self.chunk.title, self.chunk.heading_path)
        return Passage(number, self.chunk.title, heading, self.chunk.text, self.score)


@dataclass(frozen=True, slots=True)
class Consultation:
    """A judgement that a step asked a language model for; ``reply`` is None where none of use came."""

    purpose: Purpose
    messages: tuple[Prompt, ...]
    reply: str | None
    ms: float


Verdict = Literal["enough", "partly", "not enough"]


@dataclass(frozen=True, slots=True)
class Grade:
    """Whether the passages answer the question, and who decided that.

    ``score`` is the evidence's (:mod:`providers.sufficiency`) where its sentences decided: *not enough* below
    ``threshold``. Where a model decided, ``relevance`` is its judgement of each passage by chunk id, from 0 to 3, and
    ``searches`` are what it would look for if they are not enough. ``quotes`` are the sentences that answer best, in
    reading order, for a provider that only quotes.
    """

    verdict: Verdict
    by: Literal["sentences", "model"]
    score: float | None = None
    threshold: float | None = None
    relevance: Mapping[int, int] = field(default_factory=dict)
    searches: tuple[str, ...] = ()
    quotes: tuple[Quote, ...] | None = None


@dataclass(slots=True)
class TurnState:
    """Values only. ``refused`` means the documents are silent.

    ``content`` is the Markdown sent so far; once it is verified, its marks may be others than those that were sent.
    ``queries``: what is searched for, the main one first; none where the question is searched for as it stands.
    ``leans_on``: earlier questions that this one cannot be understood without. ``further``: what was searched for
    besides, as that had not found enough. ``template``: what is to be composed.
    ``candidates`` are all passages whose order was looked at closely, best first; ``hits`` the ones of them that the
    answer is made from, and ``over_budget`` those that would have been but for the room in the prompt. ``narrowing``
    says which documents are searched; ``where`` is what was searched, in the state that ``searched`` names;
    ``left_out`` are ids of passages that the search passes over, as an evaluation does to see what becomes of a
    question without them. ``grade`` says whether ``hits`` are enough; None where nobody could judge. ``request`` is
    what the language model was asked for the answer, if it was. ``first_hits`` are the ``hits`` that the search
    chose, whatever later steps made of them; ``reused`` is an answer of before that is given again. ``usage`` is that
    of the answer and of all ``consultations``.
    """

    caller: Caller
    question: str
    history: tuple[Message, ...] = ()
    knowledge_base: KnowledgeBase | None = None
    left_out: frozenset[int] = frozenset()
    narrowing: Narrowing = EVERYTHING
    intent: Intent = "qa"
    template: Template | None = None
    queries: tuple[str, ...] = ()
    leans_on: tuple[str, ...] = ()
    further: tuple[str, ...] = ()
    candidates: tuple[ScoredChunk, ...] = ()
    where: Filter | None = None
    searched: IndexVersion | None = None
    hits: tuple[ScoredChunk, ...] = ()
    over_budget: tuple[ScoredChunk, ...] = ()
    grade: Grade | None = None
    first_hits: tuple[ScoredChunk, ...] = ()
    reused: "Reused | None" = None
    consultations: list[Consultation] = field(default_factory=list)
    request: Request | None = None
    content: str = ""
    citations: list[Citation] = field(default_factory=list)
    closest: tuple[Closest, ...] = ()
    refused: bool = False
    truncated: bool = False
    support: tuple[SentenceSupport, ...] = ()
    usage: Usage = field(default_factory=Usage)
    prompt_version: str = ""
    started: float = field(default_factory=perf_counter)
    first_token_at: float | None = None

    @property
    def asked(self) -> str:
        """The question as it can be understood alone, or what is to be written about."""
        return self.queries[0] if self.queries else self.question

    @property
    def caution(self) -> bool:
        """Whether the answer is made from evidence that may not be enough."""
        return self.grade is not None and self.grade.verdict == "partly" and not self.refused

    @property
    def ttft_ms(self) -> float | None:
        """Milliseconds until the first token; None before it."""
        return _milliseconds(self.started, self.first_token_at) if self.first_token_at is not None else None

    @property
    def duration_ms(self) -> float:
        """Milliseconds since the turn began."""
        return _milliseconds(self.started, perf_counter())

    def spend(self, usage: Usage) -> None:
        """Add what a call to a language model cost."""
        self.usage = Usage(
            input_tokens=self.usage.input_tokens + usage.input_tokens,
            output_tokens=self.usage.output_tokens + usage.output_tokens,
        )


@dataclass(frozen=True, slots=True)
class Tools:
    """What steps work with. ``passages``: how many are given to the model.

    ``advisor``: whom steps may ask for a judgement; None where no language model is set. ``cache`` holds answers of
    before; None where none is to be given again. ``reranking``: by what the passages found are put into another order;
    None where they keep that of the search.
    """

    indexes: Indexes
    knowledge: KnowledgeStore
    provider: Provider
    passages: int
    max_output_tokens: int
    advisor: "Advisor | None" = None
    cache: "Cache | None" = None
    reranking: "Reranking | None" = None


class StepFunction(Protocol):
    """One step of the pipeline."""

    def __call__(self, state: TurnState, tools: Tools, /) -> AsyncGenerator[Event, None]: ...


def stopwatch(step: Step, message: str) -> Callable[..., Status]:
    """A function that makes the step's closing status: its time in ``detail["ms"]`` and the numbers given to it."""
    begun = perf_counter()

    def close(message: str = message, **numbers: float | int) -> Status:
        return Status(step=step, message=message, detail={"ms": _milliseconds(begun, perf_counter()), **numbers})

    return close


def _milliseconds(begun: float, ended: float) -> float:
    return round((ended - begun) * 1000, 1)
