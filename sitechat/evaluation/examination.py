"""Asks questions of a knowledge base through the real pipeline, and keeps what comes of each.

Everything here runs on the engine's loop.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sitechat.errors import SiteChatError, TimedOut
from sitechat.evaluation.outcome import RANKED, Outcome, Reply
from sitechat.evaluation.question_set import Question
from sitechat.events import Event, Status
from sitechat.identity import Caller
from sitechat.pipeline.marks import strip_marks
from sitechat.pipeline.run import run, search
from sitechat.pipeline.state import Tools, TurnState
from sitechat.storage.values import KnowledgeBase, Message

SECONDS = 300.0
"""That one question may take."""

FAILURES = 5
"""Questions running that could not be asked, after which the rest is not tried."""


class Texts:
    """What is ranked: the texts of a set, or the pages of a knowledge base, each read into passages.

    ``by_uri`` names the text that a document is, ``passages`` lists the passages of each document. ``articles`` names
    what a text is a part of: without it, nothing of the same article may be found either.
    """

    def __init__(
        self,
        by_uri: Mapping[str, str],
        passages: Mapping[str, Sequence[int]],
        articles: Mapping[str, str] | None = None,
    ) -> None:
        self.by_uri = by_uri
        self._articles = articles or {}
        self._of_article: defaultdict[str, set[int]] = defaultdict(set)
        for uri, chunk_ids in passages.items():
            if uri in by_uri:
                self._of_article[self._article(by_uri[uri])].update(chunk_ids)

    def passages(self, texts: Iterable[str]) -> frozenset[int]:
        """Of these texts, and of all that belong to the same articles."""
        return frozenset(i for text in texts for i in self._of_article[self._article(text)])

    def ranked(self, uris: Iterable[str]) -> tuple[str, ...]:
        """The texts of passages in their order, each once: a text is as good as its best passage."""
        return tuple(dict.fromkeys(self.by_uri[uri] for uri in uris if uri in self.by_uri))

    def _article(self, text: str) -> str:
        return self._articles.get(text) or text


@dataclass(frozen=True, slots=True)
class Examination:
    """``answers``: each question is answered, not only searched for. ``removed``: each one that can be answered is
    asked once more with its texts left out of the search."""

    caller: Caller
    base: KnowledgeBase
    tools: Tools
    texts: Texts
    answers: bool = True
    removed: bool = True

    async def ask_all(self, questions: Sequence[Question]) -> AsyncGenerator[Outcome, None]:
        """In order. Raises the ``SiteChatError`` of the last where one after another could not be asked."""
        failed = 0
        for question in questions:
            try:
                async with asyncio.timeout(SECONDS):
                    outcome = await self._ask(question)
                failed = 0
            except (SiteChatError, TimeoutError) as error:
                failed += 1
                if failed == FAILURES:
                    raise _said(error) from error
                outcome = Outcome(question, error=_said(error).message)
            yield outcome

    async def _ask(self, question: Question) -> Outcome:
        state, spent = await self._follow(question, frozenset())
        ranked = self.texts.ranked(hit.chunk.uri for hit in state.candidates)[:RANKED]
        if not self.answers:
            return Outcome(question, ranked, spent)
        without = None
        if self.removed and question.answerable and question.relevant:
            silent, _ = await self._follow(question, self.texts.passages(question.relevant))
            without = self._reply(silent)
        return Outcome(question, ranked, spent, self._reply(state), without)

    async def _follow(self, question: Question, left_out: frozenset[int]) -> tuple[TurnState, dict[str, float]]:
        history = tuple(map(_asked, question.history))
        state = TurnState(self.caller, question.text, history, self.base, left_out)
        spent: defaultdict[str, float] = defaultdict(float)
        async for event in (run if self.answers else search)(state, self.tools):
            _note(event, spent)
        return state, dict(spent)

    def _reply(self, state: TurnState) -> Reply:
        documents = {hit.chunk.document_id: hit.chunk.uri for hit in (*state.candidates, *state.hits)}
        cited = (documents.get(citation.document_id, "") for citation in state.citations)
        words = 0 if state.refused else len(strip_marks(state.content).split())
        grade = state.grade
        score, threshold = (grade.score, grade.threshold) if grade is not None else (None, None)
        ranked = self.texts.ranked(cited)
        support = Counter(str(sentence.support) for sentence in state.support)
        return Reply(state.content, state.refused, words, ranked, support, score, threshold)


def _asked(text: str) -> Message:
    """A question of before, as conversations keep it."""
    return Message("", "", "user", text, "complete", False, (), (), None, (), None, datetime.now(UTC))


def _note(event: Event, spent: defaultdict[str, float]) -> None:
    if isinstance(event, Status) and event.detail and "ms" in event.detail:
        spent[event.step] += float(str(event.detail["ms"]))


def _said(error: SiteChatError | TimeoutError) -> SiteChatError:
    return (
        error if isinstance(error, SiteChatError) else TimedOut(f"A question took longer than {SECONDS:.0f} seconds.")
    )
