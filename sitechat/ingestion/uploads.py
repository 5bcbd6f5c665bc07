"""Files as a browser sends them: kept before a job for them is journalled."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from sitechat.disk import trouble_with_disk
from sitechat.errors import Unavailable
from sitechat.ingestion.blobs import BlobStore, TooLargeToKeep
from sitechat.ingestion.gather import Names, clean_name, expected_passages, reason_to_skip
from sitechat.storage.jobs import NewItem


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as a browser sent it."""

    name: str
    data: bytes | BinaryIO


class SweptError(Exception):
    """An original went as unneeded in the moment between being kept and being journalled."""


class Uploads:
    """``limit`` is the largest file in bytes."""

    def __init__(self, blobs: BlobStore, limit: int) -> None:
        self._blobs = blobs
        self._limit = limit

    def keep(self, uploads: Sequence[Upload]) -> list[NewItem]:
        """The items of a job for them, whose files are kept. It blocks; raises ``Unavailable`` where the disk fails."""
        names = Names()
        return [self._kept(upload, names.unique(clean_name(upload.name))) for upload in uploads]

    def _kept(self, upload: Upload, name: str) -> NewItem:
        """A file that will not be read is not kept either."""
        reason = reason_to_skip(name)
        if not reason:
            stream = io.BytesIO(upload.data) if isinstance(upload.data, bytes) else upload.data
            stream.seek(0)
            try:
                blob, size = self._blobs.put(stream, self._limit)
            except TooLargeToKeep as error:
                reason = error.message
            except OSError as error:
                raise Unavailable(
                    trouble_with_disk(error)
                    or f"“{name}” could not be stored ({error.strerror or error}). Please retry."
                ) from error
            else:
                return NewItem(name, f"file:{name}", f"blob:{blob}", size, blob, weight=expected_passages(name, size))
        return NewItem(name, f"file:{name}", "", skip=reason)
