"""A bucket while it is read: what of it becomes items, and what has changed since it was read before."""

from collections.abc import Sequence
from typing import BinaryIO

from sitechat.errors import Forbidden, Unavailable
from sitechat.ingestion.blobs import BlobStore, TooLargeToKeep
from sitechat.ingestion.causes import LeftOut
from sitechat.ingestion.formats.names import suffix_of
from sitechat.ingestion.gather import expected_passages, reason_to_skip
from sitechat.ingestion.s3.client import S3Client, S3Object
from sitechat.ingestion.s3.places import SCHEME, SETTING, Allowed, Place, parse_place
from sitechat.ingestion.sources import Source
from sitechat.ingestion.tending import Tending
from sitechat.storage.engine import Database
from sitechat.storage.jobs import NewItem
from sitechat.storage.leases import Claim, LeaseStore
from sitechat.storage.values import Document

MOST_OBJECTS = 100_000
_CONDITION = "If-None-Match"
_GONE = "The copy that was just made of it is gone; it is read anew."


def first_item(place: Place) -> NewItem:
    """Where a bucket is begun: its listing, which is no document but leads to some."""
    return NewItem(str(place), str(place), f"bucket:{place}")


class Buckets:
    """``limit`` is the largest object in bytes."""

    def __init__(
        self, db: Database, leases: LeaseStore, client: S3Client, allowed: Allowed, blobs: BlobStore, limit: int
    ) -> None:
        self._db = db
        self._client, self._allowed, self._blobs, self._limit = client, allowed, blobs, limit
        self._leases = leases

    async def look_through(self, claim: Claim, tending: Tending) -> bool:
        """Journal the objects page by page, from where an earlier try came to; tells whether the job ended with it.

        Raises ``LeftOut`` where nothing is found or there are too many, and what asking S3 raises.
        """
        place = parse_place(claim.uri)
        self._allowed.check(place)
        so_far, last = await self._leases.found_so_far(claim, "object")
        after = last.removeprefix(f"{SCHEME}{place.bucket}/") if last is not None else None
        while True:
            page = await tending.during(self._client.list(place.bucket, place.prefix, after))
            items = self._items(place, page.objects)
            so_far += len(items)
            async with self._db.write() as tx:
                await self._leases.hold(claim, tx)
                await self._leases.add_found(claim, items, tx)
                if page.last is None and so_far:
                    return await self._leases.looked_through(claim, tx)
            after = page.last
            if after is None:
                raise LeftOut("empty", "There is nothing to read in it; check the bucket and the prefix.")
            if so_far >= MOST_OBJECTS:
                raise LeftOut(
                    "budget", f"Only its first {so_far:,} objects are read; add the others by their prefixes."
                )

    async def fetch(self, claim: Claim, known: Document | None) -> Source | None:
        """The object of an item, kept; None where it has not changed. Raises ``SiteChatError``."""
        bucket, _, key = claim.uri.removeprefix(SCHEME).partition("/")
        if not self._allowed.holds(bucket, key):
            raise Forbidden(f"It may not be read from S3 any more. An operator adds its bucket to {SETTING}.")
        etag = known.validators.get(_CONDITION) if known is not None else None
        answer = await self._client.get(bucket, key, etag, self._keep)
        if answer is None:
            return None
        blob, size = answer.kept
        name = key.rpartition("/")[2]
        # Most objects are declared to be just bytes, or whatever the program that put them there made of the name.
        declared = None if suffix_of(name) else answer.content_type

        def kept() -> tuple[str, int]:
            if not self._blobs.holds(blob):
                raise Unavailable(_GONE)
            return blob, size

        return Source(blob, name, declared, kept, {_CONDITION: answer.etag} if answer.etag else {})

    async def close(self) -> None:
        await self._client.close()

    def _keep(self, stream: BinaryIO) -> tuple[str, int]:
        return self._blobs.put(stream, self._limit)

    def _items(self, place: Place, objects: Sequence[S3Object]) -> list[NewItem]:
        return [self._item(place.bucket, each) for each in objects if self._wanted(place.bucket, each.key)]

    def _wanted(self, bucket: str, key: str) -> bool:
        """Not folders' own objects, hidden files, or what nobody here may know of."""
        hidden = any(part.startswith(".") for part in key.split("/"))
        return not key.endswith("/") and not hidden and self._allowed.holds(bucket, key)

    def _item(self, bucket: str, each: S3Object) -> NewItem:
        uri = f"{SCHEME}{bucket}/{each.key}"
        name = "".join(c for c in f"{bucket}/{each.key}" if c.isprintable())
        skip = reason_to_skip(each.key)
        cause = "unsupported" if skip else ""
        if not skip and each.size > self._limit:
            skip, cause = TooLargeToKeep.than(self._limit).message, "too_large"
        weight = expected_passages(name, each.size)
        return NewItem(name, uri, f"object:{uri}", each.size, skip=skip, cause=cause, weight=weight)
