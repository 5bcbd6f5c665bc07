"""The order of the passages after the search: by a cross-encoder, by a language model, or by a team's own rules.

None of these is on by default. The fused score stays with each passage, since whether the evidence is enough is judged
by it; what they say is its place, and ``found.rerank``.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from pydantic import BaseModel

from sitechat.errors import Unavailable
from sitechat.events import Event, Status
from sitechat.indexes.embedded import embedding_text
from sitechat.pipeline import prompts
from sitechat.pipeline.choose import choose
from sitechat.pipeline.ranking_rules import RankingRules
from sitechat.pipeline.request import numbered
from sitechat.pipeline.state import ScoredChunk, Tools, TurnState, stopwatch
from sitechat.storage.tables import now
from vectorstore.base import Reranker, RerankError

DEPTH = 30
"""Passages that a cross-encoder reads."""
LISTED = 20
"""Passages that a language model puts in order."""
SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class Reranking:
    """What there is to rank by: a ``reranker``, or the language model that judges (``by_model``), and ``rules``."""

    reranker: Reranker | None = None
    by_model: bool = False
    rules: RankingRules | None = None

    @property
    def spec(self) -> str:
        """The same for two that rank alike: what ranks, and a digest of the rules."""
        by = [self.reranker.spec] if self.reranker is not None else ["model"] if self.by_model else []
        if self.rules is not None:
            by.append(f"rules {sha256(self.rules.model_dump_json().encode()).hexdigest()[:8]}")
        return " with ".join(by) or "nothing"


class Order(BaseModel):
    """A language model's reply: numbers of passages, the best first."""

    ranking: list[int]


async def rerank(state: TurnState, tools: Tools) -> AsyncGenerator[Event, None]:
    """Put ``state.candidates`` and ``state.hits`` into a better order; silent where there is nothing to do it by."""
    ranking = tools.reranking
    if ranking is None or len(state.candidates) < 2:
        return
    message = "Ranking results"
    done = stopwatch("grading", message)
    yield Status(step="grading", message=message)
    ranks = await _ranks(state, tools, ranking)
    if ranks is not None:
        ordered = _in_order(state.candidates, _with_rules(state, ranks, ranking.rules))
        state.candidates, state.hits = ordered, choose(ordered, tools.passages)
    yield done()


async def _ranks(state: TurnState, tools: Tools, ranking: Reranking) -> list[float] | None:
    """A rank for each candidate, higher is better; None where nobody had anything to say."""
    if ranking.reranker is not None:
        return _above_the_rest(await _fits(ranking.reranker, state), len(state.candidates))
    if ranking.by_model and tools.advisor is not None:
        listed = state.candidates[:LISTED]
        asked = prompts.rerank(state.asked, numbered(listed))
        judged = await tools.advisor.ask(state, "rerank", asked, Order, seconds=SECONDS)
        if judged is not None:
            return _above_the_rest(_places(judged.ranking, len(listed)), len(state.candidates))
    return [hit.score for hit in state.candidates] if ranking.rules is not None else None


async def _fits(reranker: Reranker, state: TurnState) -> list[float]:
    chunks = [hit.chunk for hit in state.candidates[:DEPTH]]
    texts = [embedding_text(chunk.title, chunk.heading_path, chunk.text) for chunk in chunks]
    try:
        return await reranker.scores(state.asked, texts)
    except RerankError as error:
        raise Unavailable(error.message) from error


def _places(ranking: Sequence[int], count: int) -> list[float]:
    """Numbers from 1, the best first, as a rank for each; impossible ones are ignored, missing ones come last."""
    named = dict.fromkeys(number - 1 for number in ranking if 1 <= number <= count)
    order = [*named, *(place for place in range(count) if place not in named)]
    return [1 - order.index(place) / count for place in range(count)]


def _above_the_rest(ranks: Sequence[float], count: int) -> list[float]:
    """What was not looked at keeps its order, below what was."""
    rest = count - len(ranks)
    return [*ranks, *(-place / rest for place in range(1, rest + 1))]


def _with_rules(state: TurnState, ranks: Sequence[float], rules: RankingRules | None) -> list[float]:
    base, at = state.knowledge_base, now()
    if rules is None or base is None:
        return list(ranks)
    return [
        rank + rules.adds(hit.chunk, base, state.asked, at) for hit, rank in zip(state.candidates, ranks, strict=True)
    ]


def _in_order(hits: Sequence[ScoredChunk], ranks: Sequence[float]) -> tuple[ScoredChunk, ...]:
    ranked = sorted(zip(hits, ranks, strict=True), key=lambda pair: -pair[1])
    return tuple(replace(hit, found=replace(hit.found, rerank=round(rank, 4))) for hit, rank in ranked)
