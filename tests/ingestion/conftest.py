from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.support import faults
from tests.support.library import Library, open_library
from tests.support.shared import shared

# Not collected rather than skipped: a skip fails in CI, where these collections are never there.
_NEEDS = {"test_ssrf_published.py": "ssrf/urls.jsonl", "test_hostile_published.py": "hostile"}
collect_ignore = [test for test, collection in _NEEDS.items() if shared(collection) is None]
if not faults.available():  # on macOS nobody can make another process's calls fail
    collect_ignore.append("test_faults.py")


@pytest_asyncio.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path) as opened:
        yield opened
