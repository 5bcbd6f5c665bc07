"""S3 itself: the one file here that knows boto3, which blocks, so all of it runs in threads.

Credentials, region and endpoint come from boto3's ordinary chain and are never kept. A request is tried once: the
journal tries again later, and tells people why it waits.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar, cast

from sitechat.errors import TimedOut
from sitechat.ingestion.s3.errors import Refusal, broken, failure

T = TypeVar("T")
CONNECT_SECONDS, READ_SECONDS = 10, 30
WHOLE_SECONDS = 600.0
"""The most that one object may take, however steadily it drips."""
_NOT_MODIFIED = 304


@dataclass(frozen=True, slots=True)
class S3Object:
    """``etag`` and ``size`` (bytes) as the listing says."""

    key: str
    size: int
    etag: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some objects of a listing in their order; ``last`` is the key to go on after, None at the end."""

    objects: tuple[S3Object, ...]
    last: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was kept of an object: whatever ``keep`` made of its bytes."""

    kept: tuple[str, int]
    etag: str
    content_type: str | None


class S3Client:
    """``region`` and ``profile`` as in the settings; None leaves them to boto3."""

    def __init__(self, region: str | None = None, profile: str | None = None) -> None:
        self._region, self._profile = region, profile
        self._client: Any = None
        self._building = threading.Lock()

    async def list(self, bucket: str, prefix: str, after: str | None) -> Page:
        """The next objects after the key ``after``. Raises ``SiteChatError``."""
        return await asyncio.to_thread(self._translated, bucket, prefix, lambda: self._list(bucket, prefix, after))

    async def get(
        self, bucket: str, key: str, etag: str | None, keep: Callable[[BinaryIO], tuple[str, int]]
    ) -> Answer | None:
        """Hand the object's bytes to ``keep`` in a thread; None where it is still the one of ``etag``.

        Raises ``SiteChatError``, and what ``keep`` raises. Cancelling stops the download at its next piece.
        """
        given_up = threading.Event()
        try:
            return await asyncio.to_thread(
                self._translated, bucket, key, lambda: self._get(bucket, key, etag, keep, given_up)
            )
        finally:
            given_up.set()

    async def close(self) -> None:
        if self._client is not None:
            await asyncio.to_thread(self._client.close)

    def _list(self, bucket: str, prefix: str, after: str | None) -> Page:
        asked = {"Bucket": bucket, "Prefix": prefix} | ({"StartAfter": after} if after is not None else {})
        answer = self._ready().list_objects_v2(**asked)
        found = tuple(S3Object(o["Key"], int(o["Size"]), str(o.get("ETag", ""))) for o in answer.get("Contents", ()))
        return Page(found, found[-1].key if answer.get("IsTruncated") and found else None)

    def _get(
        self,
        bucket: str,
        key: str,
        etag: str | None,
        keep: Callable[[BinaryIO], tuple[str, int]],
        given_up: threading.Event,
    ) -> Answer | None:
        asked = {"Bucket": bucket, "Key": key} | ({"IfNoneMatch": etag} if etag else {})
        try:
            answer = self._ready().get_object(**asked)
        except Exception as error:
            if etag and _status(error) == _NOT_MODIFIED:
                return None
            raise
        with closing(answer["Body"]) as body:  # its own context gives a stream that does not notice its end is missing
            kept = keep(cast(BinaryIO, _Download(body, given_up)))
        return Answer(kept, str(answer.get("ETag", "")), answer.get("ContentType"))

    def _translated(self, bucket: str, key: str, work: Callable[[], T]) -> T:
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

        try:
            return work()
        except ClientError as error:
            answer = error.response.get("Error", {})
            refusal = Refusal(str(answer.get("Code", "")), _status(error), bucket, key)
            raise failure(refusal) from None
        except (BotoCoreError, HTTPClientError) as error:
            raise broken(type(error).__name__, str(error)) from None

    def _ready(self) -> Any:
        with self._building:
            if self._client is None:
                import boto3
                from botocore.config import Config

                config = Config(
                    connect_timeout=CONNECT_SECONDS,
                    read_timeout=READ_SECONDS,
                    retries={"total_max_attempts": 1},
                    max_pool_connections=16,
                )
                try:
                    session = boto3.Session(profile_name=self._profile, region_name=self._region)
                    self._client = session.client("s3", config=config)
                except ValueError as error:  # an endpoint in the environment that is none
                    raise broken("ValueError", str(error)) from None
            return self._client


class _Download:
    """A body as a file to read, for a limited time and only while somebody wants it."""

    def __init__(self, body: Any, given_up: threading.Event) -> None:
        self._body, self._given_up = body, given_up
        self._until = time.monotonic() + WHOLE_SECONDS

    def read(self, size: int) -> bytes:
        if self._given_up.is_set() or time.monotonic() > self._until:
            raise TimedOut(f"It was not complete after {WHOLE_SECONDS:,.0f} seconds.")
        return bytes(self._body.read(size))


def _status(error: Exception) -> int:
    response = getattr(error, "response", None) or {}
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
