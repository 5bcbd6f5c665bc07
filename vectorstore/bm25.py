"""BM25 as it ranks best on questions: scores candidates again that an index has found with its own constants.

Lucene's form without the factor ``(k1 + 1)``: ``idf · tf / (tf + k1 · (1 − b + b · length / average))`` with
``idf = ln(1 + (N − df + .5) / (df + .5))``. The same over pairs of adjacent words tells "bank of England" from
"England of the bank".
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from vectorstore.base import WordScore

K1 = 0.9
B = 0.4

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Corpus:
    """What an index knows of a query's stems: in how many of ``documents`` texts each occurs."""

    documents: int
    average_length: float
    terms: Mapping[str, int]
    pairs: Mapping[Pair, int]


def score(stems: Sequence[str], corpus: Corpus) -> WordScore:
    """The score of a text, given as its ``stems`` in order, for the query that ``corpus`` was asked about."""
    terms = Counter(stem for stem in stems if stem in corpus.terms)
    pairs = Counter(pair for pair in pairwise(stems) if pair in corpus.pairs)
    relative = len(stems) / max(corpus.average_length, 1.0)
    return WordScore(
        sum(_part(tf, corpus.terms[term], corpus.documents, relative) for term, tf in terms.items()),
        sum(_part(tf, corpus.pairs[pair], corpus.documents, relative) for pair, tf in pairs.items()),
    )


def _part(tf: int, df: int, documents: int, relative_length: float) -> float:
    idf = math.log(1 + (max(documents - df, 0) + 0.5) / (df + 0.5))
    return idf * tf / (tf + K1 * (1 - B + B * relative_length))
