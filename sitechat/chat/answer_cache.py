"""Answers that are given again without asking a language model.

An answer is found by whoever asks the same (:mod:`sitechat.chat.same_question`) of the same knowledge base, may read
the same of its documents, and would be answered by the same models with the same settings; and it is given as long as
it stands (:mod:`sitechat.chat.standing`). Whether it does is looked at when it is asked for, against the database, so
neither a crash nor another process can leave behind an answer that is no longer true.

An entry refers to the message that the answer was first given in and goes when that goes: with its conversation, when
it is written again, or at a thumb down. Of another person's question nothing is kept but hashes and its vector, and
only the very same question finds it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from hashlib import sha256

import numpy as np

import sitechat
from sitechat.chat import same_question
from sitechat.chat.standing import confirm, evidence, search_of, searched_up_to
from sitechat.errors import Unavailable
from sitechat.events import AnswerMetadata, Citation, Notice, SentenceSupport, Status
from sitechat.pipeline import prompts
from sitechat.pipeline.cached import Reused
from sitechat.pipeline.compositions import composition, is_revision, mentions_text
from sitechat.pipeline.evidence import Span, source_url
from sitechat.pipeline.rewrite import leans
from sitechat.pipeline.route import is_small_talk
from sitechat.pipeline.state import Tools, TurnState
from sitechat.storage.cached_answers import CachedAnswer, CachedAnswerStore, Mark
from sitechat.storage.conversations import ConversationStore
from sitechat.storage.engine import Database, Transaction
from sitechat.storage.tables import now
from sitechat.storage.values import Chunk, Message, asked_in

ALONE = ""
"""Context of a question to which nothing was said before that matters."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What answers are found by; ``contexts`` are those whose answers will do."""

    scope: str
    contexts: tuple[str, ...]
    wording: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Done:
    """A complete answer about to be stored as ``message_id``, and what was said while it was made."""

    state: TurnState
    tools: Tools
    metadata: AnswerMetadata
    message_id: str
    notices: Sequence[Notice] = ()
    steps: Sequence[Status] = ()

    @property
    def expanded(self) -> bool:
        """Whether more was searched for than the question."""
        return any(step.step == "expanding" for step in self.steps)


class AnswerCache:
    """Implements :class:`~sitechat.pipeline.cached.Cache`. ``days`` and ``most`` bound what is kept."""

    def __init__(self, db: Database, days: int, most: int) -> None:
        self._store = CachedAnswerStore(db)
        self._conversations = ConversationStore(db)
        self._days = days
        self._most = most
        self._readers: dict[str, tuple[int, frozenset[str]]] = {}

    async def find(self, state: TurnState, tools: Tools) -> Reused | None:
        base = state.knowledge_base
        if base is None or is_small_talk(state.question):
            return None
        mark = await self._store.mark(base.id)
        asked = await self._asked(state, tools, mark)
        user, since = state.caller.user_id, self._since()
        found = await self._store.find(asked.scope, asked.contexts, asked.wording, asked.meaning, user, since)
        for entry in found:
            exact = entry.wording == asked.wording
            if exact or await _near(entry, state, tools):
                reused = await self._again(entry, state, tools, mark, exact=exact)
                if reused is not None:
                    return reused
        return None

    async def entry(self, done: Done) -> CachedAnswer | None:
        """What is to be kept of a complete answer; None where it is not one to be given again."""
        state, tools = done.state, done.tools
        base, indexed = state.knowledge_base, searched_up_to(state.searched)
        if base is None or indexed is None or state.searched is None or not _is_sound(done):
            return None
        mark = await self._store.mark(base.id)
        if mark.generation != state.searched.generation:
            return None
        asked = await self._asked(state, tools, mark)
        watch, passages = evidence(state, reranked=tools.reranking is not None, expanded=done.expanded)
        if not {citation.chunk_id for citation in state.citations} <= {passage.chunk for passage in passages}:
            return None
        vector = (await tools.indexes.query_vectors([state.question]))[0]
        return CachedAnswer(
            message_id=done.message_id,
            knowledge_base_id=base.id,
            owner_id=state.caller.user_id,
            scope=asked.scope,
            context=_made_in(state, tools),
            wording=asked.wording,
            meaning=asked.meaning,
            vector=np.ascontiguousarray(vector, "<f4").tobytes(),
            passages=passages,
            watch=watch,
            search=search_of(state),
            indexed=indexed,
            checked=indexed,
        )

    async def add(self, entry: CachedAnswer, tx: Transaction) -> None:
        await self._store.add(entry, self._since(), self._most, tx)

    async def _again(
        self, entry: CachedAnswer, state: TurnState, tools: Tools, mark: Mark, *, exact: bool
    ) -> Reused | None:
        assert entry.id is not None
        passages = entry.passages
        if entry.checked < mark.newest:
            try:
                confirmed = await confirm(entry, state, tools, self._store)
            except Unavailable:
                return None
            if confirmed is None:
                await self._store.drop(entry.id)
                return None
            passages = confirmed.passages
            if passages != entry.passages or confirmed.checked > entry.checked:
                await self._store.confirm(entry.id, passages, confirmed.checked)
        chunks = await tools.knowledge.chunks(state.caller, [passage.chunk for passage in passages])
        message = await self._conversations.answer(entry.message_id)
        if message is None or message.metadata is None or any(passage.chunk not in chunks for passage in passages):
            return None
        places = {passage.cited_as: (chunks[passage.chunk], passage.start) for passage in passages}
        return _reused(message, message.metadata, places, exact=exact)

    async def _asked(self, state: TurnState, tools: Tools, mark: Mark) -> _Asked:
        assert state.knowledge_base is not None
        base = state.knowledge_base.id
        readers = await self._named(base, mark) & state.caller.principals
        scope = _hash(base, sorted(readers), mark.generation, _settings(tools))
        question = state.question
        return _Asked(scope, _contexts(state), same_question.wording(question), same_question.meaning(question))

    async def _named(self, base: str, mark: Mark) -> frozenset[str]:
        """All principals that documents of the knowledge base name; two people who share the same see the same."""
        known_at, known = self._readers.get(base, (0, frozenset()))
        if known_at < mark.newest:
            known |= await self._store.principals(base, known_at)
            self._readers[base] = (mark.newest, known)
        return known

    def _since(self) -> datetime:
        return now() - timedelta(days=self._days)


def _settings(tools: Tools) -> list[object]:
    """Everything that would make another answer of the same passages; all plain values of the tools are settings."""
    plain = {each.name: getattr(tools, each.name) for each in fields(tools)}
    kept = {name: value for name, value in plain.items() if isinstance(value, int | float | str)}
    provider, advisor = tools.provider, tools.advisor.model if tools.advisor else None
    ranked_by = tools.reranking.spec if tools.reranking else None
    made_by = [provider.name, provider.model, advisor, ranked_by]
    return [sitechat.__version__, prompts.VERSION, *made_by, sorted(kept.items())]


def _is_sound(done: Done) -> bool:
    """Whether nothing was missing when the answer was made, and nothing is missing or doubtful in it."""
    state = done.state
    hampered = any(notice.kind in ("degraded", "fallback") for notice in done.notices)
    doubtful = any(sentence.support == "unsupported" for sentence in done.metadata.support)
    made = state.intent != "chitchat" and state.reused is None
    return made and not (state.truncated or hampered or doubtful)


def _earlier(state: TurnState) -> tuple[Message, ...]:
    """What was said before, without exchanges about this very question just before it."""
    history, asked = state.history, same_question.wording(state.question)
    while len(history) > 1 and history[-2].role == "user" and same_question.wording(history[-2].content) == asked:
        history = history[:-2]
    return history


def _leans(state: TurnState) -> bool:
    """Whether the question might mean something else elsewhere; a text that is asked for may be about what was said."""
    earlier = asked_in(_earlier(state))
    question = state.question
    text = composition(question) is not None or is_revision(question) or mentions_text(question)
    return leans(question, earlier) or (bool(earlier) and text)


def _contexts(state: TurnState) -> tuple[str, ...]:
    """A question that stands alone may be answered as it was without what was said before; any other may not."""
    said = _said(state)
    return (said,) if _leans(state) else tuple(dict.fromkeys((ALONE, said)))


def _made_in(state: TurnState, tools: Tools) -> str:
    """A model that writes is given the whole conversation: what it made of that is nobody else's."""
    if tools.provider.capabilities.writes:
        return _hashed(state.history)
    return _said(state) if _leans(state) else ALONE


def _said(state: TurnState) -> str:
    return _hashed(_earlier(state))


def _hashed(messages: Sequence[Message]) -> str:
    said = [(message.role, message.content) for message in messages]
    return _hash(said) if said else ALONE


async def _near(entry: CachedAnswer, state: TurnState, tools: Tools) -> bool:
    """While the search model loads, nothing is."""
    if tools.indexes.state.name != "ready":
        return False
    vector = (await tools.indexes.query_vectors([state.question]))[0]
    return same_question.near(vector, np.frombuffer(entry.vector, "<f4"))


def _reused(
    message: Message, metadata: AnswerMetadata, places: Mapping[int, tuple[Chunk, int]], *, exact: bool
) -> Reused:
    """``places``: by the id that the message knows a passage by, where it is now and where it began in its document."""
    sources = (
        each.model_copy(update={"chunk_id": places[each.chunk_id][0].id} if each.chunk_id in places else {})
        for each in metadata.source_chunks
    )
    support = (_held_up(sentence, places) for sentence in metadata.support)
    citations = tuple(_moved(citation, *places[citation.chunk_id]) for citation in message.citations)
    today = {"source_chunks": tuple(sources), "support": tuple(support)}
    return Reused(message, citations, metadata.model_copy(update=today), exact)


def _held_up(sentence: SentenceSupport, places: Mapping[int, tuple[Chunk, int]]) -> SentenceSupport:
    """A sentence whose evidence is where its passage is now."""
    found = sentence.evidence
    if found is None or found.chunk_id not in places:
        return sentence
    chunk, start = places[found.chunk_id]
    by = chunk.start - start
    moved = found.model_copy(update={"chunk_id": chunk.id, "start": found.start + by, "end": found.end + by})
    return sentence.model_copy(update={"evidence": moved})


def _moved(citation: Citation, chunk: Chunk, start: int) -> Citation:
    by = chunk.start - start
    span = Span(citation.start + by, citation.end + by, citation.quote)
    place = {"chunk_id": chunk.id, "start": span.start, "end": span.end, "url": source_url(chunk, span)}
    return citation.model_copy(update=place | {"page": chunk.page, "read_at": chunk.read_at})


def _hash(*parts: object) -> str:
    return sha256(json.dumps(parts).encode("utf-8", "replace")).hexdigest()
