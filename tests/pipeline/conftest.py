"""A shop with three documents, and someone who asks about them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from providers.scripted import Scripted
from sitechat.pipeline.state import Tools
from tests.pipeline.asking import Asking
from tests.support.shop import Shop

REFUNDS = (
    "Refunds are paid within 14 days. Customers send the goods back at their own cost. A refund needs the receipt. "
    "Sale items are exchanged and not refunded."
)
BACKUPS = "Backups run every night at two. Copies are kept for thirty days. A restore is tested once a month."
WINDOWS = "On Windows the installer needs administrator rights. On Linux a package is provided for each release."


@pytest_asyncio.fixture
async def asking(tmp_path: Path) -> AsyncIterator[Asking]:
    async with Shop.made(tmp_path, "Handbook") as shop:
        indexes = shop.open()
        await indexes.ready()
        for name, text in (("refunds.md", REFUNDS), ("backups.md", BACKUPS), ("install.md", WINDOWS)):
            await shop.add(indexes, name, text)
        yield Asking(shop, Tools(indexes, shop.knowledge, Scripted(), 8, 4000))
        await indexes.close()
