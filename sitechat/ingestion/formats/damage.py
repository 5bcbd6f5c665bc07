"""Turns whatever a parser stumbles over into the one failure that means that a file is damaged."""

from collections.abc import Iterator
from contextlib import contextmanager

from sitechat.ingestion.formats.base import NotExtracted, Unreadable
from sitechat.ingestion.formats.lxml_errors import ran_out_of_memory


@contextmanager
def damage_means(message: str) -> Iterator[None]:
    """Raises :class:`Unreadable` with ``message`` for any failure within but those of this package and of memory."""
    try:
        yield
    except (NotExtracted, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 (malformed files end in almost any exception within the parsers)
        if ran_out_of_memory(error):
            raise MemoryError from None
        raise Unreadable(message) from None
