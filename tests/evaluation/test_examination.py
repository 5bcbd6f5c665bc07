"""Questions go through the real pipeline; those that cannot be asked are told of, and many of them in a row end it."""

from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from providers.base import TextDelta
from providers.errors import ProviderUnavailable
from providers.scripted import Fail, Play, Scripted
from sitechat.errors import SiteChatError
from sitechat.evaluation.examination import FAILURES, Examination, Texts
from sitechat.evaluation.outcome import Outcome
from sitechat.evaluation.question_set import Question
from sitechat.identity import LOCAL
from sitechat.pipeline.state import Tools
from tests.evaluation.outcomes import asked
from tests.support.shop import Shop

BUSY: Play = [Fail(ProviderUnavailable("Down."))]
ANSWER: Play = [TextDelta("By the river Stour [1].")]


class Desk:
    """A knowledge base of two pages, and examinations of it with a scripted model."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.indexes = shop.open()

    async def ask(
        self, questions: Sequence[Question], *plays: Play, articles: dict[str, str] | None = None
    ) -> list[Outcome]:
        base = await self.shop.knowledge.get(LOCAL, self.shop.base_id)
        passages = await self.shop.knowledge.chunk_ids(LOCAL, base.id)
        texts = Texts({"mill.md": "mill", "bread.md": "bread"}, passages, articles)
        examination = Examination(
            LOCAL, base, Tools(self.indexes, self.shop.knowledge, Scripted(*plays), 8, 1000), texts
        )
        return [outcome async for outcome in examination.ask_all(questions)]


@pytest_asyncio.fixture
async def desk(shop: Shop) -> AsyncIterator[Desk]:
    made = Desk(shop)
    await made.indexes.ready()
    await shop.add(made.indexes, "mill.md", "The old mill stands by the river Stour.", "Its wheel is of oak.")
    await shop.add(made.indexes, "bread.md", "Rye bread needs a night of rest.")
    yield made
    await made.indexes.close()


async def test_what_was_ranked_answered_and_cited_is_kept(desk: Desk) -> None:
    question = asked("the old mill by the river", relevant=("mill",))
    (outcome,) = await desk.ask([question], ANSWER)
    assert outcome.ranked == ("mill", "bread")
    assert outcome.reply is not None
    assert (outcome.reply.content, outcome.reply.cited, outcome.reply.words) == (
        "By the river Stour [1].",
        ("mill",),
        4,
    )
    assert sum(outcome.reply.support.values()) == 1
    assert "retrieving" in outcome.milliseconds
    assert outcome.without is not None
    assert outcome.without.cited == ()  # a mark that what was left does not support is taken away


async def test_without_an_article_none_of_its_texts_is_found(desk: Desk) -> None:
    question = asked("the old mill by the river", relevant=("mill",))
    (outcome,) = await desk.ask([question], ANSWER, articles={"mill": "Country life", "bread": "Country life"})
    assert outcome.without is not None
    assert outcome.without.refused
    assert outcome.reply is not None
    assert not outcome.reply.refused


async def test_a_question_that_cannot_be_asked_does_not_end_it(desk: Desk) -> None:
    questions = [asked(f"mill {number}", answerable=False) for number in range(3)]
    first, second, third = await desk.ask(questions, ANSWER, BUSY, ANSWER)
    assert (first.error, third.error) == ("", "")
    assert second.error == "Down."
    assert second.reply is None


async def test_many_in_a_row_end_it_with_the_reason(desk: Desk) -> None:
    questions = [asked(f"mill {number}", answerable=False) for number in range(FAILURES + 1)]
    with pytest.raises(SiteChatError, match=r"Down\."):
        await desk.ask(questions, BUSY)
