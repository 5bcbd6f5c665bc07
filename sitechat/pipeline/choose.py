"""Which of the ranked passages an answer is made from: no two that say the same, and not all of one document.

The ranking itself stays as it is.
"""

from collections import Counter
from collections.abc import Sequence

from providers.words import words
from sitechat.pipeline.state import ScoredChunk

_SHINGLE = 4
"""Words."""
_ALIKE = 0.8
"""Share of the shorter passage's shingles that another one has, from which on it adds nothing."""
_NEARLY = 0.05
"""How much worse a passage of another document may be, to be taken in place of one more of the same."""


def choose(ranked: Sequence[ScoredChunk], wanted: int) -> tuple[ScoredChunk, ...]:
    """``wanted`` passages at most in their order, but such that adjoin in a document in the order of reading.

    Of one document half of them at most, where others are nearly as good.
    """
    chosen: list[ScoredChunk] = []
    crowded: list[ScoredChunk] = []
    known: list[frozenset[tuple[str, ...]]] = []
    documents: Counter[str] = Counter()
    for hit in ranked:
        if len(chosen) == wanted:
            break
        shingles = _shingles(hit.chunk.text)
        if any(_alike(shingles, other) for other in known):
            continue
        known.append(shingles)
        document = hit.chunk.document_id
        (crowded if documents[document] >= max(1, wanted // 2) else chosen).append(hit)
        documents[document] += 1
    taken = {hit.chunk.id for hit in _filled(chosen, crowded, wanted)}
    return _connected([hit for hit in ranked if hit.chunk.id in taken])


def _filled(chosen: list[ScoredChunk], crowded: Sequence[ScoredChunk], wanted: int) -> list[ScoredChunk]:
    """Passages of documents that have their share already take places that are left, or that much worse ones have.

    Where something ranked the passages anew, the scores of the search do not say which are worse.
    """
    ranked_anew = any(hit.found.rerank is not None for hit in (*chosen, *crowded))
    for hit in crowded:
        if len(chosen) < wanted:
            chosen.append(hit)
        elif not ranked_anew and (last := min(chosen, key=lambda each: each.score)).score < hit.score - _NEARLY:
            chosen[chosen.index(last)] = hit
    return chosen


def _connected(hits: Sequence[ScoredChunk]) -> tuple[ScoredChunk, ...]:
    """Passages that adjoin each other stand together, in the order of their document, where the best of them stood."""
    ordered: list[ScoredChunk] = []
    left = {(hit.chunk.document_id, hit.chunk.ordinal): hit for hit in hits}
    for hit in hits:
        document, first = hit.chunk.document_id, hit.chunk.ordinal
        if (document, first) not in left:
            continue
        while (document, first - 1) in left:
            first -= 1
        while (document, first) in left:
            ordered.append(left.pop((document, first)))
            first += 1
    return tuple(ordered)


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    """All runs of a few words; of a shorter text all of it."""
    found = words(text.lower())
    last = max(len(found) - _SHINGLE, 0)
    return frozenset(tuple(found[at : at + _SHINGLE]) for at in range(last + 1))


def _alike(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]]) -> bool:
    return len(one & other) >= _ALIKE * min(len(one), len(other))
