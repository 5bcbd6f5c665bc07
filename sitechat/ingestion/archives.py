"""Zip archives: no documents, but they lead to some, one for each file inside.

The reading process lists an archive and says which of its files are bearable; only those are unpacked here, a few at a
time, straight into the store of originals and never under their own names. What has been unpacked is journalled with
the next ones still to come, so that a kill costs a batch, and files that are kept already are only hashed.
"""

import asyncio
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, cast

from sitechat.ingestion.blobs import BlobStore, TooLargeToKeep
from sitechat.ingestion.causes import cause_of
from sitechat.ingestion.extract import ExtractionPool
from sitechat.ingestion.formats.base import Unreadable
from sitechat.ingestion.formats.damage import damage_means
from sitechat.ingestion.formats.members import DAMAGED, Member
from sitechat.ingestion.formats.names import is_archive, suffix_of
from sitechat.ingestion.gather import expected_passages
from sitechat.ingestion.sources import Sources
from sitechat.ingestion.tending import Tending
from sitechat.storage.engine import Database
from sitechat.storage.jobs import NewItem
from sitechat.storage.knowledge import KnowledgeStore
from sitechat.storage.leases import Claim, LeaseStore

_MEMBER_DAMAGED = "It is damaged: it cannot be unpacked."
_OPENED = ("path", "blob", "object")
_MOST_AT_ONCE = 64
_BYTES_AT_ONCE = 32_000_000


class Archives:
    """``on_removed`` is called where an archive took the place of a document."""

    def __init__(
        self,
        db: Database,
        leases: LeaseStore,
        pool: ExtractionPool,
        sources: Sources,
        on_removed: Callable[[], None],
    ) -> None:
        self._db = db
        self._pool = pool
        self._blobs, self._limit = sources.blobs, sources.limit
        self._on_removed = on_removed
        self._leases = leases
        self._knowledge = KnowledgeStore(db)

    def opens(self, claim: Claim) -> bool:
        """Whether an archive found there is opened: not one in another, at a web address, or named like a document."""
        named = is_archive(claim.name) or not suffix_of(claim.name)
        return named and claim.depth == 0 and claim.locator.partition(":")[0] in _OPENED

    async def look_through(self, claim: Claim, tending: Tending, blob: str) -> bool:
        """Journal the files of the archive that is kept as ``blob``; tells whether the job ended with it.

        Raises ``NotExtracted`` where it cannot be listed.
        """
        path = self._blobs.path(blob)
        members = await tending.during(self._pool.members(path, claim.name))
        with damage_means(DAMAGED):
            archive = await asyncio.to_thread(zipfile.ZipFile, path)
        with archive:
            for batch in _batches(members):
                await self._journal(claim, tending, archive, batch)
        async with self._db.write() as tx:
            await self._leases.hold(claim, tx)
            removed = await self._knowledge.remove(claim.knowledge_base_id, claim.uri, tx)
            ended = await self._leases.looked_through(claim, tx)
        if removed:
            self._on_removed()
        return ended

    async def _journal(self, claim: Claim, tending: Tending, archive: zipfile.ZipFile, batch: Sequence[Member]) -> None:
        """Again where an original went as unneeded between being kept and being journalled."""
        while True:
            work = asyncio.to_thread(lambda: [_item(claim, archive, each, self._blobs, self._limit) for each in batch])
            items = await tending.during(work)
            async with self._db.write() as tx:
                await self._leases.hold(claim, tx)
                if all(self._blobs.holds(item.blob) for item in items if item.blob is not None):
                    await self._leases.add_found(claim, items, tx)
                    return


def _item(claim: Claim, archive: zipfile.ZipFile, member: Member, blobs: BlobStore, limit: int) -> NewItem:
    name, uri = f"{claim.name}/{member.name}", f"{claim.uri}/{member.name}"
    skip, cause = member.skip, member.cause
    if not skip:
        try:
            blob, size = _unpacked(archive, archive.infolist()[member.index], blobs, limit)
        except (TooLargeToKeep, Unreadable) as error:
            skip, cause = error.message, cause_of(error)
        else:
            weight = expected_passages(name, size)
            return NewItem(name, uri, f"blob:{blob}", size, blob, weight=weight, depth=claim.depth + 1)
    return NewItem(name, uri, "", member.size, skip=skip, cause=cause, depth=claim.depth + 1)


def _unpacked(archive: zipfile.ZipFile, info: zipfile.ZipInfo, blobs: BlobStore, limit: int) -> tuple[str, int]:
    """Keep a file of an archive; what is kept already is only hashed. Never more bytes than it declares."""
    if info.file_size > limit:
        raise TooLargeToKeep.than(limit)
    with damage_means(_MEMBER_DAMAGED), archive.open(info) as stream:
        sha256 = hashlib.file_digest(cast(io.BufferedIOBase, stream), "sha256").hexdigest()
    if blobs.holds(sha256):
        return sha256, blobs.path(sha256).stat().st_size
    with archive.open(info) as stream:
        return blobs.put(cast(BinaryIO, stream), limit)


def _batches(members: Sequence[Member]) -> Iterator[list[Member]]:
    batch: list[Member] = []
    size = 0
    for member in members:
        batch.append(member)
        size += 0 if member.skip else member.size
        if len(batch) >= _MOST_AT_ONCE or size >= _BYTES_AT_ONCE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
