"""Questions that a language model writes about a knowledge base's own passages."""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence

from pydantic import BaseModel, Field

from providers.base import Message, Passage
from sitechat.pipeline.advisor import Advisor
from sitechat.pipeline.made_questions import MadeQuestion
from sitechat.pipeline.prompts import QUOTATIONS, block, quoted
from sitechat.pipeline.state import TurnState, section
from sitechat.storage.values import Chunk

_LEAST_CHARACTERS = 200
"""A shorter passage rarely says anything that one would ask for."""
_PROMPT = f"""You write questions for testing a search engine.

{QUOTATIONS}
Write one question that a person who has not seen the passage might ask and that the passage answers. It must be clear
without the passage, and in the passage's language; use other words than the passage where you can. Reply with JSON
alone: {{"question": "…", "answer": "the shortest words of the passage that answer it, copied exactly"}}"""


class _Written(BaseModel):
    question: str = Field(min_length=8, max_length=300)
    answer: str = Field(min_length=1, max_length=300)


async def written_questions(
    advisor: Advisor, state: TurnState, chunks: Sequence[Chunk], count: int, *, seed: int = 0
) -> list[MadeQuestion]:
    """Up to ``count`` questions, one of a passage, spread over the documents; fewer where the model does not help.

    Only those whose answer is literally in their passage. What the model cost is added to ``state``.
    """
    made: list[MadeQuestion] = []
    for chunk in _spread(chunks, count, seed):
        passage = Passage(1, chunk.title, section(chunk.title, chunk.heading_path), chunk.text, 0.0)
        asked = (Message("system", _PROMPT), Message("user", quoted([block(passage)])))
        written = await advisor.ask(state, "question", asked, _Written)
        if written is not None and written.answer in chunk.text:
            question = " ".join(written.question.split())
            made.append(MadeQuestion(question, "model", chunk.uri, (chunk.id,), (written.answer,)))
    return made


def _spread(chunks: Sequence[Chunk], count: int, seed: int) -> Iterator[Chunk]:
    """Passages of every document in turn, both in an order drawn by lot."""
    order = random.Random(seed)  # noqa: S311  a repeatable choice, not a secret
    piles: dict[str, list[Chunk]] = defaultdict(list)
    for chunk in chunks:
        if len(chunk.text) >= _LEAST_CHARACTERS:
            piles[chunk.uri].append(chunk)
    names = sorted(piles)
    order.shuffle(names)
    for name in names:
        order.shuffle(piles[name])
    taken = 0
    while taken < count and any(piles.values()):
        for name in names:
            if piles[name] and taken < count:
                taken += 1
                yield piles[name].pop()
