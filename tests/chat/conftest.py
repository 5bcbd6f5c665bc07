"""A chat service on a real database; small talk needs neither indexes nor documents."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

import pytest
import pytest_asyncio

from providers.base import Provider
from providers.scripted import Play, Scripted
from sitechat.chat.service import ChatService
from sitechat.identity import LOCAL
from sitechat.indexes.service import Indexes
from sitechat.pipeline.state import Tools
from sitechat.storage.engine import Database
from sitechat.storage.knowledge import KnowledgeStore
from tests.support.desk import FIGS, PLUMS, Desk
from tests.support.shop import Shop

MakeChat = Callable[..., tuple[ChatService, Scripted]]


@pytest_asyncio.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    database = await Database.open(tmp_path / "sitechat.db")
    yield database
    await database.close()


@pytest.fixture
def make_chat(db: Database) -> MakeChat:
    """A chat service whose model follows the scripts given."""

    def make(*plays: Play, provider: Provider | None = None) -> tuple[ChatService, Scripted]:
        scripted = Scripted(*plays)
        nothing_to_search = cast("Indexes", None)  # small talk never asks it
        tools = Tools(nothing_to_search, KnowledgeStore(db), provider or scripted, 8, 1000)
        return ChatService(db, lambda _: tools, "scripted", "owner"), scripted

    return make


@pytest_asyncio.fixture
async def desk(db: Database, tmp_path: Path) -> AsyncIterator[Desk]:
    shop = Shop(db, tmp_path / "indexes")
    shop.base_id = (await shop.knowledge.create(LOCAL, "Shop")).id
    indexes = shop.open()
    await indexes.ready()
    await shop.add(indexes, "plums.md", PLUMS)
    await shop.add(indexes, "figs.md", FIGS)
    yield Desk(db, shop, Tools(indexes, shop.knowledge, Scripted(), 8, 500))
    await indexes.close()
