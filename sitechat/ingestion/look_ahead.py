"""Files that wait and have not changed, found many at a time: reading a folder again costs little more than hashing it.

Whoever comes upon an unchanged file looks at those that wait behind it. What has not changed either ends together with
it, in one transaction; what has changed waits for its turn.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from sitechat.errors import SiteChatError
from sitechat.ingestion.tending import Tending
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.leases import Claim, LeaseStore

_MOST = 64
_MOST_BYTES = 64_000_000
_MOST_REMEMBERED = 100_000


class LookAhead:
    """``hash_of`` gives the SHA-256 of a file; it blocks, and raises ``SiteChatError`` or ``OSError``."""

    def __init__(
        self, leases: LeaseStore, knowledge: KnowledgeStore, hash_of: Callable[[Path], str], recipe: str
    ) -> None:
        self._leases = leases
        self._knowledge = knowledge
        self._hash_of = hash_of
        self._recipe = recipe
        self._looking = asyncio.Lock()
        self._differ: set[str] = set()

    async def unchanged(self, claim: Claim, tending: Tending) -> list[tuple[str, str]]:
        """Items of the same job and their documents; none while another looks."""
        if self._looking.locked():
            return []
        async with self._looking:
            waiting = [each for each in await self._leases.waiting_files(claim, _MOST) if each[0] not in self._differ]
            kept = await self._knowledge.kept(claim.knowledge_base_id, [uri for _, _, uri in waiting], self._recipe)
            files = [(item, Path(path), *kept[uri]) for item, path, uri in waiting if uri in kept]
            hashes = await tending.during(asyncio.to_thread(self._hashes, [path for _, path, _, _ in files]))
            same = [
                (item, document)
                for (item, _, document, blob), found in zip(files, hashes, strict=False)
                if found == blob
            ]
            if len(self._differ) > _MOST_REMEMBERED:
                self._differ.clear()
            self._differ |= {item for item, _, _ in waiting} - {item for item, _ in same}
            return same

    def _hashes(self, paths: Sequence[Path]) -> list[str]:
        """Of the first of them, as long as they are not too large together; empty for one that cannot be read."""
        hashes: list[str] = []
        size = 0
        for path in paths:
            try:
                size += path.stat().st_size
                hashes.append(self._hash_of(path) if size <= _MOST_BYTES else "")
            except (SiteChatError, OSError):
                hashes.append("")
        return hashes
