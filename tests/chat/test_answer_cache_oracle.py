"""Whatever becomes of the documents: an answer is given again exactly as long as it stands.

The oracle keeps its own books of what every document said when, looks at everything, and makes the search again for
each question. The cache looks only at what changed.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sitechat.identity import LOCAL
from sitechat.pipeline.retrieve import retrieve
from sitechat.pipeline.state import TurnState
from sitechat.storage.tables import new_id
from tests.support.cache_desk import Desk, open_desk

WORDS = ("battery", "warranty", "refund", "lamp", "screw", "shelf", "years", "days", "red", "blue")
QUESTIONS = (
    "How many years does the warranty of the red battery last?",
    "Within how many days is a refund for the blue lamp paid?",
    "Which screw holds the shelf?",
)

Said = tuple[str, str]
"""Id of a document, and what a passage of it says."""

texts = st.lists(st.sampled_from(WORDS), min_size=2, max_size=5).map(" ".join)
uris = st.sampled_from([f"page-{number}" for number in range(7)])
writes = st.tuples(st.just("write"), uris, st.lists(texts, min_size=1, max_size=3, unique=True).map(tuple))
operations = st.one_of(
    writes,
    writes,
    st.tuples(st.just("same"), uris, st.just(())),
    st.tuples(st.just("delete"), uris, st.just(())),
    st.tuples(st.just("index"), uris, st.just(())),
    *[st.tuples(st.just("ask"), st.sampled_from(QUESTIONS), st.just(()))] * 3,
)


@dataclass
class Books:
    """``pages`` is what each address says now, ``written`` when a document was last written, ``indexed`` up to when the
    indexes are; ``evidence`` holds what each question's answer was made from, and up to when was searched for it."""

    time: int = 0
    indexed: int = 0
    pages: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    evidence: dict[str, tuple[frozenset[Said], int]] = field(default_factory=dict)

    def said(self) -> set[Said]:
        return {(document, text) for document, passages in self.pages.values() for text in passages}

    def write(self, uri: str, document: str, passages: tuple[str, ...]) -> None:
        self.pages[uri] = (document, passages)
        self.written[document] = self.time

    def stands(self, question: str, found: set[Said]) -> bool:
        """``found`` by the same search, made now."""
        if question not in self.evidence:
            return False
        evidence, made = self.evidence[question]
        newcomers = {said for said in found - evidence if self.written[said[0]] > made}
        return evidence <= self.said() and not newcomers


async def search(desk: Desk, question: str) -> set[Said]:
    state = TurnState(LOCAL, question, knowledge_base=await desk.shop.knowledge.get(LOCAL, desk.shop.base_id))
    async for _ in retrieve(state, desk.tools()):
        pass
    return {(hit.chunk.document_id, hit.chunk.text) for hit in state.hits}


async def ask(desk: Desk, books: Books, question: str) -> None:
    found = await search(desk, question)
    expected = books.stands(question, found)
    calls = desk.calls
    reply = await desk.ask(question)
    assert reply.cached == expected
    asked_model = not reply.cached and bool(found)
    assert desk.calls == calls + asked_model
    if not reply.cached:
        books.evidence[question] = (frozenset(found), books.indexed)
    for source in reply.answered.metadata.source_chunks:
        assert source.chunk_id in await desk.shop.knowledge.chunks(LOCAL, [source.chunk_id])


async def act(desk: Desk, books: Books, kind: str, what: str, passages: tuple[str, ...]) -> None:
    books.time += 1
    if kind == "ask":
        await ask(desk, books, what)
    elif kind == "index":
        await desk.indexes.catch_up()
        books.indexed = books.time
    elif kind == "delete" and what in books.pages:
        await desk.shop.knowledge.delete_document(LOCAL, books.pages.pop(what)[0])
    elif kind == "same" and what in books.pages:
        books.write(what, await desk.shop.write(desk.indexes, what, *books.pages[what][1]), books.pages[what][1])
    elif kind == "write":
        books.write(what, await desk.shop.write(desk.indexes, what, *passages), passages)


async def run(desk: Desk, steps: list[tuple[str, str, tuple[str, ...]]]) -> None:
    """In a knowledge base of its own; how rare words are is told by those of earlier runs as well, so it drifts."""
    desk.shop.base_id = (await desk.shop.knowledge.create(LOCAL, new_id())).id
    books = Books()
    await act(desk, books, "write", "first", ("the first page",))
    for step in steps:
        await act(desk, books, *step)
    for question in QUESTIONS:
        await act(desk, books, "ask", question, ())


def test_an_answer_is_given_again_exactly_as_long_as_it_stands(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        opening = open_desk(tmp_path)
        desk = runner.run(opening.__aenter__())

        @settings(max_examples=12, deadline=None)
        @given(st.lists(operations, min_size=4, max_size=16))
        def holds(steps: list[tuple[str, str, tuple[str, ...]]]) -> None:
            runner.run(run(desk, steps))

        try:
            holds()
        finally:
            runner.run(opening.__aexit__(None, None, None))
