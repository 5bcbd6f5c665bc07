"""Other ways to rank the same passages, to stand beside: what is not better than these is not worth its time.

All are exact over the whole knowledge base, ask with the last question alone, and rank a text by its best passage:

- *BM25*: Lucene's form, k1 .9 and b .4, stemmed.
- *dense*: the cosine of the question's and the passage's vectors.
- *rank fusion*: reciprocal ranks of the first hundred of both, with k 60.
- *score fusion*: cosine + 0.03 × BM25.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from sitechat.evaluation import measures
from sitechat.evaluation.examination import Texts
from sitechat.evaluation.outcome import RANKED
from sitechat.evaluation.question_set import Question
from sitechat.identity import Caller
from sitechat.runtime import Runtime
from sitechat.storage.values import KnowledgeBase
from sitechat.storage.vectors import VectorsStore
from vectorstore import analysis
from vectorstore.base import TextRecord
from vectorstore.bm25 import K1, B
from vectorstore.words import searchable, searched_text

Scores = NDArray[np.float64]
"""Shape ``(passages,)`` or ``(texts,)``."""

BM25, DENSE, RANKS, SCORES = "BM25", "dense", "rank fusion", "score fusion"

_RRF_K = 60
_RRF_DEPTH = 100
_WORDS_WEIGHT = 0.03
_BATCH = 500


class Words:
    """BM25 over passages, each with a language of its own as the full-text index knows it."""

    def __init__(self, passages: Sequence[TextRecord]) -> None:
        self._languages = [analysis.language_of(passage.language) for passage in passages]
        counts = [Counter(_terms(passage, lang)) for passage, lang in zip(passages, self._languages, strict=True)]
        lengths = np.array([each.total() for each in counts], dtype=np.float64)
        self._norm = K1 * (1 - B + B * lengths / max(float(lengths.mean()), 1.0))
        found: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for place, each in enumerate(counts):
            for term, times in each.items():
                found[term].append((place, times))
        self._postings = {term: np.array(places) for term, places in found.items()}

    def scores(self, query: str) -> Scores:
        """Of every passage."""
        total = np.zeros(len(self._languages))
        for language in dict.fromkeys(self._languages):
            for term in _asked_for(query, language):
                if (postings := self._postings.get(term)) is not None:
                    places, times = postings[:, 0], postings[:, 1]
                    rarity = math.log(1 + (len(total) - len(places) + 0.5) / (len(places) + 0.5))
                    total[places] += rarity * times / (times + self._norm[places])
        return total


async def baselines(
    engine: Runtime, caller: Caller, base: KnowledgeBase, texts: Texts, questions: Sequence[Question]
) -> dict[str, dict[str, float]]:
    """The means of each way's measures over the questions whose texts are known."""
    judged = [question for question in questions if question.relevant]
    if not judged:
        return {}
    passages, vectors, names = await _passages(engine, caller, base, texts)
    words = Words(passages)
    asked = await engine.indexes.embedder.embed([question.text for question in judged], "query")
    identifiers, of_text = np.unique(np.array(names), return_inverse=True)
    found: defaultdict[str, list[dict[str, float]]] = defaultdict(list)
    for question, vector in zip(judged, asked, strict=True):
        for name, scores in ways(words.scores(question.text), vectors @ vector, of_text).items():
            ranked = [str(identifiers[place]) for place in np.argsort(-scores, kind="stable")[:RANKED]]
            found[name].append(measures.of_ranking(ranked, question.relevant))
    return {name: measures.mean(each) for name, each in found.items()}


def ways(words: Scores, cosines: Scores, of_text: NDArray[np.int64]) -> Mapping[str, Scores]:
    """Scores of texts by each way, from those of their passages; ``of_text`` is the text of each passage."""
    by_words, by_vector = _best(words, of_text), _best(cosines, of_text)
    return {
        BM25: by_words,
        DENSE: by_vector,
        RANKS: _reciprocal(by_words) + _reciprocal(by_vector),
        SCORES: _best(cosines + _WORDS_WEIGHT * words, of_text),
    }


def _best(scores: Scores, of_text: NDArray[np.int64]) -> Scores:
    best = np.full(int(of_text.max()) + 1, -np.inf)
    np.maximum.at(best, of_text, scores)
    return best


def _reciprocal(scores: Scores) -> Scores:
    first = np.argsort(-scores, kind="stable")[:_RRF_DEPTH]
    shares = np.zeros(len(scores))
    shares[first] = 1 / (_RRF_K + 1 + np.arange(len(first)))
    return shares


async def _passages(
    engine: Runtime, caller: Caller, base: KnowledgeBase, texts: Texts
) -> tuple[list[TextRecord], NDArray[np.float32], list[str]]:
    """Those with a vector in the index's generation, their vectors, and the names of their texts."""
    store = VectorsStore(engine.db)
    generation = next(each for each in await store.generations() if each.state == "active")
    documents = {document.id: document.uri for document in await engine.knowledge.documents(caller, base.id)}
    passages: list[TextRecord] = []
    rows: list[NDArray[np.float32]] = []
    for some in _batches([i for i, uri in documents.items() if uri in texts.by_uri]):
        records, vectors = await store.vector_records(generation, some)
        own = {record.chunk_id: vectors[row] for row, record in enumerate(records) if record.kind == "chunk"}
        for passage in await store.text_records(some):
            if passage.chunk_id in own:
                passages.append(passage)
                rows.append(own[passage.chunk_id])
    return passages, np.stack(rows), [texts.by_uri[documents[each.scope.document_id]] for each in passages]


def _batches(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]


def _terms(passage: TextRecord, language: str) -> list[str]:
    return analysis.terms(searched_text(passage.title, passage.heading, passage.text), language)


def _asked_for(query: str, language: str) -> Sequence[str]:
    """The query's stems, each once; stop words only where there is nothing else."""
    text = searchable(query)
    return list(dict.fromkeys(analysis.content_terms(text, language) or analysis.terms(text, language)))
