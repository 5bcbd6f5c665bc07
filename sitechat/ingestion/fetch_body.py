"""Unpacks what a server sends, a bounded piece at a time: a small answer may unpack to any size."""

import zlib
from collections.abc import Iterator

from sitechat.ingestion.fetch_errors import FetchFailed, PageTooLarge

ACCEPTED = "gzip, deflate"
_PIECE = 1 << 20
# Pages of text shrink to a fifth or so when packed, the most monotonous tables to a fiftieth: what shrinks to a
# two-hundredth holds nothing to read. Small pages may do as they like.
_MOST_TIMES = 200
_SMALL = 8 << 20
_BOMB = "The page unpacks to far more than a page should hold."
_DAMAGED = "The page is packed in a way that cannot be unpacked."


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
