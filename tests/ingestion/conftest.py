from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.support.library import Library, open_library


@pytest_asyncio.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path) as opened:
        yield opened
