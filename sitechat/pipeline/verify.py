"""Every sentence of the answer is held against its sources; marks that do not hold are corrected or taken away.

A sentence is judged by :mod:`sitechat.pipeline.support` against the passages that it cites, or against all where it
cites none. Where those do not support it and another passage does, its mark becomes one of that passage. Where a
language model is set, it is asked once about the sentences that are no quotations: it may clear what words cannot
tell, but no number, date or name that is not in the sources.
"""

import logging
from asyncio import sleep, timeout
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sitechat.events import Event, Reason, Status
from sitechat.pipeline.amend import Checked, amend
from sitechat.pipeline.claims import Claim, claims
from sitechat.pipeline.entailment import Ruling, rule
from sitechat.pipeline.state import Tools, TurnState, stopwatch
from sitechat.pipeline.support import Likeness, Source, Verdict, judge, quoted_from, shortlist, support_of
from vectorstore.base import EmbeddingError

log = logging.getLogger(__name__)

_CHECKING, _FINALIZING = "Checking every sentence against its sources", "Finalizing answer"
_EMBED_SECONDS = 4.0
_COMPARED, _COMPARED_ELSEWHERE = 4, 2
"""Sentences of a passage that are compared by vectors: of one that is cited, of any other."""
_MOST_TEXTS = 96
"""Embedded at once; the rest is told by its words."""
_STAYS = frozenset({"number", "date", "name"})
"""Reasons that no language model clears."""


async def verify(state: TurnState, tools: Tools) -> AsyncGenerator[Event, None]:
    """``state.support`` says what was found; ``state.content`` and ``citations`` change where marks did not hold."""
    found = claims(state.content) if state.hits and not state.refused and state.intent != "chitchat" else []
    if not found:
        return
    done = stopwatch("verifying", _CHECKING)
    yield Status(step="verifying", message=_CHECKING)
    checked = await _Check(state, tools).judge(found)
    amended = amend(state.content, state.citations, checked, {hit.chunk.id: hit.score for hit in state.hits})
    if amended.content != state.content:
        yield Status(step="verifying", message=_FINALIZING)
    for citation in amended.added:
        yield citation
    state.content, state.citations, state.support = amended.content, list(amended.citations), amended.support
    yield done(sentences=len(found))


class _Check:
    """Judges the sentences of one answer. Verdicts are kept by sentence and source."""

    def __init__(self, state: TurnState, tools: Tools) -> None:
        self._state, self._tools = state, tools
        self._sources = [Source(number, hit.chunk) for number, hit in enumerate(state.hits, 1)]
        by_chunk = {source.chunk.id: source for source in self._sources}
        self._source_of = {c.number: by_chunk[c.chunk_id] for c in state.citations if c.chunk_id in by_chunk}
        self._verdicts: dict[tuple[int, int], Verdict] = {}
        self._vectors: dict[str, NDArray[np.float32]] = {}

    async def judge(self, found: Sequence[Claim]) -> list[Checked]:
        cited = [self._cited(claim) for claim in found]
        await self._compare([(c, own or self._sources, _COMPARED) for c, own in zip(found, cited, strict=True)])
        best = [await self._best(c, own or self._sources, own) for c, own in zip(found, cited, strict=True)]
        others = {
            c.start: [source for source in self._sources if source not in own]
            for c, own, verdict in zip(found, cited, best, strict=True)
            if own and verdict.support != "supported"
        }
        await self._compare([(c, others[c.start], _COMPARED_ELSEWHERE) for c in found if c.start in others])
        for place, claim in enumerate(found):
            if others.get(claim.start):
                elsewhere = await self._best(claim, others[claim.start], ())
                best[place] = max(best[place], elsewhere, key=lambda verdict: verdict.rank)
        rulings = await self._rulings(found, best)
        return [
            self._checked(claim, own, verdict, rulings.get(claim.start))
            for claim, own, verdict in zip(found, cited, best, strict=True)
        ]

    def _cited(self, claim: Claim) -> list[Source]:
        named = (self._source_of.get(number) for number in claim.numbers)
        return list({source.number: source for source in named if source is not None}.values())

    async def _best(self, claim: Claim, sources: Iterable[Source], own: Sequence[Source]) -> Verdict:
        verdicts = []
        for source in sources:
            verdicts.append(self._verdict(claim, source, own))
            await sleep(0)  # nobody else's answer stands still meanwhile
        return max(verdicts, key=lambda verdict: verdict.rank)

    def _verdict(self, claim: Claim, source: Source, own: Sequence[Source]) -> Verdict:
        key = (claim.start, source.number)
        if key not in self._verdicts:
            others = [each for each in own if each is not source]
            self._verdicts[key] = judge(claim.text, source, others, self._likeness(claim))
        return self._verdicts[key]

    def _checked(self, claim: Claim, own: Sequence[Source], best: Verdict, ruling: Ruling | None) -> Checked:
        if ruling is not None:
            best = self._ruled(claim, own, best, ruling)
        if not own or best.support == "unsupported":
            return Checked(claim, best, ())
        verdicts = [self._verdict(claim, source, own) for source in own if source is not best.source]
        if best.support == "weak":
            verdicts = [verdict for verdict in verdicts if verdict.support != "unsupported"]
        standing = tuple(verdict for verdict in verdicts if not verdict.foreign)
        if best.source in own:
            return Checked(claim, best, (best, *standing))
        return Checked(claim, best, (best,) if best.support == "supported" else standing)

    def _ruled(self, claim: Claim, own: Sequence[Source], best: Verdict, ruling: Ruling) -> Verdict:
        named = next((source for source in self._sources if source.number == ruling.passage), None)
        if ruling.verdict == "supported":
            if best.support == "supported":
                return best
            verdict = self._verdict(claim, named, own) if named is not None else best
            left = tuple(reason for reason in verdict.reasons if reason.kind in _STAYS)
            cleared = replace(verdict, support=support_of(left), reasons=left)
            return max(cleared, best, key=lambda verdict: verdict.rank)
        reasons = (*best.reasons, Reason(kind="model"))
        partly = ruling.verdict == "partly" and best.support != "unsupported"
        return replace(best, support="weak" if partly else "unsupported", reasons=reasons)

    # What the vectors and the language model add

    async def _rulings(self, found: Sequence[Claim], best: Sequence[Verdict]) -> Mapping[int, Ruling]:
        advisor = self._tools.advisor
        asked = {c.start: c for c, verdict in zip(found, best, strict=True) if not verdict.quoted}
        if advisor is None or not asked or not self._tools.provider.capabilities.writes:
            return {}
        wanted = {verdict.source.number for verdict in best} | {s.number for s in self._source_of.values()}
        return await rule(advisor, self._state, asked, [s for s in self._sources if s.number in wanted])

    def _likeness(self, claim: Claim) -> Likeness:
        mine = self._vectors.get(claim.heard)

        def cosine(sentence: str) -> float | None:
            other = self._vectors.get(sentence)
            return None if mine is None or other is None else float(mine @ other)

        return cosine

    async def _compare(self, pairs: Sequence[tuple[Claim, Sequence[Source], int]]) -> None:
        """Vectors of the sentences, and of those of their sources that share most words with them."""
        wanted: dict[str, None] = {}
        for claim, sources, most in pairs:
            await sleep(0)
            if any(quoted_from(claim.text, source) is not None for source in sources):
                continue
            wanted[claim.heard] = None
            for source in sources:
                wanted |= {source.sentences[place]: None for place in shortlist(claim.text, source, most)}
        texts = [text for text in wanted if text not in self._vectors][:_MOST_TEXTS]
        if not texts or self._tools.indexes.state.name != "ready":
            return
        try:
            async with timeout(_EMBED_SECONDS):
                vectors = await self._tools.indexes.embedder.embed(texts, "query")
        except (EmbeddingError, TimeoutError) as error:
            log.info("sentences are compared by their words alone: %s", error)
            return
        self._vectors |= dict(zip(texts, vectors, strict=True))
