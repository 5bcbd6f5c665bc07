"""Answers without a language model: the sentences of the passages that best support the question, each with its mark.

Says plainly when nothing does. Where the sentences were chosen beforehand (``Request.evidence``), it quotes those.
"""

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Iterator, Sequence

from providers.base import Capabilities, Delta, FinishDelta, NoAnswerDelta, Quote, Request, TextDelta
from providers.evidence import Candidate, Similarity, choose, quotes, rank
from providers.quoting import compose
from providers.small_talk import reply_to
from providers.sufficiency import THRESHOLD, sufficiency

__all__ = ["Extractive", "Similarity"]

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
        """The answer word by word, or one ``NoAnswerDelta`` with the evidence's score."""
        if request.evidence is not None:
            answer, score = "".join(_written(request.evidence)) or None, 0.0
        elif not request.passages:
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
        score = sufficiency(request.question, ranked)
        if not ranked or score < self._threshold:
            return None, score
        if request.quotes is not None:
            return compose(ranked, request.quotes), score
        return "".join(_written(quotes(choose(ranked)))), score

    async def _rank(self, request: Request) -> list[Candidate]:
        try:
            return await rank(request.question, request.passages, self._similarity)
        except Exception:  # noqa: BLE001  the search model only sharpens the choice: an answer without it beats none
            _log.warning("Sentences could not be compared; choosing by words alone.", exc_info=True)
            return await rank(request.question, request.passages)


def _written(chosen: Sequence[Quote]) -> Iterator[str]:
    """Sentences with their marks; those of another passage begin a new paragraph."""
    previous: Quote | None = None
    for item in chosen:
        if previous is not None:
            yield " " if previous.number == item.number else "\n\n"
        yield f"{item.text} [{item.number}]"
        previous = item
