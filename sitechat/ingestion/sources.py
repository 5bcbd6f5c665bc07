"""Where an item's bytes come from: a file, an original that is already kept, or the network."""

import asyncio
import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sitechat.errors import InvalidInput, NotFound, Unavailable
from sitechat.ingestion.blobs import BlobStore, TooLargeToKeep
from sitechat.ingestion.fetch import Fetched, Fetcher
from sitechat.ingestion.fetch_errors import FetchFailed
from sitechat.ingestion.gather import NO_ACCESS, NOT_A_FILE
from sitechat.ingestion.login import Login, LoginNeeded, asks_for_login, leads_to_login, shows_login
from sitechat.ingestion.urls import parse_url
from sitechat.ingestion.vault import Vault
from sitechat.storage.jobs import JobsStore
from sitechat.storage.leases import Claim
from sitechat.storage.values import Document

HTML = ("text/html", "application/xhtml+xml")
GONE = "The file is not there any more."
UPLOAD_GONE = "The uploaded file is not there any more. Add it again."
UNCHANGED = 304
_CONDITIONS = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}
"""What a page says of its state, and the header with which to ask whether that has changed."""


@dataclass(frozen=True, slots=True)
class Source:
    """What was found: the SHA-256 of its content, and how to keep a copy (blocking; returns SHA-256 and size).

    ``name`` and ``media_type`` tell the format; the latter may have parameters. ``validators`` are the conditions with
    which to ask the web for it the next time. ``address`` is a web page's, which may be HTML or not and come from the
    public web or not, and ``login`` that with which it was read.
    """

    blob: str
    name: str
    media_type: str | None
    keep: Callable[[], tuple[str, int]]
    validators: Mapping[str, str] = field(default_factory=dict)
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
        if planned is None or "login" not in planned[0]:
            return None
        plan = planned[0]
        return await asyncio.to_thread(self._vault.open, plan["login"], parse_url(plan["url"]))


class Sources:
    """``limit`` is the largest file in bytes."""

    def __init__(self, blobs: BlobStore, fetcher: Fetcher, limit: int, logins: Logins) -> None:
        self.blobs = blobs
        self._fetcher = fetcher
        self.limit = limit
        self._logins = logins

    async def open(self, claim: Claim, known: Document | None = None) -> Source:
        """Find the item's bytes; the web is asked only whether ``known``, what it held before, has changed.

        Raises ``SiteChatError`` with the reason, or ``OSError``.
        """
        kind, _, place = claim.locator.partition(":")
        if kind == "url":
            return await self._fetched(place, known, await self._logins.of(claim))
        if kind == "blob":
            return await asyncio.to_thread(self._kept, place, claim.name)
        return await asyncio.to_thread(self._on_disk, Path(place), claim.name)

    def _on_disk(self, path: Path, name: str) -> Source:
        def keep() -> tuple[str, int]:
            return self.blobs.put(path, self.limit)

        try:
            return Source(self.digest(path), name, None, keep)
        except FileNotFoundError:
            raise NotFound(GONE) from None
        except PermissionError:
            raise InvalidInput(NO_ACCESS) from None

    def digest(self, path: Path) -> str:
        """The SHA-256 of a file. Raises ``InvalidInput`` where it is none, ``TooLargeToKeep``, or ``OSError``."""
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

    async def _fetched(self, url: str, known: Document | None, login: Login | None) -> Source:
        try:
            page = await self._fetcher.fetch(url, known.validators if known is not None else None, login=login)
        except FetchFailed as error:
            if asks_for_login(error.status, given=login is not None):
                raise LoginNeeded(given=login is not None) from None
            raise
        if page.status == UNCHANGED and known is not None:
            return replace(source_of_unchanged(known, page, self.blobs), login=login)
        if page.url != url and (leads_to_login(parse_url(page.url)) or shows_login(page.body.head())):
            raise LoginNeeded(given=login is not None)
        return replace(source_of(page, self.blobs, self.limit), login=login)


def source_of(page: Fetched, blobs: BlobStore, limit: int) -> Source:
    """A fetched page."""

    def keep() -> tuple[str, int]:
        return blobs.put(page.body.stream(), limit)

    validators = {_CONDITIONS[name]: page.headers[name] for name in _CONDITIONS if page.headers.get(name)}
    html = is_html(page)
    return Source(
        page.body.sha256, page.name, page.content_type, keep, validators, page.url, is_html=html, public=page.public
    )


def source_of_unchanged(known: Document, page: Fetched, blobs: BlobStore) -> Source:
    """A page whose site says that it is as it was: the copy that was kept."""

    def keep() -> tuple[str, int]:
        if not blobs.holds(known.blob):
            raise Unavailable("The copy that was kept of this page is gone; it is read anew.")
        return known.blob, blobs.path(known.blob).stat().st_size

    kind, html = known.media_type, known.media_type in HTML
    return Source(known.blob, page.name, kind, keep, known.validators, page.url, is_html=html, public=page.public)


def is_html(page: Fetched) -> bool:
    return page.media_type in HTML or (page.media_type is None and page.body.head(1000).lstrip()[:1] == b"<")
