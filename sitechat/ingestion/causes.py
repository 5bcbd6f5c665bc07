"""Why a file or address did not become a document, in one word each, so that lists can be sorted and counted by it."""

from typing import Literal, get_args

from sitechat.errors import Forbidden, InvalidInput, NotFound, TimedOut
from sitechat.ingestion.addresses import AddressRefused
from sitechat.ingestion.blobs import TooLargeToKeep
from sitechat.ingestion.fetch_errors import FetchFailed, PageTooLarge
from sitechat.ingestion.formats.base import Empty, Encrypted, HoldsFiles, NeedsOcr, TooLarge, Unreadable, Unsupported
from sitechat.ingestion.login import LoginNeeded
from sitechat.ingestion.vault import LoginLost
from sitechat.storage.jobs import NewItem

Cause = Literal[
    "duplicate",
    "robots",
    "noindex",
    "out_of_scope",
    "budget",
    "trap",
    "not_found",
    "too_large",
    "timed_out",
    "unsupported",
    "empty",
    "needs_ocr",
    "encrypted",
    "unreadable",
    "refused",
    "login",
    "superseded",
    "missing",
    "failed",
]
CAUSES: tuple[Cause, ...] = get_args(Cause)

_OF_ERRORS: tuple[tuple[type[Exception], Cause], ...] = (
    (AddressRefused, "refused"),
    (LoginNeeded, "login"),
    (LoginLost, "login"),
    (Forbidden, "refused"),
    (TooLargeToKeep, "too_large"),
    (PageTooLarge, "too_large"),
    (TooLarge, "too_large"),
    (TimedOut, "timed_out"),
    (NotFound, "not_found"),
    (Unsupported, "unsupported"),
    (Empty, "empty"),
    (NeedsOcr, "needs_ocr"),
    (HoldsFiles, "unsupported"),
    (Encrypted, "encrypted"),
    (Unreadable, "unreadable"),
)
_NOT_THERE = (404, 410)


class LeftOut(InvalidInput):
    """An address that is not read on purpose; ``message`` says why to a person. ``found``: what to read instead.

    ``others`` are addresses that wait and are not read either, for the same reason.
    """

    def __init__(
        self, cause: Cause, message: str, found: tuple[NewItem, ...] = (), others: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.cause = cause
        self.found = found
        self.others = others


def cause_of(error: Exception) -> Cause:
    """The word for what went wrong with one item."""
    if isinstance(error, LeftOut):
        return error.cause
    if isinstance(error, FetchFailed) and not isinstance(error, LoginNeeded):
        return "not_found" if error.status in _NOT_THERE else "failed"
    return next((cause for kind, cause in _OF_ERRORS if isinstance(error, kind)), "failed")
