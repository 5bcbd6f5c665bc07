"""From AWS error codes to :mod:`providers.errors`. Codes come from responses and from events within a stream."""

from collections.abc import Callable
from dataclasses import dataclass

from providers.errors import (
    AuthenticationFailed,
    ContextTooLong,
    InvalidRequest,
    ModelNotFound,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimitExceeded,
)
from providers.secrets import ending, mask

_SHOWN_DETAIL = 200
_BAD_CREDENTIALS = frozenset(
    {
        "UnrecognizedClientException", "InvalidSignatureException", "SignatureDoesNotMatch", "InvalidClientTokenId",
        "MissingAuthenticationTokenException", "IncompleteSignature", "InvalidAccessKeyId", "AuthFailure",
    }
)  # fmt: skip
_EXPIRED = frozenset({"ExpiredTokenException", "ExpiredToken", "RequestExpired"})
_FORBIDDEN = frozenset({"AccessDeniedException", "AccessDenied", "NotAuthorized", "OptInRequired"})
_BUSY = frozenset(
    {
        "ThrottlingException",
        "TooManyRequestsException",
        "Throttling",
        "LimitExceededException",
        "SlowDown",
        "ServiceQuotaExceededException",
    }
)
_DOWN = frozenset(
    {
        "ServiceUnavailableException", "InternalServerException", "ModelNotReadyException", "ModelErrorException",
        "ModelStreamErrorException", "InternalFailure", "ServiceUnavailable", "InternalServerError",
    }
)  # fmt: skip
_TOO_LONG = (
    "too long", "maximum context", "context length", "context window", "too many input tokens", "input length",
    "exceeds the maximum", "exceed context", "max tokens", "maximum number of input tokens",
)  # fmt: skip
_NO_MODEL = ("model identifier is invalid", "model identifier", "end of its life", "on-demand throughput")


@dataclass(frozen=True, slots=True)
class Rejection:
    """``code`` as AWS writes it, first letter in upper case; ``text`` its message; ``key_id`` the access key's id."""

    code: str
    text: str
    status: int
    model: str
    region: str
    key_id: str | None
    retry_after: float | None = None

    def says(self, phrases: tuple[str, ...]) -> bool:
        return any(phrase in self.text.lower() for phrase in phrases)


def error_for(it: Rejection) -> ProviderError:
    """The first rule that fits decides."""
    return next(make(it) for fits, make in _RULES if fits(it))


def _credentials(it: Rejection) -> ProviderError:
    return AuthenticationFailed(
        f"AWS rejected the credentials{ending(it.key_id)}. "
        "Check `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` or `AWS_PROFILE`, then retry."
    )


def _expired(it: Rejection) -> ProviderError:
    return AuthenticationFailed(
        f"The AWS credentials{ending(it.key_id)} have expired. Sign in to AWS again, then retry."
    )


def _forbidden(it: Rejection) -> ProviderError:
    return AuthenticationFailed(
        f"These AWS credentials may not use the Bedrock model “{it.model}” in {it.region}. "
        "Ask for access to it in the Bedrock console, then retry."
    )


def _busy(it: Rejection) -> ProviderError:
    return RateLimitExceeded(
        "The model is busy: Amazon Bedrock limits the rate of requests. Try again in a moment.",
        retry_after=it.retry_after,
    )


def _too_long(it: Rejection) -> ProviderError:
    return ContextTooLong(
        f"The question and its passages are too long for “{it.model}”. "
        "Ask something shorter, start a new conversation or choose a model with a larger context."
    )


def _no_model(it: Rejection) -> ProviderError:
    return ModelNotFound(
        f"Amazon Bedrock does not offer the model “{it.model}” in {it.region}. "
        "Check `BEDROCK_MODEL` and `AWS_REGION`; some models need an inference profile's id."
    )


def _late(_: Rejection) -> ProviderError:
    return ProviderTimeout("The model at Amazon Bedrock took too long to answer. Retry.")


def _down(it: Rejection) -> ProviderError:
    return ProviderUnavailable(
        f"Amazon Bedrock cannot answer now ({it.code}). Retry in a moment.", retry_after=it.retry_after
    )


def _other(it: Rejection) -> ProviderError:
    said = mask(it.text, it.key_id)[:_SHOWN_DETAIL]
    return InvalidRequest(f"Amazon Bedrock rejected the request ({it.code}): “{said}”. Choose another model.")


_RULES: tuple[tuple[Callable[[Rejection], bool], Callable[[Rejection], ProviderError]], ...] = (
    (lambda it: it.code in _BAD_CREDENTIALS, _credentials),
    (lambda it: it.code in _EXPIRED, _expired),
    (lambda it: it.code in _FORBIDDEN, _forbidden),
    (lambda it: it.code in _BUSY or it.status == 429, _busy),
    (lambda it: it.code == "ModelTimeoutException", _late),
    (lambda it: it.code == "ResourceNotFoundException", _no_model),
    (lambda it: it.code == "ValidationException" and it.says(_TOO_LONG), _too_long),
    (lambda it: it.code == "ValidationException" and it.says(_NO_MODEL), _no_model),
    (lambda it: it.code in _DOWN or it.status >= 500, _down),
    (lambda it: it.status in (401, 403), _forbidden),
    (lambda it: it.status == 404, _no_model),
    (lambda _: True, _other),
)
