"""Unpacks what a server sends, a bounded piece at a time, and holds it: a small answer may unpack to any size."""

import asyncio
import hashlib
import weakref
import zlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO

from sitechat.ingestion.fetch_errors import FetchFailed, PageTooLarge

ACCEPTED = "gzip, deflate"
IN_MEMORY = 1 << 20
"""Bytes of one page held in memory; what is larger goes into a file."""
_PIECE = 1 << 20
# Pages of text shrink to a fifth or so when packed, the most monotonous tables to a fiftieth: what shrinks to a
# two-hundredth holds nothing to read. Small pages may do as they like.
_MOST_TIMES = 200
_SMALL = 8 << 20
_BOMB = "The page unpacks to far more than a page should hold."
_DAMAGED = "The page is packed in a way that cannot be unpacked."


class Body:
    """What arrived, unpacked. Up to 1 MiB it is in memory, beyond that in a file without a name, which ends with it.

    ``folder`` is where that file lies, the system's for temporary files if there is none. It is not for two threads
    at once.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.size = 0
        self._folder = folder
        self._digest = hashlib.sha256()
        # Closed when nobody holds the body any more: pages are handed on, and may be dropped at any point.
        self._file = SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(folder) if folder is not None else None)  # noqa: SIM115
        weakref.finalize(self, self._file.close)

    async def add(self, piece: bytes) -> None:
        """Raises ``FetchFailed`` where there is no room."""
        if self.size + len(piece) <= IN_MEMORY:
            self._write(piece)
            return
        try:
            await asyncio.to_thread(self._write, piece)
        except OSError as error:
            raise FetchFailed(f"The page could not be kept while it arrived ({error.strerror or error}).") from error

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def head(self, most: int = 100_000) -> bytes:
        """Its beginning."""
        self._file.seek(0)
        return self._file.read(most)

    def read(self) -> bytes:
        self._file.seek(0)
        return self._file.read()

    def stream(self) -> BinaryIO:
        """All of it from the beginning; valid as long as the body is."""
        self._file.seek(0)
        return self._file  # type: ignore[return-value]

    def _write(self, piece: bytes) -> None:
        if self._folder is not None and not self.size:
            self._folder.mkdir(parents=True, exist_ok=True)
        self._file.write(piece)
        self._digest.update(piece)
        self.size += len(piece)


class Decoder:
    """Undoes one ``Content-Encoding``. Several on top of each other are refused: nobody asked for them."""

    def __init__(self, encoding: str) -> None:
        encoding = encoding.strip().lower()
        if encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise FetchFailed(_DAMAGED, retryable=False)
        self._gzip = encoding in ("gzip", "x-gzip")
        self._deflate = encoding == "deflate"
        self._stream = zlib.decompressobj(31) if self._gzip else None

    def decode(self, data: bytes) -> Iterator[bytes]:
        """The pieces that ``data`` unpacks to, at most 1 MiB each; stop taking them when there are enough."""
        if not self._gzip and not self._deflate:
            yield data
            return
        if self._stream is None:
            self._stream = zlib.decompressobj(_window_of_deflate(data))
        try:
            yield from self._unpack(data)
        except zlib.error:
            raise FetchFailed(_DAMAGED, retryable=False) from None

    @property
    def complete(self) -> bool:
        """Whether the packed data came to its end."""
        return self._stream is None or self._stream.eof

    def _unpack(self, data: bytes) -> Iterator[bytes]:
        while data and self._stream is not None:
            if self._stream.eof:
                if not self._gzip or not data.startswith(b"\x1f\x8b"):
                    return  # what follows the end is padding
                self._stream = zlib.decompressobj(31)
            piece = self._stream.decompress(data, _PIECE)
            data = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            yield piece


def check_ratio(packed: int, unpacked: int) -> None:
    """Raises :class:`PageTooLarge` for what unpacks out of all proportion, long before it has filled the memory."""
    if unpacked > _SMALL and unpacked > _MOST_TIMES * packed:
        raise PageTooLarge(_BOMB)


def _window_of_deflate(data: bytes) -> int:
    """Servers send ``deflate`` with or without zlib's header; its first byte tells."""
    return zlib.MAX_WBITS if data[:1] and data[0] & 0x0F == 8 and data[0] >> 4 <= 7 else -zlib.MAX_WBITS
