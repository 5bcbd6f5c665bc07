"""What giving an answer again costs and saves, and how surely two questions are told to be the same.

``python -m benchmarks.answer_cache [--set DIR]``: DIR is a question set in the form of ``sitechat eval``.
"""

import argparse
import asyncio
import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import Any

import numpy as np

from sitechat.chat.same_question import NEAR, meaning, wording
from sitechat.events import Answered, Status
from sitechat.identity import LOCAL
from sitechat.ingestion.sample import QUESTIONS
from sitechat.runtime import Runtime
from sitechat.settings import DEFAULT_EMBEDDING, Settings
from vectorstore.base import Vectors
from vectorstore.embeddings.factory import EmbeddingOptions, create_embedder

THRESHOLDS = (0.9, 0.94, 0.96, 0.98)
_ROUNDS = 30
_REWORDED = 500
_REWORDINGS: dict[str, Callable[[str], str]] = {
    "Please tell me …": lambda text: f"Please tell me {text[0].lower()}{text[1:]}",
    "Hi! Can you tell me …": lambda text: f"Hi! Can you tell me {text[0].lower()}{text[1:]}",
    "Do you know …": lambda text: f"Do you know {text[0].lower()}{text[1:]}",
    "…, please?": lambda text: f"{text.rstrip('? ')}, please?",
    "no articles": lambda text: re.sub(r"\b(?:the|an?) ", "", text),
    "What's for What is": lambda text: text.replace("What is", "What's"),
    "Which for What": lambda text: re.sub(r"^What", "Which", text),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", type=Path, help="folder with queries.jsonl")
    options = parser.parse_args()
    print(asked_again())
    if options.set is not None:
        print(told_apart(options.set))


def asked_again() -> str:
    """The sample's questions, each asked anew and again, without a key: the quickest answers there are."""
    with tempfile.TemporaryDirectory() as folder:
        engine = Runtime.open(Settings(data_dir=Path(folder), llm="extractive", _env_file=None))
        try:
            base = engine.call(engine.knowledge.visible(LOCAL))[0]
            for job in engine.call(engine.ingestion.progress(LOCAL, base.id)):
                for _ in engine.records(LOCAL, job.id):
                    pass
            _ask(engine, base.id, "Is the search model loaded?")
            anew = [_ask(engine, base.id, question) for question in QUESTIONS]
            again = [_ask(engine, base.id, question) for _ in range(_ROUNDS) for question in QUESTIONS]
        finally:
            engine.close()
    assert [cached for _, cached, _ in again] == [True] * len(again)
    rows = (
        ("anew, quoted without a key", [ms for ms, _, _ in anew]),
        ("again", [ms for ms, _, _ in again]),
        ("finding it, of that", [step for _, _, step in again]),
    )
    lines = [f"| {name} | {median(ms):.1f} | {quantiles(ms, n=20)[-1]:.1f} |" for name, ms in rows]
    return "\n".join(["| A question asked | p50 ms | p95 ms |", "| --- | --- | --- |", *lines, ""])


def _ask(engine: Runtime, base: str, question: str) -> tuple[float, bool, float]:
    """Milliseconds until the answer was stored, whether it was given again, and those of finding it."""

    async def run() -> tuple[float, bool, float]:
        begun = perf_counter()
        turn = await engine.chat.ask(LOCAL, question, knowledge_base_id=base)
        finding, cached = 0.0, False
        async for event in engine.chat.watch(LOCAL, turn.id):
            if isinstance(event, Status) and event.step == "cached" and event.detail:
                finding = float(str(event.detail["ms"]))
            cached = isinstance(event, Answered) and event.metadata.cached
        return (perf_counter() - begun) * 1000, cached, finding

    return engine.call(run(), timeout=300)


def told_apart(folder: Path) -> str:
    """Pairs of questions about one text, by what tells them to be the same."""
    lines = (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    questions: list[dict[str, Any]] = [json.loads(line) for line in lines]
    texts = [question["text"] for question in questions]
    kinds: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for one, other in _pairs(questions):
        kinds[_kind(questions[one], questions[other])].append((one, other))
    vectors = asyncio.run(_embedded(texts))
    header = ["Pairs", "in all", *(f"cosine ≥ {near:.2f}" for near in THRESHOLDS), "same words", "both"]
    rows = ["| " + " | ".join(header) + " |", "| --- " * len(header) + "|"]
    for kind, pairs in sorted(kinds.items()):
        cosines = np.array([vectors[one] @ vectors[other] for one, other in pairs])
        words = np.array([meaning(texts[one]) == meaning(texts[other]) for one, other in pairs])
        counts = [(cosines >= near).sum() for near in THRESHOLDS]
        cells = [kind, len(pairs), *counts, words.sum(), (words & (cosines >= NEAR)).sum()]
        rows.append("| " + " | ".join(f"{cell}" for cell in cells) + " |")
    return "\n".join([*rows, "", _reworded([q["text"].strip() for q in questions if q["answerable"]][:_REWORDED])])


def _pairs(questions: Sequence[dict[str, Any]]) -> Iterator[tuple[int, int]]:
    """Of questions about one text, at least one of which it answers, that are not written alike."""
    about: dict[str, list[int]] = defaultdict(list)
    for place, question in enumerate(questions):
        about[question["about"]].append(place)
    for places in about.values():
        for one, other in combinations(places, 2):
            here, there = questions[one], questions[other]
            if (here["answerable"] or there["answerable"]) and wording(here["text"]) != wording(there["text"]):
                yield one, other


def _kind(one: dict[str, Any], other: dict[str, Any]) -> str:
    if not (one["answerable"] and other["answerable"]):
        return "one twisted to have no answer"
    plain = [{re.sub(r"\W+", " ", answer.lower()).strip() for answer in each["answers"]} for each in (one, other)]
    return "the same answer" if plain[0] & plain[1] else "other answers"


def _reworded(texts: Sequence[str]) -> str:
    rows = ["| Reworded | questions | found again |", "| --- | --- | --- |"]
    for name, reword in _REWORDINGS.items():
        changed = [(text, reword(text)) for text in texts if reword(text) != text]
        vectors = asyncio.run(_embedded([text for pair in changed for text in pair]))
        near = (vectors[::2] * vectors[1::2]).sum(axis=1) >= NEAR
        same = np.array([meaning(before) == meaning(after) for before, after in changed])
        rows.append(f"| {name} | {len(changed)} | {(near & same).mean():.1%} |")
    return "\n".join(rows)


async def _embedded(texts: Sequence[str]) -> Vectors:
    embedder = create_embedder(DEFAULT_EMBEDDING, EmbeddingOptions())
    await embedder.load()
    try:
        return await embedder.embed(texts, "query")
    finally:
        await embedder.close()


if __name__ == "__main__":
    main()
