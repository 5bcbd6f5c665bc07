"""``kill -9`` at random moments: nothing acknowledged is lost, nothing is there twice, and the end is a clean run's."""

import asyncio
import random
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest
from sqlalchemy import func, select, text

from sitechat.storage.tables import ChunkRow, DocumentRow, ItemRow, StagedVectorRow, VectorRow
from tests.support.library import Library, open_library

ROOT = Path(__file__).parents[2]


def make_folder(folder: Path, edition: int = 1) -> Path:
    """Files of all fates and sizes; another ``edition`` changes every third of them."""
    folder.mkdir(exist_ok=True)
    for number in range(12):
        words = f"edition {edition}" if number % 3 == 0 else "any edition"
        chapters = [
            f"## Chapter {chapter}\n\n" + f"Tale {chapter} of book {number} in {words} goes like this. " * 20
            for chapter in range(1 + (number * 7) % 50)
        ]
        (folder / f"book-{number:02}.md").write_text(f"# Book {number}\n\n" + "\n\n".join(chapters))
    (folder / "twin.md").write_bytes((folder / "book-01.md").read_bytes())
    (folder / "empty.txt").write_text("")
    (folder / "damaged.pdf").write_bytes(b"%PDF-1.7 rubbish")
    (folder / "picture.gif").write_bytes(b"GIF89a")
    return folder


async def start(home: Path, folder: Path, name: str) -> Process:
    arguments = ("-m", "tests.support.ingest_process", str(home), str(folder), name)
    return await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT, stdout=PIPE)


async def run_to_the_end(home: Path, folder: Path, name: str) -> float:
    """Seconds between the begin of the work and the end of the process."""
    process = await start(home, folder, name)
    assert process.stdout is not None
    begun = monotonic()
    while line := await process.stdout.readline():
        if line == b"working\n":
            begun = monotonic()
    assert await process.wait() == 0
    return monotonic() - begun


async def run_and_kill(home: Path, folder: Path, name: str, span: float) -> bool:
    """Kill at a random moment; tells whether the process had not ended by itself before."""
    process = await start(home, folder, name)
    assert process.stdout is not None
    await process.stdout.readline()
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), random.uniform(0, span))
    with suppress(ProcessLookupError):
        process.kill()
    return await process.wait() == -signal.SIGKILL


@dataclass(frozen=True)
class State:
    """What must not depend on how often the process was killed."""

    documents: dict[str, tuple[str, str, str, int]]
    items: list[tuple[str, str, str]]
    chunks: int
    vectors: int
    indexed: tuple[int, int]
    blobs: frozenset[str]


async def state_of(home: Path) -> State:
    """The state, after the integrity of the database has been checked."""
    async with open_library(home) as library:
        await library.indexes.ready()
        await library.indexes.catch_up()
        await library.ingestion.close()
        return await _state(library)


async def _state(library: Library) -> State:
    async with library.db.read() as session:
        assert (await session.execute(text("PRAGMA integrity_check"))).scalar_one() == "ok"
        assert (await session.execute(text("PRAGMA foreign_key_check"))).all() == []
        documents = (await session.execute(select(DocumentRow))).scalars().all()
        items = (await session.execute(select(ItemRow).order_by(ItemRow.name))).scalars().all()
        chunks = (await session.execute(select(ChunkRow))).scalars().all()
        vectors = (await session.execute(select(VectorRow.chunk_id))).scalars().all()
        staged = (await session.execute(select(func.count()).select_from(StagedVectorRow))).scalar_one()
    assert Counter(vectors) == Counter(chunk.id for chunk in chunks), "one vector for each passage"
    texts = {document.id: document.text for document in documents}
    assert all(texts[chunk.document_id][chunk.start : chunk.end] == chunk.text for chunk in chunks)
    assert Counter(chunk.document_id for chunk in chunks) == {d.id: d.chunk_count for d in documents}
    assert not staged
    assert all(item.state in ("completed", "skipped", "failed") for item in items)
    return State(
        documents={d.uri: (d.blob, d.text, d.title, d.chunk_count) for d in documents},
        items=[(item.name, item.state, item.reason) for item in items],
        chunks=len(chunks),
        vectors=len(vectors),
        indexed=library.indexes.counts(),
        blobs=frozenset(await asyncio.to_thread(library.ingestion.blobs.kept)),
    )


async def kill_often(tmp_path: Path, times: int) -> None:
    """Two editions of a folder, half of the kills in each; prints the count."""
    killed = 0
    clean, torn = tmp_path / "clean", tmp_path / "torn"
    clean.mkdir()
    torn.mkdir()
    for edition in (1, 2):
        folder, name = make_folder(tmp_path / "shelf", edition), f"edition-{edition}"
        span = await run_to_the_end(clean, folder, name)
        for _ in range(times // 2 + times % 2 * (edition == 1)):
            killed += await run_and_kill(torn, folder, name, span / 2)
        await run_to_the_end(torn, folder, name)
        expected, found = await state_of(clean), await state_of(torn)
        assert found == expected
        assert len(found.documents) == 13
    print(f"{killed} of {times} processes were killed in the middle of their work")
    assert killed


@pytest.mark.timeout(300)
async def test_a_killed_ingestion_ends_like_a_clean_one(tmp_path: Path) -> None:
    await kill_often(tmp_path, 5)


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_fifty_kills(tmp_path: Path) -> None:
    await kill_often(tmp_path, 50)
