"""How a language model can fail, the same for every vendor.

::

    ProviderError
    ├── AuthenticationFailed     the key or credentials were rejected, or are missing
    ├── RateLimitExceeded        ``retry_after`` seconds, where the provider said so
    │   └── QuotaExceeded        the account's credit is used up: waiting does not help
    ├── ContextTooLong           the prompt does not fit the model
    ├── ContentFiltered          the provider's filter refused the prompt or the answer
    ├── ModelNotFound
    ├── InvalidRequest           the provider rejected the request for another reason
    ├── ProviderTimeout          connecting, the first token or the next token took too long
    ├── ProviderUnavailable      unreachable, or answering 5xx
    ├── StreamBroken             the connection broke after text had arrived
    └── MalformedStream          what arrived is not the protocol

Each message is one plain sentence for the person at the page: the cause, then what to do. Never a secret: a key is
shown by its last four characters at most. ``retryable`` says whether the same call may succeed later;
``transient`` whether it is worth trying again at once, before any text has arrived.
"""

from typing import ClassVar


class ProviderError(Exception):
    retryable: ClassVar[bool] = True
    transient: ClassVar[bool] = False

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class AuthenticationFailed(ProviderError):
    """Key or credentials missing or rejected."""


class RateLimitExceeded(ProviderError):
    """Too many requests; ``retry_after`` is in seconds where the provider said so."""

    transient = True


class QuotaExceeded(RateLimitExceeded):
    """The account has no credit left."""

    transient = False


class ContextTooLong(ProviderError):
    """The prompt is larger than the model's context."""

    retryable = False


class ContentFiltered(ProviderError):
    """The provider's content filter refused."""

    retryable = False


class ModelNotFound(ProviderError):
    """The provider does not know this model."""


class InvalidRequest(ProviderError):
    """Rejected for another reason than the ones above."""

    retryable = False


class ProviderTimeout(ProviderError):
    """Connect, first token or silence between tokens took longer than its limit."""


class ProviderUnavailable(ProviderError):
    """Not reachable, or answering with a server error."""

    transient = True


class StreamBroken(ProviderError):
    """The connection broke after the answer had begun."""


class MalformedStream(ProviderError):
    """The bytes are not the provider's protocol."""
