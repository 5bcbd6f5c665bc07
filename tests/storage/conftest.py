from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from sitechat.storage.engine import Database


@pytest_asyncio.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "sitechat.db")
    yield database
    await database.close()
