"""Answers without a language model: the sentences of the passages that best support the question, each with its mark.

Says plainly when nothing does. The measure is :mod:`providers.evidence`; the numbers below come from question sets.
"""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Iterator, Sequence

from providers.base import Capabilities, Delta, FinishDelta, NoAnswerDelta, Request, TextDelta
from providers.evidence import Candidate, Similarity, contradicts, rank
from providers.quoting import compose
from providers.small_talk import reply_to

__all__ = ["Extractive", "Similarity"]

THRESHOLD = 1.4
"""Best scores below it are refused: 7 % of the questions that could be answered, 94 % of those that could not."""

_WITHIN = 0.3
_MOST_SENTENCES = 3
_CONTEXT_TOKENS = 100_000
_PIECE = re.compile(r"\s*\S+")
_log = logging.getLogger(__name__)


class Extractive:
    """A :class:`~providers.base.Provider` that quotes. ``similarity`` sharpens the choice; it works without."""

    name = "extractive"
    model = "quotes"
    capabilities = Capabilities(_CONTEXT_TOKENS, 1_000, writes=False)

    def __init__(self, similarity: Similarity | None = None, *, threshold: float = THRESHOLD) -> None:
        self._similarity = similarity
        self._threshold = threshold

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """The answer word by word, or one ``NoAnswerDelta`` with the best sentence's score."""
        if not request.passages:
            answer, score = reply_to(request.question), 0.0
        else:
            answer, score = await self._answer(request)
        if answer is None:
            yield NoAnswerDelta(round(float(score), 3))
            return
        for piece in _PIECE.findall(answer):
            yield TextDelta(piece)
            await asyncio.sleep(0)
        yield FinishDelta("stop")

    async def check(self) -> str:
        return "quotes from the documents; needs no key"

    async def close(self) -> None:
        return None

    async def _answer(self, request: Request) -> tuple[str | None, float]:
        ranked = await self._rank(request)
        if not ranked:
            return None, 0.0
        best = ranked[0]
        if best.score < self._threshold or contradicts(request.question, best):
            return None, best.score
        if request.quotes is not None:
            return compose(ranked, request.quotes), best.score
        return "".join(_quotes(choose(ranked))), best.score

    async def _rank(self, request: Request) -> list[Candidate]:
        try:
            return await rank(request.question, request.passages, self._similarity)
        except Exception:  # noqa: BLE001  the search model only sharpens the choice: an answer without it beats none
            _log.warning("Sentences could not be compared; choosing by words alone.", exc_info=True)
            return await rank(request.question, request.passages)


def choose(ranked: Sequence[Candidate]) -> list[Candidate]:
    """The best sentence and those near it, each text once, in reading order."""
    chosen: dict[str, Candidate] = {}
    for item in ranked:
        if item.score < ranked[0].score - _WITHIN or len(chosen) == _MOST_SENTENCES:
            break
        chosen.setdefault(item.text, item)
    return sorted(chosen.values(), key=lambda item: item.place)


def _quotes(chosen: Sequence[Candidate]) -> Iterator[str]:
    """Sentences with their marks; those of another passage begin a new paragraph."""
    previous: Candidate | None = None
    for item in chosen:
        if previous is not None:
            yield " " if previous.number == item.number else "\n\n"
        yield f"{item.text} [{item.number}]"
        previous = item
