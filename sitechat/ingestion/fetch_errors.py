"""How fetching fails, in sentences; ``retryable`` tells what may go better later from what will not."""

import socket
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import httpcore2

from sitechat.errors import InvalidInput, SiteChatError, TimedOut, Unavailable

_LONGEST_WAIT = 3600.0
_WORTH_RETRYING = frozenset({408, 425, 429, 500, 502, 503, 504})


class FetchFailed(Unavailable):
    """The page could not be read from its site. ``status`` is what the site answered, where it did."""

    status: int | None = None


class TooManyRedirects(FetchFailed):
    """The page leads from one address to the next without end."""

    def __init__(self, hops: int) -> None:
        super().__init__(f"The page redirects more than {hops} times.", retryable=False)


class PageTooLarge(InvalidInput):
    """More bytes than one page may have, after unpacking."""


def too_large(limit: int) -> PageTooLarge:
    return PageTooLarge(f"The page is larger than {limit / 1_000_000:,.0f} MB, the most that is read of one page.")


def failure_of_status(status: int, retry_after: str | None) -> FetchFailed:
    """``The page answered 404 Not Found.``; our words for the status, not the server's."""
    try:
        answered = f"The page answered {status} {HTTPStatus(status).phrase}"
    except ValueError:
        answered = f"The page answered {status}"
    hint = ": it is not open to everyone" if status in (401, 403, 407) else ""
    failure = FetchFailed(
        f"{answered}{hint}.", retryable=status in _WORTH_RETRYING, retry_after=_seconds_until(retry_after)
    )
    failure.status = status
    return failure


def translated(error: Exception, host: str) -> SiteChatError:
    """What the network said, as one of ours."""
    if isinstance(error, httpcore2.TimeoutException):
        return TimedOut(f"{host} did not answer in time.")
    cause = _cause(error, ssl.SSLError, socket.gaierror)
    if isinstance(cause, ssl.SSLCertVerificationError):
        return FetchFailed(f"The certificate of {host} is not valid, so nothing was read.", retryable=False)
    if isinstance(cause, ssl.SSLError):
        return FetchFailed(f"A safe connection to {host} could not be made.", retryable=False)
    if isinstance(cause, socket.gaierror):
        return _unknown_name(cause, host)
    if isinstance(error, httpcore2.ConnectError):
        return FetchFailed(f"{host} cannot be reached.")
    if isinstance(error, httpcore2.ProtocolError) and "without sending complete" not in str(error):
        return FetchFailed(f"What {host} answered is not the web's protocol.", retryable=False)
    return FetchFailed(f"The connection to {host} broke before the page was complete.")


def _unknown_name(cause: socket.gaierror, host: str) -> FetchFailed:
    if cause.errno == socket.EAI_AGAIN:
        return FetchFailed(f"The name {host} could not be looked up just now.")
    return FetchFailed(f"There is no site named {host}; check the address.", retryable=False)


def _cause(error: BaseException | None, *kinds: type[BaseException]) -> BaseException | None:
    while error is not None and not isinstance(error, kinds):
        error = error.__cause__ or error.__context__
    return error


def _seconds_until(retry_after: str | None) -> float | None:
    """``Retry-After``, in seconds or as a date; None if absent, senseless or too far away."""
    if not retry_after:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            then = parsedate_to_datetime(retry_after)
        except ValueError:
            return None
        seconds = (then.replace(tzinfo=then.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return seconds if 0 <= seconds <= _LONGEST_WAIT else None
