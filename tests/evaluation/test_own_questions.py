"""A knowledge base asked about itself, on its live index."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sitechat.errors import Unavailable
from sitechat.evaluation.outcome import Outcome
from sitechat.evaluation.own_questions import prepared
from sitechat.evaluation.record import record
from sitechat.evaluation.report import ANSWERED, REMOVED, report
from sitechat.identity import LOCAL
from sitechat.pipeline.ranking_rules import RankingRules
from sitechat.pipeline.rerank import Reranking
from sitechat.runtime import Runtime
from sitechat.settings import Settings
from sitechat.storage.values import KnowledgeBase
from tests.evaluation.outcomes import asked

PAGES = {
    "kettle": "# Kettle\n\nThe warranty of the kettle lasts for three years. Anna Berg designed it in 1987.\n",
    "mill": "# Mill\n\nThe old mill stands by the river Stour. The mill was built in 1782 by the Harlow family.\n",
    "otter": "# Otters\n\nOtters hold hands while they sleep. The sea otter weighs up to 45 kilograms.\n",
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    runtime = Runtime.open(Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("data"), sample=False))
    runtime.call(runtime.indexes.ready(), timeout=300)
    yield runtime
    runtime.close()


@pytest.fixture(scope="module")
def base(engine: Runtime, tmp_path_factory: pytest.TempPathFactory) -> KnowledgeBase:
    folder = tmp_path_factory.mktemp("pages")
    for name, content in PAGES.items():
        (folder / f"{name}.md").write_text(content)
    made = engine.call(engine.knowledge.create(LOCAL, "Things"))
    job = engine.call(engine.ingestion.add_paths(LOCAL, made.id, [Path(folder)]))
    for _ in engine.records(LOCAL, job):
        pass
    engine.call(engine.indexes.catch_up(), timeout=300)
    return engine.call(engine.knowledge.get(LOCAL, made.id))


def test_questions_are_made_asked_and_judged_without_a_model(engine: Runtime, base: KnowledgeBase) -> None:
    examination, questions = engine.call(prepared(engine, LOCAL, base, model="extractive", limit=12), timeout=60)
    assert 3 <= len(questions) <= 12
    assert {question.answerable for question in questions} == {True, False}
    assert all(question.relevant for question in questions if question.answerable)
    assert all(not question.relevant for question in questions if not question.answerable)
    _, again = engine.call(prepared(engine, LOCAL, base, model="extractive", limit=12), timeout=60)
    assert again == questions

    async def ask() -> list[Outcome]:
        return [outcome async for outcome in examination.ask_all(questions)]

    outcomes = engine.call(ask(), timeout=300)
    run = record(engine, LOCAL, base.name, outcomes, model="extractive", knowledge_base_id=base.id)
    found = report(run)
    assert found.failed == 0
    assert found.retrieval["recall@5"] == 1.0
    assert found.answers[ANSWERED] > 0.5
    assert found.answers[REMOVED] > 0.5
    assert run.head.settings["search model"] == engine.settings.embedding
    assert run.head.measured == found.values()


def test_what_passages_are_ranked_by_is_among_the_settings(engine: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two evaluations that ranked otherwise were not made with the same settings."""
    boosts = [RankingRules.model_validate({"boost": [{"prefixes": ["mill"], "by": by}]}) for by in (0.1, 0.2)]
    ways = [None, Reranking(by_model=True), *(Reranking(rules=rules) for rules in boosts)]
    named = []
    for way in ways:
        monkeypatch.setattr(engine, "reranking", way)
        run = record(engine, LOCAL, "Things", [Outcome(asked("a"), ("a",))], model=None)
        named.append(run.head.settings["ranked by"])
    assert named[:2] == ["nothing", "model"]
    assert len(set(named)) == len(ways)
    assert all(len(name) < 20 for name in named), "it is read by people"


def test_a_knowledge_base_of_nothing_says_so(engine: Runtime) -> None:
    empty = engine.call(engine.knowledge.create(LOCAL, "Empty"))
    with pytest.raises(Unavailable, match="No questions can be made from “Empty”"):
        engine.call(prepared(engine, LOCAL, empty, model="extractive"), timeout=60)
