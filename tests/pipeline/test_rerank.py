"""Another order of the passages: by a reranker, by a model, by a team's rules; where that fails, the search's own."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sitechat.errors import SettingsError
from sitechat.events import Notice, Status
from sitechat.pipeline.ranking_rules import RankingRules, load_rules
from sitechat.pipeline.rerank import Reranking
from sitechat.pipeline.sentences import graded_by_sentences
from sitechat.pipeline.state import TurnState
from sitechat.storage.values import Chunk, KnowledgeBase
from tests.pipeline.asking import Asking
from vectorstore.base import RerankError

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "ranking.toml"
QUESTION = "How long are copies of backups kept?"


class Fixed:
    """A reranker to which texts that hold ``favourite`` fit best."""

    spec = "cross-encoder/fixed"

    def __init__(self, favourite: str, *, fails: bool = False) -> None:
        self._favourite = favourite
        self._fails = fails
        self.asked: list[str] = []

    def start(self) -> None:
        return None

    async def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        if self._fails:
            raise RerankError("The reranker is away.")
        self.asked = [query, *texts]
        return [0.9 if self._favourite in text else 0.1 for text in texts]

    async def close(self) -> None:
        return None


def titles(state: TurnState) -> list[str]:
    return [hit.chunk.title for hit in state.hits]


def grading(asking: Asking) -> list[str]:
    return [event.message for event in asking.events if isinstance(event, Status) and event.step == "grading"]


async def ask(asking: Asking, ranking: Reranking | None, reply: str | None = None) -> TurnState:
    asking.tools = replace(asking.tools, reranking=ranking)
    return await asking.ask(QUESTION, {"rerank": [reply]} if reply is not None else {})


async def test_nothing_is_done_where_nothing_is_set(asking: Asking) -> None:
    state = await ask(asking, None)
    assert all(hit.found.rerank is None for hit in state.candidates)
    assert "Ranking results" not in grading(asking)


async def test_a_reranker_decides_the_order_and_leaves_the_scores(asking: Asking) -> None:
    before = await ask(asking, None)
    reranker = Fixed("administrator")
    state = await ask(asking, Reranking(reranker))
    assert titles(before)[0] == "backups.md"
    assert titles(state) == ["install.md", *(title for title in titles(before) if title != "install.md")]
    assert state.candidates == state.hits
    assert reranker.asked[0] == QUESTION
    assert "backups.md. Backups run every night" in reranker.asked[1], "it reads the title, too"
    assert {hit.chunk.id: hit.score for hit in state.hits} == {hit.chunk.id: hit.score for hit in before.hits}
    assert [hit.found.rerank for hit in state.hits] == [0.9, 0.1, 0.1]
    assert grading(asking)[:2] == ["Ranking results"] * 2, "before the passages are judged"


async def test_without_a_model_the_quotes_are_of_the_passages_that_rank_first(asking: Asking) -> None:
    for number in range(6):
        text = f"Copies of backups are kept for {number + 2} weeks in cellar number {number}."
        await asking.shop.add(asking.tools.indexes, f"cellar-{number}.md", text)
    unranked = await asking.ask(QUESTION)
    last = min(unranked.candidates, key=lambda hit: hit.score if "cellar" in hit.chunk.uri else 9)
    asking.tools = replace(asking.tools, reranking=Reranking(Fixed(last.chunk.text)))
    found = await graded_by_sentences(unranked, asking.tools, (await asking.ask(QUESTION)).hits, depth=1)
    assert [quote.text for quote in found.quotes or ()] == [last.chunk.text]


async def test_a_reranker_that_fails_leaves_the_order_and_is_told_of(asking: Asking) -> None:
    before = await ask(asking, None)
    state = await ask(asking, Reranking(Fixed("administrator", fails=True)))
    assert titles(state) == titles(before)
    (notice,) = [e for e in asking.events if isinstance(e, Notice)]
    assert notice.kind == "degraded"
    assert "as the search found them" in notice.message
    assert state.citations


@pytest.mark.parametrize(
    ("ranking", "order"),
    [
        ([3, 1, 2], [2, 0, 1]),
        ([3], [2, 0, 1]),
        ([2, 2, 99, -1, 0, 3], [1, 2, 0]),
        ([], [0, 1, 2]),
    ],
)
async def test_a_model_puts_passages_in_order_by_their_numbers(
    asking: Asking, ranking: list[int], order: list[int]
) -> None:
    before = titles(await ask(asking, None))
    state = await ask(asking, Reranking(by_model=True), json.dumps({"ranking": ranking}))
    assert titles(state) == [before[place] for place in order]
    request = next(request for request in asking.model.requests if request.purpose == "rerank")
    assert request.messages[-1].content.count("<passage ") == 3
    assert request.messages[-1].content.endswith(f"<question>\n{QUESTION}\n</question>")


@pytest.mark.parametrize("reply", ["The best is 2.", '{"ranking": "2"}', ""])
async def test_a_model_s_nonsense_leaves_the_order(asking: Asking, reply: str) -> None:
    before = titles(await ask(asking, None))
    assert titles(await ask(asking, Reranking(by_model=True), reply)) == before


async def test_without_a_model_there_is_no_order_by_one(asking: Asking) -> None:
    asking.tools = replace(asking.tools, reranking=Reranking(by_model=True))
    state = await asking.ask(QUESTION)
    assert state.citations
    assert asking.model.requests == []


async def test_rules_are_added_to_whatever_ranks(asking: Asking) -> None:
    boosted = RankingRules.model_validate({"boost": [{"prefixes": ["refunds"], "by": 1.0}]})
    assert titles(await ask(asking, Reranking(rules=boosted)))[0] == "refunds.md"
    both = await ask(asking, Reranking(Fixed("administrator"), rules=boosted))
    assert titles(both) == ["refunds.md", "install.md", "backups.md"]


def test_what_ranks_otherwise_makes_other_answers() -> None:
    """So that none that was given before is given again for it."""
    rules = load_rules(EXAMPLE)
    ways = [Reranking(), Reranking(Fixed("a")), Reranking(by_model=True), Reranking(rules=rules)]
    assert len({way.spec for way in ways}) == len(ways)
    assert Reranking(rules=rules).spec == Reranking(rules=load_rules(EXAMPLE)).spec


NOW = datetime(2026, 6, 1, tzinfo=UTC)
BASE = KnowledgeBase("b", "Intranet", "", "local", (), (), 1, 1, NOW, NOW)


def chunk(uri: str, days_ago: float = 0) -> Chunk:
    changed = NOW - timedelta(days=days_ago)
    return Chunk(1, "d", "b", 0, 0, 4, "Text", (), None, "Title", uri, "text/plain", NOW, "", changed)


@pytest.mark.parametrize(
    ("uri", "days", "question", "added"),
    [
        ("handbook/holidays.md", 0, "When?", 0.15),
        ("https://docs.example.org/archive/2019", 0, "When?", -0.3),
        ("https://example.org/news/today", 0, "When?", 0.2),
        ("https://example.org/news/old", 90, "When?", 0.1),
        ("https://example.org/news/older", 180, "When?", 0.05),
        ("https://example.org/news/tomorrow", -5, "When?", 0.2),
        ("https://example.org/pricing", 0, "When?", 0.0),
        ("https://example.org/pricing", 0, "What are the prices?", 10.0),
        ("https://example.org/about", 0, "What are the prices?", 0.0),
    ],
)
def test_the_example_does_what_it_says(uri: str, days: float, question: str, added: float) -> None:
    rules = load_rules(EXAMPLE)
    assert rules.adds(chunk(uri, days), BASE, question, NOW) == pytest.approx(added)


def test_a_rule_for_one_knowledge_base_holds_there_only() -> None:
    archive = chunk("https://docs.example.org/archive/2019")
    assert load_rules(EXAMPLE).adds(archive, replace(BASE, name="Public"), "When?", NOW) == 0


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[[boost]]\nprefixes = ['a']\nby = 0.1\n[[boost]]\nprefixes = ['b']\nby = 7", r"boost 2, by: .*less than"),
        ("[[boost]]\nby = 0.1", "boost 1, prefixes: Field required"),
        ("[[freshness]]\nhalf_life_days = 0\nby = 0.1", "freshness 1, half_life_days"),
        ("[[pinned]]\nprefixes = ['a']", "pinned: Extra inputs"),
        ("[[boost]\n", "cannot be read"),
    ],
)
def test_rules_that_make_no_sense_say_where(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(content)
    with pytest.raises(SettingsError, match=complaint):
        load_rules(path)


def test_rules_that_are_not_there_name_the_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="SITECHAT_RANKING_RULES"):
        load_rules(tmp_path / "none.toml")
