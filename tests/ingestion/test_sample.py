"""The sample knowledge base: made once, kept fresh, never forced on anybody."""

from pathlib import Path

import pytest

import sitechat
from sitechat.identity import LOCAL
from sitechat.ingestion.sample import NAME, QUESTIONS, ensure_sample
from tests.support.library import Library


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    (root / "docs").mkdir(parents=True)
    (root / "pyproject.toml").touch()
    (root / "README.md").write_text("# SiteChat\n\nAsk your documents.")
    (root / "docs/guide.md").write_text("# Guide\n\nDrop files to add them.")
    (root / "docs/old.md").write_text("# Old\n\nThis page will vanish.")
    return root


async def made(library: Library, checkout: Path) -> list[str]:
    """The sample's documents after a start."""
    await ensure_sample(LOCAL, library.knowledge, library.ingestion, library.settings.data_dir, checkout)
    base = await library.knowledge.find(LOCAL, NAME)
    if base is None:
        return []
    for record in await library.ingestion.progress(LOCAL, base.id):
        await library.ended(record.id)
    return await library.uris(NAME)


async def jobs(library: Library) -> int:
    base = await library.knowledge.find(LOCAL, NAME)
    assert base is not None
    return len(await library.ingestion.progress(LOCAL, base.id))


async def test_it_is_made_by_the_way_that_everything_takes(library: Library, checkout: Path) -> None:
    assert await made(library, checkout) == ["file:README.md", "file:guide.md", "file:old.md"]
    base = await library.knowledge.find(LOCAL, NAME)
    assert base is not None
    assert base.ready
    assert base.sample_questions == QUESTIONS
    assert len(QUESTIONS) == 3


async def test_an_unchanged_documentation_makes_no_job(library: Library, checkout: Path) -> None:
    await made(library, checkout)
    await made(library, checkout)
    assert await jobs(library) == 1


async def test_changes_are_taken_over_and_what_a_person_added_stays(library: Library, checkout: Path) -> None:
    await made(library, checkout)
    mine = checkout.parent / "mine.md"
    mine.write_text("# Mine\n\nMy own notes.")
    await library.ingest(mine, name=NAME)
    library.embedder.texts.clear()
    (checkout / "docs/old.md").unlink()
    (checkout / "docs/guide.md").write_text("# Guide\n\nPaste an address to add a page.")
    assert await made(library, checkout) == ["file:README.md", "file:guide.md", "file:mine.md"]
    assert len(library.embedder.texts) == 1, "only what changed is read again"


async def test_once_deleted_it_stays_deleted(library: Library, checkout: Path) -> None:
    await made(library, checkout)
    base = await library.knowledge.find(LOCAL, NAME)
    assert base is not None
    await library.knowledge.delete(LOCAL, base.id)
    assert await made(library, checkout) == []
    assert await library.knowledge.visible(LOCAL) == []


async def test_renamed_it_is_still_the_sample(library: Library, checkout: Path) -> None:
    await made(library, checkout)
    base = await library.knowledge.find(LOCAL, NAME)
    assert base is not None
    await library.knowledge.rename(LOCAL, base.id, "Help")
    await made(library, checkout)
    assert [base.name for base in await library.knowledge.visible(LOCAL)] == ["Help"]


async def test_a_start_that_broke_off_before_the_marker_makes_no_second_one(library: Library, checkout: Path) -> None:
    await made(library, checkout)
    (library.settings.data_dir / "sample.json").unlink()
    await made(library, checkout)
    assert len(await library.knowledge.visible(LOCAL)) == 1


async def test_an_installation_without_documentation_has_no_sample(library: Library, tmp_path: Path) -> None:
    assert await made(library, tmp_path) == []


def test_the_default_is_the_checkout_of_this_package() -> None:
    root = Path(sitechat.__file__).parents[1]
    assert (root / "pyproject.toml").is_file()
