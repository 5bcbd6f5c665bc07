"""The history of a knowledge base: each job that is over, with its counts and how fast it was."""

from pathlib import Path

from sitechat.identity import LOCAL
from sitechat.ingestion.uploads import Upload
from tests.support.library import Library


async def test_a_sync_and_its_repetition_each_have_a_row(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "papers"
    folder.mkdir()
    (folder / "a.md").write_text("\n\n".join(f"# Part {n}\n\n" + f"Words about pump {n}. " * 40 for n in range(80)))
    (folder / "b.pdf").write_bytes(b"%PDF-1.7 nothing")
    (folder / "c.mp4").write_bytes(b"?")
    await library.ingest(folder)
    await library.ingest(folder / "a.md")
    await library.ingest(folder)
    base = await library.base()
    latest, single, first = await library.ingestion.history(LOCAL, base.id)
    assert (first.indexed, first.unchanged, first.skipped, first.failed, first.items) == (1, 0, 1, 1, 3)
    assert (latest.indexed, latest.unchanged, latest.skipped, latest.failed) == (0, 1, 1, 1)
    assert (first.kind, first.status, first.name) == ("files", "completed", "papers/a.md")
    assert single.items == 1
    assert first.passages > 32
    assert max(first.rates) > 0
    assert latest.rates == ()
    assert first.began_at <= first.ended_at
    assert first.seconds == (first.ended_at - first.began_at).total_seconds()


async def test_passages_of_several_batches_are_counted_once(library: Library) -> None:
    base = await library.base()
    text = "\n\n".join(f"# Part {n}\n\n" + f"Words about pump {n}. " * 40 for n in range(100))
    job = await library.ingestion.add_uploads(LOCAL, base.id, [Upload("a.md", text.encode())])
    record = await library.ended(job)
    (past,) = await library.ingestion.history(LOCAL, base.id)
    assert past.passages == record.total_chunks
    assert round(sum(past.rates)) == past.passages, "in its first seconds a piece is a second long"
    assert (record.current_batch, record.current_chunk) == (record.total_batches, record.total_chunks)
