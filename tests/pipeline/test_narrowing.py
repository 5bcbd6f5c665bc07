"""A search that is narrowed down to some documents finds nothing of the others, in either index."""

from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from sqlalchemy import update

from providers.scripted import Scripted
from sitechat.errors import InvalidInput
from sitechat.identity import LOCAL
from sitechat.indexes.service import Indexes
from sitechat.pipeline.retrieve import retrieve
from sitechat.pipeline.state import Tools, TurnState
from sitechat.storage.narrowing import Narrowing
from sitechat.storage.tables import DocumentRow
from tests.support.shop import Shop

LAST_YEAR = datetime(2025, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest_asyncio.fixture
async def shop(shop: Shop) -> Shop:
    """Three documents about plums: an old German one, a new English one of a source, and one of neither."""
    indexes = shop.open()
    await indexes.ready()
    for uri, known in (
        ("old", {"language": "de", "updated_at": LAST_YEAR}),
        ("new", {"language": "en", "source_id": "s1"}),
        ("other", {}),
    ):
        await shop.add(indexes, uri, f"ripe plums of the {uri} kind")
        if known:
            async with shop.db.write() as session:
                await session.execute(update(DocumentRow).where(DocumentRow.uri == uri).values(**known))
    await indexes.close()
    return shop


async def found(shop: Shop, indexes: Indexes, narrowing: Narrowing) -> set[str]:
    base = await shop.knowledge.get(LOCAL, shop.base_id)
    state = TurnState(LOCAL, "ripe plums", knowledge_base=base, narrowing=narrowing)
    async for _ in retrieve(state, Tools(indexes, shop.knowledge, Scripted(), 8, 1000)):
        pass
    return {hit.chunk.uri for hit in state.candidates}


async def test_only_what_passes_every_part_is_found(shop: Shop) -> None:
    indexes = shop.open()
    await indexes.ready()
    (old,) = (d.id for d in await shop.knowledge.documents(LOCAL, shop.base_id) if d.uri == "old")
    for narrowing, expected in (
        (Narrowing(), {"old", "new", "other"}),
        (Narrowing(languages=frozenset({"de"})), {"old"}),
        (Narrowing(languages=frozenset({"de", "en"})), {"old", "new"}),
        (Narrowing(sources=frozenset({"s1"})), {"new"}),
        (Narrowing(documents=frozenset({old})), {"old"}),
        (Narrowing(since=LAST_YEAR + DAY), {"new", "other"}),
        (Narrowing(until=LAST_YEAR), {"old"}),
        (Narrowing(since=LAST_YEAR - DAY, until=LAST_YEAR + DAY), {"old"}),
        (Narrowing(languages=frozenset({"en"}), since=LAST_YEAR + DAY), {"new"}),
    ):
        assert await found(shop, indexes, narrowing) == expected, narrowing
    await indexes.close()


async def test_a_search_narrowed_down_to_nothing_says_so(shop: Shop) -> None:
    indexes = shop.open()
    await indexes.ready()
    with pytest.raises(InvalidInput, match="narrowed down"):
        await found(shop, indexes, Narrowing(sources=frozenset({"gone"})))
    await indexes.close()
