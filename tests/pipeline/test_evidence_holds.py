"""Whatever the documents and the models say: quotes are literal, and a refusal has no evidence."""

import asyncio
import tempfile
from pathlib import Path
from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from providers.base import NoAnswerDelta, TextDelta
from providers.extractive import Extractive
from providers.scripted import Scripted, Step
from sitechat.events import Citation, Event, Token
from sitechat.identity import LOCAL
from sitechat.indexes.service import Indexes
from sitechat.pipeline.answer import REFUSAL, answer
from sitechat.pipeline.run import run
from sitechat.pipeline.state import ScoredChunk, Tools, TurnState
from sitechat.storage.knowledge import KnowledgeStore
from tests.pipeline.test_made_questions import chunk
from tests.support.shop import Shop

SENTENCES = (
    "Plums keep for a week in the cellar.",
    "- The archive was opened on 3 May 1994.[12]",
    "## Where is the archive?",
    "It is in Leeds; see `archive[2]` for more.",
    "| Fruit | Days |\n| Plums | 7 |",
    "Dr. Smith et al. wrote “Plums & figs” in 1931…",
    "```\nkeep(days=7)\n```",
    "Die Pflaumen bleiben eine Woche im Keller.",
    "梅子在地窖里可以放一周。",
    "Plums  keep   for\na fortnight in\tthe loft.",
    "Are plums kept in the cellar? They are kept there for a week.",
)
QUESTIONS = (
    "How long do plums keep in the cellar?",
    "When was the archive opened?",
    "Where is the archive?",
    "Who wrote about plums and figs in 1931?",
    "What do plums not do in the loft?",
)
JOINS = ("\n\n", "\n", " ")


@settings(max_examples=25, deadline=None)
@given(
    texts=st.lists(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=6, unique=True), min_size=1, max_size=3),
    join=st.sampled_from(JOINS),
    question=st.sampled_from(QUESTIONS),
)
def test_every_quote_is_in_its_document_at_its_place(texts: list[list[str]], join: str, question: str) -> None:
    asyncio.run(_ask([join.join(parts) for parts in texts], question))


async def _ask(texts: list[str], question: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with Shop.made(Path(folder)) as shop:
            indexes = shop.open()
            await indexes.ready()
            for number, text in enumerate(texts):
                await shop.add(indexes, f"{number}.md", text)
            state = TurnState(LOCAL, question, knowledge_base=await shop.knowledge.get(LOCAL, shop.base_id))
            events = [event async for event in run(state, Tools(indexes, shop.knowledge, Extractive(), 8, 500))]
            for citation in state.citations:
                text = await shop.knowledge.text(LOCAL, citation.document_id)
                assert text[citation.start : citation.end] == citation.quote
                assert citation.quote.strip()
            assert state.refused == (not state.citations)
            assert [event for event in events if isinstance(event, Citation)] == state.citations
            await indexes.close()


PIECES = st.one_of(
    st.sampled_from(
        ["NO_ANSWER", "NO_", "ANSWER", ".", "\n", " ", "Plums keep a week", " [1]", "[1", "].", "[7]", ""]
    ).map(TextDelta),
    st.just(NoAnswerDelta(0.1)),
)


@given(st.lists(PIECES, min_size=1, max_size=8))
def test_a_refusal_never_carries_evidence(script: list[Step]) -> None:
    state = TurnState(LOCAL, "How long?", hits=(ScoredChunk(chunk("Plums keep for a week."), 1.0),))
    events = asyncio.run(_answer(state, script))
    said = "".join(event.text for event in events if isinstance(event, Token))
    assert said == state.content
    if state.refused:
        assert said == REFUSAL
        assert not state.citations
        assert not any(isinstance(event, Citation) for event in events)
    else:
        assert REFUSAL not in said


async def _answer(state: TurnState, script: list[Step]) -> list[Event]:
    nothing = cast("Indexes", None)
    tools = Tools(nothing, cast("KnowledgeStore", None), Scripted([*script, TextDelta("The end.")]), 8, 500)
    return [event async for event in answer(state, tools)]
