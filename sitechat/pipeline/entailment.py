"""A language model's judgement, in one call, whether sentences follow from passages."""

import json
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, Field

from providers.base import Message, Passage
from sitechat.pipeline.advisor import Advisor
from sitechat.pipeline.claims import Claim
from sitechat.pipeline.prompts import QUOTATIONS, block, quoted
from sitechat.pipeline.state import TurnState
from sitechat.pipeline.support import Source

SECONDS = 10.0
MOST_CLAIMS = 24
_MAX_OUTPUT_TOKENS = 2_000
"""Sentences, and what rulings on all of them take."""
_MOST_CHARACTERS = 24_000
"""Of passages."""
_PROMPT = f"""You check sentences of an answer against numbered passages.

{QUOTATIONS} So are the sentences.
For each sentence decide by the passages alone: "supported" if what it states follows from them, "partly" if only a
part of it does, "unsupported" if it does not follow or they say otherwise. Other wording is fine; a changed number,
name, date or negation, or exchanged roles are not. "passage" is the number of the one that supports it best, or null.
Reply with JSON alone, one ruling for each sentence:
{{"rulings": [{{"sentence": 1, "verdict": "supported", "passage": 2}}]}}"""


class Ruling(BaseModel):
    sentence: int
    verdict: Literal["supported", "partly", "unsupported"]
    passage: int | None = None


class _Rulings(BaseModel):
    rulings: list[Ruling] = Field(max_length=4 * MOST_CLAIMS)


async def rule(
    advisor: Advisor, state: TurnState, claims: Mapping[int, Claim], sources: Sequence[Source]
) -> dict[int, Ruling]:
    """Rulings by the keys of ``claims``; none where the model does not help."""
    asked = dict(list(claims.items())[:MOST_CLAIMS])
    shown = _within(sources)
    sentences = [{"sentence": number, "text": claim.heard} for number, claim in enumerate(asked.values(), 1)]
    passages = quoted([block(Passage(s.number, s.title, "", s.chunk.text, 0.0)) for s in shown])
    messages = (
        Message("system", _PROMPT),
        Message("user", f"{passages}\n\nSentences:\n\n{json.dumps(sentences, ensure_ascii=False)}"),
    )
    said = await advisor.ask(state, "verify", messages, _Rulings, seconds=SECONDS, max_output_tokens=_MAX_OUTPUT_TOKENS)
    if said is None:
        return {}
    keys, known = list(asked), {source.number for source in shown}
    return {
        keys[ruling.sentence - 1]: ruling if ruling.passage in known else ruling.model_copy(update={"passage": None})
        for ruling in said.rulings
        if 1 <= ruling.sentence <= len(keys)
    }


def _within(sources: Sequence[Source]) -> list[Source]:
    """As many as there is room for, from the first."""
    shown: list[Source] = []
    room = _MOST_CHARACTERS
    for source in sources:
        room -= len(source.chunk.text)
        if room < 0 and shown:
            break
        shown.append(source)
    return shown
