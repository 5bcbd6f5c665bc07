"""Questions about our own documentation, asked of the real engine: is the right passage found, the rest refused?

``python -m benchmarks.retrieval_eval [--verbose]`` reads README and docs into a fresh knowledge base, asks the
questions of ``examples/eval/questions.jsonl`` without a key, and prints what came of them.
"""

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import clean_environment
from sitechat.identity import LOCAL
from sitechat.pipeline.run import run
from sitechat.pipeline.state import TurnState
from sitechat.runtime import Runtime
from sitechat.settings import Settings
from sitechat.storage.values import KnowledgeBase

ROOT = Path(__file__).resolve().parent.parent
QUESTIONS = ROOT / "examples" / "eval" / "questions.jsonl"
INGEST_SECONDS = 600.0


@dataclass(frozen=True)
class Question:
    """``document`` and ``contains`` tell the passage that answers it; None where nothing does."""

    question: str
    document: str | None
    contains: str = ""


@dataclass(frozen=True)
class Outcome:
    """``rank`` of the first right passage, from 1; None where it was not among those given to the model."""

    asked: Question
    rank: int | None
    refused: bool
    answer: str

    @property
    def right(self) -> bool:
        """Answered what is answered there, refused what is not."""
        return self.refused == (self.asked.document is None)


def questions(path: Path = QUESTIONS) -> list[Question]:
    return [Question(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def read_documentation(engine: Runtime) -> KnowledgeBase:
    """README and docs in a knowledge base, ready to be asked."""
    base = engine.call(engine.knowledge.create(LOCAL, "Documentation"))
    files = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    job = engine.call(engine.ingestion.add_paths(LOCAL, base.id, files))
    for _ in engine.records(LOCAL, job):
        pass
    engine.call(engine.indexes.ready(), timeout=INGEST_SECONDS)
    engine.call(engine.indexes.catch_up(), timeout=INGEST_SECONDS)
    return engine.call(engine.knowledge.get(LOCAL, base.id))


async def ask(engine: Runtime, base: KnowledgeBase, asked: Question) -> Outcome:
    """One question through the real pipeline, quoted and not written."""
    state = TurnState(LOCAL, asked.question, knowledge_base=base)
    async for _ in run(state, engine.tools("extractive")):
        pass
    ranks = (rank for rank, hit in enumerate(state.hits, 1) if asked.document and asked.contains in hit.chunk.text)
    return Outcome(asked, next(ranks, None), state.refused, state.content)


def evaluate() -> list[Outcome]:
    with clean_environment(), tempfile.TemporaryDirectory() as folder:
        settings = Settings(_env_file=None, data_dir=Path(folder) / "data", sample=False, log_level="ERROR")
        engine = Runtime.open(settings)
        try:
            base = read_documentation(engine)
            return [engine.call(ask(engine, base, each), timeout=120) for each in questions()]
        finally:
            engine.close()


def summary(outcomes: list[Outcome]) -> dict[str, str]:
    answerable = [outcome for outcome in outcomes if outcome.asked.document]
    others = [outcome for outcome in outcomes if not outcome.asked.document]
    return {
        "Right passage first": _share(sum(outcome.rank == 1 for outcome in answerable), len(answerable)),
        "Right passage in the first five": _share(
            sum((outcome.rank or 9) <= 5 for outcome in answerable), len(answerable)
        ),
        "Answerable and answered": _share(sum(outcome.right for outcome in answerable), len(answerable)),
        "Unanswerable and refused": _share(sum(outcome.right for outcome in others), len(others)),
    }


def _share(count: int, of: int) -> str:
    return f"{count} of {of} ({count / of:.0%})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--verbose", action="store_true", help="print every answer")
    verbose = parser.parse_args().verbose
    outcomes = evaluate()
    for outcome in outcomes:
        if verbose or not outcome.right or (outcome.asked.document and (outcome.rank or 9) > 5):
            verdict = "refused" if outcome.refused else "answered"
            print(f"{verdict:9} rank {outcome.rank or '-'}  {outcome.asked.question}")
            print(f"          {' '.join(outcome.answer.split())[:300]}")
    print()
    for label, value in summary(outcomes).items():
        print(f"{label:34} {value}")


if __name__ == "__main__":
    main()
