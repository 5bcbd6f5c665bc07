"""Passages that an evaluation leaves out are found by neither way of searching, as if they were not there."""

from providers.scripted import Scripted
from sitechat.identity import LOCAL
from sitechat.pipeline.run import search
from sitechat.pipeline.state import Tools, TurnState
from tests.support.shop import Shop


async def test_passages_that_are_left_out_are_not_found(shop: Shop) -> None:
    base = await shop.knowledge.get(LOCAL, shop.base_id)
    indexes = shop.open()
    await indexes.ready()
    await shop.add(indexes, "mill.md", "The old mill stands by the river.", "The mill was built in 1782.")
    await shop.add(indexes, "bread.md", "Rye bread needs a night of rest.")
    tools = Tools(indexes, shop.knowledge, Scripted(), 8, 1000)

    async def found(left_out: frozenset[int] = frozenset()) -> list[str]:
        state = TurnState(LOCAL, "Where does the old mill stand?", knowledge_base=base, left_out=left_out)
        async for _ in search(state, tools):
            pass
        return [hit.chunk.uri for hit in state.candidates]

    everything = await found()
    assert everything[:2] == ["mill.md", "mill.md"]
    mill = await shop.knowledge.chunk_ids(LOCAL, base.id, ["mill.md"])
    assert await found(frozenset(mill["mill.md"])) == ["bread.md"]
    await indexes.close()
