"""Many unchanged files end together, and none that has changed is taken for one of them."""

from pathlib import Path

from sitechat.identity import LOCAL
from tests.support.library import open_library

FILES = 150


def fill(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for number in range(FILES):
        (folder / f"page-{number:03}.md").write_text(
            f"# Page {number}\n\nThe lamp {number} hangs in hall {number % 7}."
        )


async def test_unchanged_files_end_together_and_changed_ones_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    fill(folder)
    async with open_library(tmp_path, workers=2) as library:
        base = await library.base()
        first = await library.ingestion.add_paths(LOCAL, base.id, [folder])
        await library.ended(first)
        for number in (0, 70, 149):
            (folder / f"page-{number:03}.md").write_text(f"# Page {number}\n\nThe lamp {number} was taken down.")
        (folder / "page-033.md").unlink()
        (folder / "page-new.md").write_text("# New\n\nA new lamp hangs in the yard.")
        again = await library.again(first)
        record = await library.ended(again)
        assert record.status == "completed"
        items = {item.name.rpartition("/")[2]: item for item in await library.ingestion.items(LOCAL, again)}
        assert {name for name, item in items.items() if item.outcome == "indexed"} == {
            "page-000.md", "page-070.md", "page-149.md", "page-new.md"
        }  # fmt: skip
        assert sum(item.outcome == "unchanged" for item in items.values()) == FILES - 4
        assert sum(item.attempts for item in items.values()) < FILES // 2, "most ended without a turn of their own"
        report = await library.ingestion.sources.changes(LOCAL, again)
        assert (report.added, report.changed, report.unchanged, report.missing) == (1, 3, FILES - 4, 1)
        texts = [await library.knowledge.text(LOCAL, d.id) for d in await library.knowledge.documents(LOCAL, base.id)]
        assert sum("taken down" in text for text in texts) == 3
