"""Finding passages among many, beside what FAISS and tantivy take for themselves.

``python -m benchmarks.retrieval [--passages 10000] [--set FOLDER ...]``

The passages are made of real ones: their vectors with noise added (a cosine of about .8 to the original), their texts
of real sentences drawn anew. They are those of the question sets in the form of `sitechat eval`, else of our own
documentation. Everything is in the database, and both indexes are made from it, as always. On an idle machine only.
"""

import argparse
import asyncio
import json
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import tantivy

from benchmarks.servers import clean_environment
from providers.sentences import split_sentences
from sitechat.evaluation.measures import percentile
from sitechat.evaluation.question_set import CORPUS, QUERIES
from sitechat.identity import LOCAL
from sitechat.indexes.passages import embed
from sitechat.pipeline.retrieve import retrieve
from sitechat.pipeline.search import Reach
from sitechat.pipeline.state import TurnState
from sitechat.runtime import Runtime
from sitechat.settings import Settings
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.values import KnowledgeBase, NewChunk, NewDocument, NewVector
from tests.support.app import ROOT
from vectorstore.analysis import ENGLISH, content_terms
from vectorstore.base import Embedder, Filter, Hit, Vectors
from vectorstore.snapshot import read_snapshot

REAL = 4_000
"""Passages that are embedded; the others are made of them."""
QUESTIONS = 400
CROWD = 20
_NOISE = 0.75
"""Length of the noise beside a vector of length one: a cosine of .8."""
_DOCUMENT = 1_000
_WORDS = 130
_LONG = 7_200.0


@dataclass(frozen=True)
class Material:
    """What everything is made of: ``vectors`` of shape ``(passages, dimension)`` and of shape ``(questions, …)``."""

    sentences: tuple[str, ...]
    vectors: Vectors
    late: tuple[bytes | None, ...]
    questions: tuple[str, ...]
    asked: Vectors


@dataclass(frozen=True)
class Finding:
    """Times are lists of milliseconds, one for each question."""

    passages: int
    whole: list[float]
    without_embedding: list[float]
    dense: list[float]
    raw_faiss: list[float]
    text: list[float]
    raw_tantivy: list[float]
    crowd: list[float]
    recall: float

    def rows(self) -> dict[str, str]:
        return {
            "A question, everything": _spread(self.whole),
            "A question, embedding aside": _spread(self.without_embedding),
            "Dense leg": _spread(self.dense),
            "FAISS itself": _spread(self.raw_faiss),
            "Dense recall@10 against exact search": f"{self.recall:.3f}",
            "Full-text leg": _spread(self.text),
            "tantivy itself": _spread(self.raw_tantivy),
            f"{CROWD} questions at once, everything": _spread(self.crowd),
            "their p95 beside that of one": f"{percentile(self.crowd, 0.95) / percentile(self.whole, 0.95):.1f} times",
        }


def measure(passages: int, sets: Sequence[Path]) -> Finding:
    with clean_environment(), tempfile.TemporaryDirectory() as folder:
        settings = Settings(_env_file=None, data_dir=Path(folder), sample=False, log_level="ERROR")
        engine = Runtime.open(settings)
        try:
            engine.call(engine.indexes.ready(), timeout=_LONG)
            material = engine.call(_material(engine.indexes.embedder, sets), timeout=_LONG)
            base = engine.call(engine.knowledge.create(LOCAL, "Bench"))
            engine.call(_fill(engine, base, material, passages), timeout=_LONG)
            _wait_for_graph()
            engine.call(engine.indexes.save(), timeout=_LONG)
            base = engine.call(engine.knowledge.get(LOCAL, base.id))
            return engine.call(_ask(engine, base, material, Path(folder) / "indexes"), timeout=_LONG)
        finally:
            engine.close()


def _wait_for_graph() -> None:
    for thread in threading.enumerate():
        if thread.name == "faiss-graph":
            thread.join()


# What it is made of


async def _material(embedder: Embedder, sets: Sequence[Path]) -> Material:
    texts, questions = _of_sets(sets) if sets else _of_documentation()
    texts, questions = _some(texts, REAL), _some(questions, QUESTIONS)
    made = await embed(embedder, [("", (), text) for text in texts])
    vectors = np.stack([np.frombuffer(each.vector, "<f4") for each in made])
    asked = await embedder.embed(questions, "query")
    sentences = tuple(text[start:end] for text in texts for start, end in split_sentences(text))
    return Material(sentences, vectors, tuple(each.late for each in made), tuple(questions), asked)


def _of_sets(sets: Sequence[Path]) -> tuple[list[str], list[str]]:
    rows = [[json.loads(line) for path in sets for line in (path / name).open(encoding="utf-8")]
            for name in (CORPUS, QUERIES)]  # fmt: skip
    return [f"{row.get('title') or ''}. {row['text']}" for row in rows[0]], [row["text"] for row in rows[1]]


def _of_documentation() -> tuple[list[str], list[str]]:
    """Sections of the documentation; asked is with the first sentence of each."""
    files = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    texts = [part.strip() for path in files for part in path.read_text(encoding="utf-8").split("\n#") if part.strip()]
    return texts, [text[slice(*split_sentences(text)[0])] for text in texts]


def _some(items: list[str], count: int) -> list[str]:
    """So many, spread over all."""
    distinct = list(dict.fromkeys(items))
    return distinct if len(distinct) <= count else [distinct[i * len(distinct) // count] for i in range(count)]


async def _fill(engine: Runtime, base: KnowledgeBase, material: Material, passages: int) -> None:
    rng = np.random.default_rng(7)
    knowledge = KnowledgeStore(engine.db)
    for begin in range(0, passages, _DOCUMENT):
        count = min(_DOCUMENT, passages - begin)
        name = f"part-{begin}.txt"
        chunks = list(_chunks(material, count, begin, rng))
        new = NewDocument(
            base.id, LOCAL.user_id, ("user:local",), name, name, "text/plain", "0" * 64, "bench", "", (), 0
        )  # fmt: skip
        await knowledge.replace_document(new, chunks, engine.indexes.generation_id)
        if begin % (50 * _DOCUMENT) == 0:
            await engine.indexes.catch_up()
    await engine.indexes.catch_up()


def _chunks(material: Material, count: int, begin: int, rng: np.random.Generator) -> Iterator[NewChunk]:
    numbers = np.arange(begin, begin + count) % len(material.vectors)
    originals = material.vectors[numbers]
    scale = _NOISE / originals.shape[1] ** 0.5
    noisy = originals + rng.standard_normal(originals.shape).astype(np.float32) * scale
    noisy /= np.linalg.norm(noisy, axis=1, keepdims=True)
    for number, vector in zip(numbers, noisy, strict=True):
        text = _text(material.sentences, rng)
        whole = NewVector("chunk", 0, len(text), vector.astype("<f4").tobytes())
        yield NewChunk(0, len(text), text, (), None, (whole,), material.late[number])


def _text(sentences: Sequence[str], rng: np.random.Generator) -> str:
    drawn: list[str] = []
    words = 0
    while words < _WORDS:
        drawn.append(sentences[int(rng.integers(len(sentences)))])
        words += drawn[-1].count(" ") + 1
    return " ".join(drawn)


# Asking


async def _ask(engine: Runtime, base: KnowledgeBase, material: Material, indexes: Path) -> Finding:
    tools = engine.tools("extractive")
    where = Filter(knowledge_base_ids=frozenset({base.id}), principals=LOCAL.principals)
    ask, hits = engine.indexes, Reach().hits

    async def whole(question: str) -> None:
        async for _ in retrieve(TurnState(LOCAL, question, knowledge_base=base), tools):
            pass

    async def dense(question: str, k: int = hits) -> list[Hit]:
        return await ask.dense(await ask.query_vector(question), k, where)

    crowd, alone = (
        material.questions[: len(material.questions) // 2],
        material.questions[len(material.questions) // 2 :],
    )
    at_once = await _crowds(crowd, whole)
    everything = await _each(alone, whole)
    without = await _each(material.questions, whole)  # whose vectors are known by now
    by_meaning = await _each(material.questions, dense)
    by_words = await _each(material.questions, lambda question: ask.full_text(question, hits, where))
    near = [{hit.chunk_id for hit in await dense(question, 10)} for question in material.questions]
    raw, exact = await asyncio.to_thread(_raw_faiss, indexes, material.asked)
    recall = float(np.mean([len(found & set(row)) / len(row) for found, row in zip(near, exact, strict=True)]))
    raw_text = await asyncio.to_thread(_raw_tantivy, indexes / "fulltext", material.questions)
    return Finding(base.chunks, everything, without, by_meaning, raw, by_words, raw_text, at_once, recall)


async def _each(questions: Sequence[str], ask: Callable[[str], Awaitable[object]]) -> list[float]:
    """Milliseconds of each, one after the other."""
    return [await _timed(ask(question)) for question in questions]


async def _crowds(questions: Sequence[str], ask: Callable[[str], Awaitable[object]]) -> list[float]:
    times: list[float] = []
    for begin in range(0, len(questions) - CROWD + 1, CROWD):
        times += await asyncio.gather(*(_timed(ask(question)) for question in questions[begin : begin + CROWD]))
    return times


async def _timed(work: Awaitable[object]) -> float:
    begun = time.perf_counter()
    await work
    return (time.perf_counter() - begun) * 1000


# The libraries by themselves


def _raw_faiss(indexes: Path, asked: Vectors) -> tuple[list[float], list[list[int]]]:
    """Milliseconds of each search of the same index on one thread, and the chunks that are nearest in truth."""
    (snapshot,) = indexes.glob("dense-*.faiss")
    _, shards = read_snapshot(snapshot)
    (stored,) = shards.values()
    flat = faiss.IndexFlatIP(asked.shape[1])
    flat.add(stored.shard.vectors)
    exact = [[int(stored.shard.chunks[row]) for row in flat.search(each[np.newaxis], 10)[1][0]] for each in asked]
    index: Any = flat
    how: Any = faiss.SearchParameters(sel=faiss.IDSelectorAll())  # type: ignore[call-arg]
    if stored.graph is not None:
        index = faiss.deserialize_index(stored.graph)
        how = faiss.SearchParametersHNSW(efSearch=index.hnsw.efSearch)  # type: ignore[attr-defined]
    faiss.omp_set_num_threads(1)
    times = [_timed_now(lambda: index.search(each[np.newaxis], Reach().hits, params=how)) for each in asked]  # noqa: B023
    return times, exact


def _raw_tantivy(directory: Path, questions: Sequence[str]) -> list[float]:
    index = tantivy.Index.open(str(directory))
    searcher, schema = index.searcher(), index.schema
    times = []
    for question in questions:
        terms = [tantivy.Query.term_query(schema, "text", term) for term in content_terms(question, ENGLISH)]
        query = tantivy.Query.boolean_query([(tantivy.Occur.Should, term) for term in terms])
        times.append(_timed_now(lambda: searcher.search(query, Reach().hits, count=False)))  # noqa: B023
    return times


def _timed_now(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def _spread(times: Sequence[float]) -> str:
    return f"p50 {percentile(times, 0.5):.1f} ms, p95 {percentile(times, 0.95):.1f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, nargs="+", default=[10_000])
    parser.add_argument("--set", type=Path, action="append", default=[], dest="sets")
    options = parser.parse_args()
    for passages in options.passages:
        found = measure(passages, options.sets)
        print(f"\n{found.passages:,} passages")
        for label, value in found.rows().items():
            print(f"  {label:40} {value}")


if __name__ == "__main__":
    main()
