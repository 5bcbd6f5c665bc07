"""``s3://bucket/prefix`` as people write it, and which of them the operator lets be read.

Whoever names a bucket reads it with the credentials of the server, so nothing may be read that is not listed.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sitechat.errors import Forbidden, InvalidInput, SettingsError

SCHEME = "s3://"
SETTING = "SITECHAT_S3_BUCKETS"
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")
_LONGEST_KEY = 1024
_NO_PLACE = "That is no S3 address; write it as s3://bucket or s3://bucket/prefix."


@dataclass(frozen=True, slots=True)
class Place:
    """All objects of a bucket whose keys begin with ``prefix``."""

    bucket: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}" if self.prefix else f"{SCHEME}{self.bucket}"

    def holds(self, bucket: str, key: str) -> bool:
        """Whether ``key`` lies in it, where the prefix stands for a folder or for one object."""
        whole = self.prefix.rstrip("/")
        return bucket == self.bucket and (not whole or key == whole or key.startswith(f"{whole}/"))


def is_s3(address: str) -> bool:
    return address.strip().lower().startswith(SCHEME)


def parse_place(address: str) -> Place:
    """Raises ``InvalidInput``. Nothing in a key is decoded: it is the name as S3 has it."""
    if not is_s3(address):
        raise InvalidInput(_NO_PLACE)
    bucket, _, prefix = address.strip()[len(SCHEME) :].partition("/")
    odd = not prefix.isprintable() or not {".", ".."}.isdisjoint(prefix.split("/"))
    if not _BUCKET.fullmatch(bucket) or odd or len(prefix.encode("utf-8", "replace")) > _LONGEST_KEY:
        raise InvalidInput(_NO_PLACE)
    return Place(bucket, prefix)


def parse_allowed(setting: str) -> tuple[Place, ...]:
    """``bucket, other/prefix`` as places. Raises ``SettingsError``."""
    parts = [part.strip() for part in setting.split(",") if part.strip()]
    try:
        return tuple(parse_place(part if is_s3(part) else f"{SCHEME}{part}") for part in parts)
    except InvalidInput:
        raise SettingsError(
            f"{SETTING}: saw {setting!r}; write buckets or prefixes separated by commas, such as bucket/handbook."
        ) from None


class Allowed:
    """The places that may be read."""

    def __init__(self, places: Sequence[Place]) -> None:
        self._places = tuple(places)

    def holds(self, bucket: str, key: str) -> bool:
        return any(place.holds(bucket, key) for place in self._places)

    def check(self, place: Place) -> None:
        """Raises ``Forbidden`` where no part of ``place`` may be read; says what an operator sets."""
        if not self._places:
            raise Forbidden(f"Reading from S3 is off here. An operator turns it on with {SETTING}={place.bucket}.")
        if not self.holds(place.bucket, place.prefix):
            raise Forbidden(f"{place} is not among what may be read from S3 here. An operator adds it to {SETTING}.")
