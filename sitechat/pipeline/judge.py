"""Asks a language model whether the passages answer the question; what it says decides."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, Field

from providers.base import Message
from sitechat.pipeline import prompts
from sitechat.pipeline.advisor import Advisor
from sitechat.pipeline.request import numbered
from sitechat.pipeline.state import Grade, ScoredChunk, TurnState, Verdict

PARTLY = 2
"""Grade of a passage from which on it answers a part."""
_QUERIES = 3
_PROMPT = f"""You judge whether numbered passages from a team's own documents answer a question. You do not answer it.

{prompts.QUOTATIONS}
Grade each passage: 3 it answers the question, 2 it answers a part of it, 1 it is about the same thing and answers
nothing, 0 it is about something else. A question about another person, place, number or time than the passage's, or
about the opposite, is not answered by it. Then say whether the passages together are enough for a whole answer; if they
are not, write one to three short searches that might find what is missing.
Reply with JSON alone: {{"grades": [one number for each passage], "enough": true or false, "searches": ["…"]}}"""


class _Judged(BaseModel):
    grades: list[Annotated[int, Field(ge=0, le=3)]]
    enough: bool
    searches: list[str] = []


async def judged(advisor: Advisor, state: TurnState, hits: Sequence[ScoredChunk]) -> Grade | None:
    """None where no such judgement came."""
    form = await advisor.ask(state, "grade", _messages(state, hits), _Judged)
    if form is None or len(form.grades) != len(hits):
        return None
    verdict: Verdict = "enough" if form.enough else "partly" if max(form.grades) >= PARTLY else "not enough"
    relevance = {hit.chunk.id: found for hit, found in zip(hits, form.grades, strict=True)}
    searches = dict.fromkeys(" ".join(search.split()) for search in form.searches)
    return Grade(verdict, "model", relevance=relevance, searches=tuple(filter(None, searches))[:_QUERIES])


def _messages(state: TurnState, hits: Sequence[ScoredChunk]) -> tuple[Message, ...]:
    blocks = [prompts.block(passage) for passage in numbered(hits)]
    earlier = "".join(f"\nAsked before it: {question}" for question in state.leans_on if not state.queries)
    return (
        Message("system", _PROMPT),
        Message("user", f"{prompts.quoted(blocks)}\n\nQuestion: {state.asked}{earlier}"),
    )
