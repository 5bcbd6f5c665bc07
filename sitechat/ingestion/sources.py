"""Where an item's bytes come from: a file, an original that is already kept, or the network."""

import asyncio
import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from sitechat.errors import InvalidInput, NotFound
from sitechat.ingestion.blobs import BlobStore, TooLargeToKeep
from sitechat.ingestion.fetch import Fetched, Fetcher
from sitechat.ingestion.fetch_errors import FetchFailed
from sitechat.ingestion.gather import NO_ACCESS, NOT_A_FILE
from sitechat.ingestion.login import Login, LoginNeeded, asks_for_login, leads_to_login, shows_login
from sitechat.ingestion.site.plan import from_plan
from sitechat.ingestion.urls import parse_url
from sitechat.ingestion.vault import Vault
from sitechat.storage.jobs import JobsStore
from sitechat.storage.leases import Claim

HTML = ("text/html", "application/xhtml+xml")
GONE = "The file is not there any more."
UPLOAD_GONE = "The uploaded file is not there any more. Add it again."


@dataclass(frozen=True, slots=True)
class Source:
    """What was found: the SHA-256 of its content, and how to keep a copy (blocking; returns SHA-256 and size).

    ``name`` and ``media_type`` tell the format; the latter may have parameters. ``address`` is a web page's,
    which may be HTML or not and come from the public web or not, and ``login`` that with which it was read.
    """

    blob: str
    name: str
    media_type: str | None
    keep: Callable[[], tuple[str, int]]
    address: str = ""
    is_html: bool = False
    public: bool = True
    login: Login | None = None


class Logins:
    """The logins of single pages, which stand in the plans of their jobs."""

    def __init__(self, jobs: JobsStore, vault: Vault) -> None:
        self._jobs = jobs
        self._vault = vault

    async def of(self, claim: Claim) -> Login | None:
        """Raises ``LoginLost`` where there was one that cannot be read any more."""
        planned = await self._jobs.plan(claim.job_id)
        if planned is None:
            return None
        scope = from_plan(planned[0])
        return await asyncio.to_thread(self._vault.open, scope.login, scope.start)


class Sources:
    """``limit`` is the largest file in bytes."""

    def __init__(self, blobs: BlobStore, fetcher: Fetcher, limit: int, logins: Logins) -> None:
        self.blobs = blobs
        self._fetcher = fetcher
        self._limit = limit
        self._logins = logins

    async def open(self, claim: Claim) -> Source:
        """Find the item's bytes. Raises ``SiteChatError`` with the reason, or ``OSError``."""
        kind, _, place = claim.locator.partition(":")
        if kind == "url":
            return await self._fetched(place, await self._logins.of(claim))
        if kind == "blob":
            return await asyncio.to_thread(self._kept, place, claim.name)
        return await asyncio.to_thread(self._on_disk, Path(place), claim.name)

    def _on_disk(self, path: Path, name: str) -> Source:
        def keep() -> tuple[str, int]:
            return self.blobs.put(path, self._limit)

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
            if found.st_size > self._limit:
                raise TooLargeToKeep(
                    f"It is larger than {self._limit / 1_000_000:,.0f} MB, the most that is read of one file."
                )
            return hashlib.file_digest(stream, "sha256").hexdigest()

    def _kept(self, blob: str, name: str) -> Source:
        if not self.blobs.holds(blob):
            raise NotFound(UPLOAD_GONE)

        def keep() -> tuple[str, int]:
            if not self.blobs.holds(blob):
                raise NotFound(UPLOAD_GONE)
            return blob, self.blobs.path(blob).stat().st_size

        return Source(blob, name, None, keep)

    async def _fetched(self, url: str, login: Login | None) -> Source:
        try:
            page = await self._fetcher.fetch(url, login=login)
        except FetchFailed as error:
            if asks_for_login(error.status, given=login is not None):
                raise LoginNeeded(given=login is not None) from None
            raise
        if page.url != url and (leads_to_login(parse_url(page.url)) or shows_login(page.body.head())):
            raise LoginNeeded(given=login is not None)
        return replace(source_of(page, self.blobs, self._limit), login=login)


def source_of(page: Fetched, blobs: BlobStore, limit: int) -> Source:
    """A fetched page."""

    def keep() -> tuple[str, int]:
        return blobs.put(page.body.stream(), limit)

    return Source(page.body.sha256, page.name, page.content_type, keep, page.url, is_html(page), page.public)


def is_html(page: Fetched) -> bool:
    return page.media_type in HTML or (page.media_type is None and page.body.head(1000).lstrip()[:1] == b"<")
