"""What becomes of the passages that were cited: still there, changed, or gone; asked in one query."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from time import process_time

import pytest
from sqlalchemy import event, insert, select, update

from sitechat.chat.conversations import ConversationService
from sitechat.events import AnswerMetadata, Citation
from sitechat.identity import LOCAL, Caller
from sitechat.storage.conversations import ConversationStore, NewAnswer
from sitechat.storage.engine import Database
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.tables import ChunkRow, CitationRow, DocumentRow, MessageRow, new_id
from sitechat.storage.values import NewDocument, Standing
from tests.support.library import Library, open_library

FIRST = "Otters hold hands while they sleep."
SECOND = "Herons stand still for hours."
PAGE = f"# Animals\n\n{FIRST}\n\n## Birds\n\n{SECOND}\n"


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path) as opened:
        yield opened


async def read(library: Library, path: Path, text: str) -> None:
    await asyncio.to_thread(path.write_text, text, "utf-8")
    await library.ingest(path)


async def cited(library: Library, *quotes: str) -> str:
    """A conversation with an answer that cites sentences of the only document."""
    async with library.db.read() as session:
        statement = select(DocumentRow.text, ChunkRow).join(ChunkRow, ChunkRow.document_id == DocumentRow.id)
        rows = (await session.execute(statement)).all()
    citations = []
    for number, quote in enumerate(quotes, start=1):
        start = rows[0].text.index(quote)
        chunk = next(row.ChunkRow for row in rows if row.ChunkRow.start <= start < row.ChunkRow.end)
        citations.append(
            Citation(
                number=number,
                chunk_id=chunk.id,
                document_id=chunk.document_id,
                title="Animals",
                url="/x",
                quote=quote,
                start=start,
                end=start + len(quote),
                score=1,
            )
        )
    store = ConversationStore(library.db)
    kept = await store.create(LOCAL, "Animals", None)
    metadata = AnswerMetadata(intent="qa", conversation_id=kept.id, provider="p", model="m", prompt_version="1")
    answer = NewAnswer(content="They do [1].", state="complete", metadata=metadata, steps=[], citations=citations)
    await store.add_exchange(kept.id, new_id(), "Do they?", answer, None)
    return kept.id


async def standings(library: Library, conversation_id: str, caller: Caller = LOCAL) -> list[Standing]:
    service = ConversationService(library.db)
    messages = [message.id for message in (await service.thread(LOCAL, conversation_id)).messages]
    found = await service.evidence(caller, conversation_id, messages)
    return [standing for each in found.values() for _, standing in sorted(each.items())]


def quoted(standing: Standing, quote: str) -> str:
    return standing.text[standing.start : standing.start + len(quote)]


async def test_only_what_is_no_longer_said_is_marked(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "animals.md"
    await read(library, path, PAGE)
    conversation = await cited(library, FIRST, SECOND)
    first, second = await standings(library, conversation)
    assert (first.state, second.state) == ("here", "here")
    assert (quoted(first, FIRST), quoted(second, SECOND)) == (FIRST, SECOND)

    await read(library, path, PAGE.replace("# Animals\n", "# Animals\n\nA new beginning, ü.\n"))
    first, second = await standings(library, conversation)
    assert (first.state, second.state) == ("here", "here"), "its passages are new, its words are not"
    assert (quoted(first, FIRST), quoted(second, SECOND)) == (FIRST, SECOND)

    await read(library, path, PAGE.replace(SECOND, "Herons move."))
    first, second = await standings(library, conversation)
    assert (first.state, second.state) == ("here", "changed")
    assert second.when is not None
    assert first.missing_since is None

    path.unlink()
    (source,) = await library.ingestion.sources.of(LOCAL, (await library.base()).id)
    await library.ended(await library.ingestion.sources.sync(LOCAL, source.id))
    first, second = await standings(library, conversation)
    assert first.state == "here"
    assert first.missing_since is not None

    await library.ingestion.sources.remove(LOCAL, source.id, with_documents=True)
    assert [standing.state for standing in await standings(library, conversation)] == ["gone", "gone"]


async def test_nobody_learns_of_another_s_documents(library: Library, tmp_path: Path) -> None:
    await read(library, tmp_path / "animals.md", PAGE)
    conversation = await cited(library, FIRST)
    assert await standings(library, conversation, Caller("stranger")) == []
    async with library.db.write() as tx:
        await tx.execute(update(DocumentRow).values(owner_id="somebody", access=["user:somebody"]))
    assert [standing.state for standing in await standings(library, conversation)] == ["gone"]


async def test_a_long_conversation_costs_one_query(db: Database) -> None:
    """250 answers with four citations each, of documents that were all read again: the most there is to look for."""
    base = await KnowledgeStore(db).create(LOCAL, "Papers")
    documents = [await document(db, base.id, number) for number in range(20)]
    conversation = await ConversationStore(db).create(LOCAL, "Long", base.id)
    messages = [new_id() for _ in range(250)]
    async with db.write() as tx:
        await tx.execute(insert(MessageRow), [answer(conversation.id, each, n) for n, each in enumerate(messages)])
        rows = [citation(each, n, k, documents[(n + k) % 20]) for n, each in enumerate(messages) for k in range(4)]
        await tx.execute(insert(CitationRow), rows)
    asked: list[str] = []
    event.listen(db._reading.sync_engine, "before_cursor_execute", lambda *event: asked.append(event[2]))
    begun = process_time()
    found = await ConversationService(db).evidence(LOCAL, conversation.id, messages)
    spent = process_time() - begun
    states = [standing.state for each in found.values() for standing in each.values()]
    assert (states.count("here"), states.count("changed")) == (750, 250)
    assert len(asked) == 1
    assert spent < 2, f"{spent:.2f} s of processor time"


def sentence(number: int, n: int) -> str:
    return f"Sentence {n} of document {number} says so."


async def document(db: Database, base: str, number: int) -> str:
    """100 kB of text whose passages are not those of then."""
    text = "\n\n".join(sentence(number, n) for n in range(2700))
    new = NewDocument(base, "local", (), f"file:{number}", str(number), "text/plain", "b", "1", text, (), len(text))
    return await KnowledgeStore(db).replace_document(new, [], 1)


def answer(conversation: str, message: str, n: int) -> dict[str, object]:
    fixed = {"role": "assistant", "content": "", "extra": {}, "steps": [], "closest": []}
    return {**fixed, "id": message, "conversation_id": conversation, "turn_id": new_id(), "ordinal": n}


def citation(message: str, n: int, k: int, document_id: str) -> dict[str, object]:
    """The last of each four quotes what is not said any more."""
    quote = sentence((n + k) % 20, 2000 + n) if k < 3 else "Nothing says so."
    place = {"chunk_id": 10_000 + n, "document_id": document_id, "start": 5, "end": 5 + len(quote)}
    return {**place, "message_id": message, "number": k + 1, "title": "T", "url": "/x", "quote": quote, "score": 1.0}
