"""Where an item's bytes come from: a file, an original that is already kept, or the network."""

import asyncio
import hashlib
import io
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sitechat.errors import InvalidInput, NotFound
from sitechat.ingestion.blobs import BlobStore, TooLargeToKeep
from sitechat.ingestion.fetch import Fetched, Fetcher
from sitechat.ingestion.gather import NO_ACCESS, NOT_A_FILE
from sitechat.storage.leases import Claim

GONE = "The file is not there any more."
UPLOAD_GONE = "The uploaded file is not there any more. Add it again."


@dataclass(frozen=True, slots=True)
class Source:
    """What was found: the SHA-256 of its content, and how to keep a copy (blocking; returns SHA-256 and size).

    ``name`` and ``media_type`` tell the format; the latter may have parameters.
    """

    blob: str
    name: str
    media_type: str | None
    keep: Callable[[], tuple[str, int]]


class Sources:
    """``limit`` is the largest file in bytes."""

    def __init__(self, blobs: BlobStore, fetcher: Fetcher, limit: int) -> None:
        self.blobs = blobs
        self._fetcher = fetcher
        self.limit = limit

    async def open(self, claim: Claim) -> Source:
        """Find the item's bytes. Raises ``SiteChatError`` with the reason, or ``OSError``."""
        kind, _, place = claim.locator.partition(":")
        if kind == "url":
            return await self._fetched(place)
        if kind == "blob":
            return await asyncio.to_thread(self._kept, place, claim.name)
        return await asyncio.to_thread(self._on_disk, Path(place), claim.name)

    def _on_disk(self, path: Path, name: str) -> Source:
        def keep() -> tuple[str, int]:
            return self.blobs.put(path, self.limit)

        try:
            return Source(self._digest(path), name, None, keep)
        except FileNotFoundError:
            raise NotFound(GONE) from None
        except PermissionError:
            raise InvalidInput(NO_ACCESS) from None

    def _digest(self, path: Path) -> str:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0))
        with os.fdopen(descriptor, "rb") as stream:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise InvalidInput(NOT_A_FILE)
            if found.st_size > self.limit:
                raise TooLargeToKeep.than(self.limit)
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def _kept(self, blob: str, name: str) -> Source:
        if not self.blobs.holds(blob):
            raise NotFound(UPLOAD_GONE)

        def keep() -> tuple[str, int]:
            if not self.blobs.holds(blob):
                raise NotFound(UPLOAD_GONE)
            return blob, self.blobs.path(blob).stat().st_size

        return Source(blob, name, None, keep)

    async def _fetched(self, url: str) -> Source:
        return await source_of(await self._fetcher.fetch(url), self.blobs, self.limit)


async def source_of(page: Fetched, blobs: BlobStore, limit: int) -> Source:
    """A fetched page; it is hashed off the loop, since it can be large."""

    def keep() -> tuple[str, int]:
        return blobs.put(io.BytesIO(page.data), limit)

    blob = await asyncio.to_thread(lambda: hashlib.sha256(page.data).hexdigest())
    return Source(blob, page.name, page.content_type, keep)
