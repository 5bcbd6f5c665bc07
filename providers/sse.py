"""Server-sent events from bytes, as far as chat completions need them: the ``data`` of each event.

Written out here because building one typed object per token, as the vendors' clients do, costs several times the
rest of a stream's work.
"""

import re
from collections.abc import Iterator

MAX_EVENT_BYTES = 4 << 20
_LINE_END = re.compile(rb"\r\n|\n|\r")


class EventTooLarge(ValueError):
    """An event passed :data:`MAX_EVENT_BYTES` without ending."""


class DataDecoder:
    """Feed it bytes in any pieces; it gives each completed event's data. Comments and other fields are skipped.

    Raises :class:`UnicodeDecodeError` and :class:`EventTooLarge`.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> Iterator[str]:
        buffer = self._rest + chunk
        held = b"\r" if buffer.endswith(b"\r") else b""
        *lines, rest = _LINE_END.split(buffer[: len(buffer) - len(held)])
        self._rest = rest + held
        for line in lines:
            if line.startswith(b"data:"):
                self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
                self._size += len(line)
            elif not line and self._data:
                yield self._take()
        if self._size + len(self._rest) > MAX_EVENT_BYTES:
            raise EventTooLarge

    def flush(self) -> Iterator[str]:
        """At the end of the stream: an event whose closing blank line is missing still counts."""
        yield from self.feed(b"\n\n")

    def _take(self) -> str:
        text = b"\n".join(self._data).decode("utf-8")
        self._data, self._size = [], 0
        return text
