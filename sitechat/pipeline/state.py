"""What a turn knows while it is answered, and what its steps may use."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import Protocol

from providers.base import Provider
from sitechat.events import Citation, Closest, Event, Intent, Status, Step, Usage
from sitechat.identity import Caller
from sitechat.indexes.service import Indexes
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.values import Chunk, KnowledgeBase, Message


@dataclass(frozen=True, slots=True)
class ScoredChunk:
    """A passage found: ``score`` is the fused one (:mod:`sitechat.pipeline.retrieve`)."""

    chunk: Chunk
    score: float


@dataclass(slots=True)
class TurnState:
    """Values only. ``content`` is the Markdown sent so far; ``refused`` means the documents are silent.

    ``leans_on``: earlier questions that this one cannot be understood without.
    """

    caller: Caller
    question: str
    history: tuple[Message, ...] = ()
    knowledge_base: KnowledgeBase | None = None
    intent: Intent = "qa"
    leans_on: tuple[str, ...] = ()
    hits: tuple[ScoredChunk, ...] = ()
    content: str = ""
    citations: list[Citation] = field(default_factory=list)
    closest: tuple[Closest, ...] = ()
    refused: bool = False
    truncated: bool = False
    usage: Usage = field(default_factory=Usage)
    prompt_version: str = ""
    started: float = field(default_factory=perf_counter)
    first_token_at: float | None = None


@dataclass(frozen=True, slots=True)
class Tools:
    """What steps work with. ``passages``: how many are given to the model."""

    indexes: Indexes
    knowledge: KnowledgeStore
    provider: Provider
    passages: int
    max_output_tokens: int


class StepFunction(Protocol):
    """One step of the pipeline."""

    def __call__(self, state: TurnState, tools: Tools, /) -> AsyncIterator[Event]: ...


def stopwatch(step: Step, message: str) -> Callable[..., Status]:
    """A function that makes the step's closing status: its time in ``detail["ms"]`` and the numbers given to it."""
    begun = perf_counter()

    def close(message: str = message, **numbers: float | int) -> Status:
        spent = round((perf_counter() - begun) * 1000, 1)
        return Status(step=step, message=message, detail={"ms": spent, **numbers})

    return close
