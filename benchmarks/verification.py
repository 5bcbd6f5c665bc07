"""What checking the sentences of an answer catches, without a language model, on errors planted into true sentences.

``python -m benchmarks.verification FOLDER… [--each 100] [--words]`` takes question sets, plants errors
(:mod:`benchmarks.planted`), gives each sentence as an answer that cites one passage to the verifying step, and prints
how many are marked *weak* or *unsupported*. ``--words`` leaves the search model out.
"""

import argparse
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from benchmarks.planted import Case, plant
from benchmarks.servers import clean_environment
from sitechat.evaluation.question_set import Text, load_set
from sitechat.identity import LOCAL
from sitechat.pipeline.evidence import best_span, citation_of
from sitechat.pipeline.state import ScoredChunk, Tools, TurnState
from sitechat.pipeline.verify import verify
from sitechat.runtime import Runtime
from sitechat.settings import Settings
from sitechat.storage.values import Chunk

_LOADING = 600.0
_BATCH = 50
BARS = {
    "foreign": 0.98,
    "number": 0.82,
    "date": 0.82,
    "name": 0.88,
    "negation": 0.85,
    "wrong citation": 0.80,
    "true": {"extract": 0.03, "statement": 0.20},
}
"""Caught at least; of true sentences, marked at most."""


def chunk_of(text: Text, number: int) -> Chunk:
    now = datetime.now(UTC)
    return Chunk(number, text.id, "", 0, 0, len(text.text), text.text, (), None, text.title, text.id, "text/plain", now)


async def checked(case: Case, tools: Tools, others: Iterable[Text] = ()) -> TurnState:
    """The sentence as an answer that cites ``case.cited``; ``others`` were found as well."""
    texts = [case.cited, *others]
    hits = tuple(ScoredChunk(chunk_of(text, number), 1.0) for number, text in enumerate(texts, 1))
    state = TurnState(LOCAL, "?", hits=hits, content=f"{case.sentence} [1]")
    first = hits[0].chunk
    state.citations.append(citation_of(1, first, best_span(case.sentence, first), 1.0))
    async for _ in verify(state, tools):
        pass
    return state


async def judged(cases: list[Case], tools: Tools) -> list[tuple[Case, TurnState, TurnState | None]]:
    """Each case, what came of it, and for a wrong citation what came of it where the right passage was found too."""

    async def one(case: Case) -> tuple[Case, TurnState, TurnState | None]:
        alone = await checked(case, tools)
        return case, alone, await checked(case, tools, [case.right]) if case.right is not None else None

    return [await one(case) for case in cases]


def report(name: str, found: list[tuple[Case, TurnState, TurnState | None]]) -> Iterator[str]:
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for case, alone, helped in found:
        count = counts[case.kind, case.base]
        count["all"] += 1
        support = alone.support[0].support if alone.support else "supported"
        count[support] += 1
        count["corrected"] += helped is not None and [c.chunk_id for c in helped.citations] == [2]
    for (kind, base), count in sorted(counts.items()):
        marked = count["weak"] + count["unsupported"]
        bar = BARS.get(kind)
        wanted = bar[base] if isinstance(bar, dict) else bar
        goal = "" if wanted is None else f"{'≤' if kind == 'true' else '≥'} {wanted:.0%}"
        more = f"{count['corrected'] / count['all']:.1%}" if kind == "wrong citation" else ""
        yield (
            f"| {name} | {kind} | {base} | {count['all']} | {marked / count['all']:.1%} | {goal} "
            f"| {count['unsupported'] / count['all']:.1%} | {more} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--each", type=int, default=100, help="cases of a kind")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--words", action="store_true", help="without the search model")
    options = parser.parse_args()
    print("| set | planted | into | cases | marked | bar | of them unsupported | corrected |")
    print("| --- | --- | --- | ---: | ---: | --- | ---: | ---: |")
    with clean_environment(), tempfile.TemporaryDirectory() as folder:
        engine = Runtime.open(Settings(_env_file=None, data_dir=Path(folder) / "data", sample=False, log_level="ERROR"))
        try:
            if not options.words:
                engine.call(engine.indexes.ready(), timeout=_LOADING)
            sentences, begun = 0, perf_counter()
            for each in options.folders:
                questions = load_set(each)
                cases = plant(questions, options.each, options.seed)
                found: list[tuple[Case, TurnState, TurnState | None]] = []
                for start in range(0, len(cases), _BATCH):
                    found += engine.call(judged(cases[start : start + _BATCH], engine.tools("extractive")), timeout=600)
                sentences += len(cases)
                for line in report(questions.name, found):
                    print(line, flush=True)
            print(f"\n{sentences} sentences, {(perf_counter() - begun) / sentences * 1000:.0f} ms each")
        finally:
            engine.close()


if __name__ == "__main__":
    main()
