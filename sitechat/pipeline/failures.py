"""A provider's failure as one of SiteChat's, by one table."""

from providers import errors as provider
from sitechat.errors import InvalidInput, ModelError, RateLimited, SiteChatError, TimedOut, Unavailable

_TABLE: tuple[tuple[type[provider.ProviderError], type[SiteChatError]], ...] = (
    (provider.RateLimitExceeded, RateLimited),
    (provider.ProviderTimeout, TimedOut),
    (provider.ProviderUnavailable, Unavailable),
    (provider.ContextTooLong, InvalidInput),
    (provider.ProviderError, ModelError),
)


def translate(error: provider.ProviderError) -> SiteChatError:
    """The same sentence, with SiteChat's code."""
    kind = next(ours for theirs, ours in _TABLE if isinstance(error, theirs))
    return kind(error.message, retryable=error.retryable, retry_after=error.retry_after)
