"""Every failure SiteChat expects, drawn as a tree.

::

    SiteChatError            code INTERNAL
    ├── InvalidInput         INVALID_INPUT  what was asked for makes no sense; the message says what would
    │   └── SettingsError                   a setting is wrong: names the variable, what it saw, what to set
    ├── NotFound             NOT_FOUND      absent, or not for this caller: both read alike
    ├── Forbidden            FORBIDDEN
    ├── RateLimited          RATE_LIMIT     carries ``retry_after`` in seconds
    ├── TimedOut             TIMEOUT
    ├── Unavailable          UNAVAILABLE    something needed is not there yet, or not any more
    │   └── DataDirectoryInUse              another process owns the data directory: says who and where
    └── ModelError           LLM_ERROR      the language model refused, broke off or talked rubbish

The message of each is one plain sentence for the person who reads the page: the cause, then the next step. It never
holds a secret or a traceback. A bug is any other exception: it is logged and shown as INTERNAL.
"""

from typing import ClassVar

from sitechat.events import Code


class SiteChatError(Exception):
    """Base of all expected failures. ``retryable`` tells whether the same request may succeed later."""

    code: ClassVar[Code] = "INTERNAL"
    retryable: bool = False

    def __init__(self, message: str, *, retryable: bool | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        if retryable is not None:
            self.retryable = retryable
        self.retry_after = retry_after


class InvalidInput(SiteChatError):
    """The request cannot be carried out as it is worded."""

    code = "INVALID_INPUT"


class SettingsError(InvalidInput):
    """A setting is missing or wrong."""


class NotFound(SiteChatError):
    """Absent, or not for this caller."""

    code = "NOT_FOUND"


class Forbidden(SiteChatError):
    """Known caller, not allowed."""

    code = "FORBIDDEN"


class RateLimited(SiteChatError):
    """Too many requests; ``retry_after`` says when to come back, in seconds."""

    code = "RATE_LIMIT"
    retryable = True


class TimedOut(SiteChatError):
    """A stated time limit ran out."""

    code = "TIMEOUT"
    retryable = True


class Unavailable(SiteChatError):
    """Something this needs is not there now."""

    code = "UNAVAILABLE"
    retryable = True


class DataDirectoryInUse(Unavailable):
    """Another process holds the lock of the data directory."""

    retryable = False


class ModelError(SiteChatError):
    """The language model failed in a way that is neither a limit nor an outage."""

    code = "LLM_ERROR"
    retryable = True
