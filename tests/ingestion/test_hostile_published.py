"""Every hostile document and every bomb of a collection kept beside the repository, read as if somebody had added it.

Where the collection is missing, this test is not collected: see ``conftest.py``.
"""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from sitechat.ingestion.extract import ExtractionPool
from sitechat.ingestion.formats.base import NotExtracted
from tests.support.memory import MemoryWatch
from tests.support.shared import shared

_SECONDS = 30
_GROWTH_MB = 50
_CHILD_MB = 2048


def _files(bombs: Path) -> list[Path]:
    folder = shared("hostile")
    assert folder is not None
    subprocess.run([sys.executable, str(folder / "build_bombs.py"), str(bombs)], check=True)
    return sorted(path for place in (folder, bombs) for path in place.rglob("*") if path.is_file())


async def _complaint(pool: ExtractionPool, memory: MemoryWatch, path: Path) -> str:
    """What is wrong with how this file was read; empty if nothing is."""
    memory.reset()
    began = time.monotonic()
    try:
        await pool.extract(path, path.name)
    except NotExtracted as error:
        if not error.message.endswith(".") or "Error" in error.message:
            return f"{path.name}: no sentence: {error.message}"
    seconds = time.monotonic() - began
    if seconds < _SECONDS and memory.grown < _GROWTH_MB and memory.largest_child < _CHILD_MB:
        return ""
    return f"{path.name}: {seconds:.0f} s, grown by {memory.grown:.0f} MB, reader of {memory.largest_child:.0f} MB"


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_the_collection_of_hostile_documents_does_no_harm(tmp_path: Path) -> None:
    files = _files(tmp_path)
    pool = ExtractionPool()
    await pool.warm()
    with MemoryWatch() as memory:
        complaints = [await _complaint(pool, memory, path) for path in files]
    await pool.close()
    assert len(files) > 250
    assert [complaint for complaint in complaints if complaint] == []
