"""From an HTTP refusal of an OpenAI-compatible server to :mod:`providers.errors`, by rules that read like a table.

What the server wrote is used to tell refusals apart. It is shown only where nothing else explains the refusal, and
then without anything that looks like a key.
"""

import email.utils
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from providers.errors import (
    AuthenticationFailed,
    ContentFiltered,
    ContextTooLong,
    InvalidRequest,
    ModelNotFound,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    QuotaExceeded,
    RateLimitExceeded,
)
from providers.secrets import ending, mask

_SHOWN_DETAIL = 200
_TOO_LONG = (
    "context_length_exceeded", "exceed_context_size", "maximum context length", "context window",
    "context size", "context length", "prompt is too long", "input is too long", "too many input tokens",
    "too large for model", "reduce the length", "max_tokens_exceeded", "string_above_max_length",
)  # fmt: skip
_FILTERED = ("content_filter", "content_policy", "content management policy", "responsibleai", "moderation")
_NO_MODEL = ("model_not_found", "invalid model", "not a valid model", "unknown model", "model does not exist")
_NO_QUOTA = ("insufficient_quota", "exceeded your current quota", "insufficient balance")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model is served and what a message may call things. ``address_variable`` is None for fixed addresses."""

    label: str
    base_url: str
    key: str | None
    key_variable: str
    address_variable: str | None = None

    @property
    def host(self) -> str:
        parts = urlsplit(self.base_url)
        return parts.netloc.rpartition("@")[2] or self.base_url

    @property
    def where_to_look(self) -> str:
        return f"that the server runs and `{self.address_variable}`" if self.address_variable else "the network"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A response with a status of 400 or more; ``text`` holds code, type and message in lower case."""

    status: int
    text: str
    detail: str
    is_json: bool
    retry_after: float | None
    endpoint: Endpoint
    model: str

    def says(self, phrases: tuple[str, ...]) -> bool:
        return any(phrase in self.text for phrase in phrases)


def refusal(status: int, headers: Mapping[str, str], body: object, endpoint: Endpoint, model: str) -> Refusal:
    """Gather what a refusal says. ``body`` is the decoded JSON (its ``error`` part or all of it) or text."""
    error = body.get("error", body) if isinstance(body, dict) else body
    fields = error if isinstance(error, dict) else {"message": error}
    detail = str(fields.get("message") or fields.get("detail") or "")
    text = " ".join(str(fields.get(name) or "") for name in ("code", "type", "param", "message", "detail"))
    return Refusal(status, text.lower(), detail, isinstance(body, dict), parse_retry_after(headers), endpoint, model)


def parse_retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from ``retry-after-ms`` or ``Retry-After`` in seconds or as an HTTP date."""
    for name, divisor in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            seconds = float(headers.get(name, "")) / divisor
        except ValueError:
            continue
        return max(0.0, seconds) if math.isfinite(seconds) else None
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
    except (TypeError, ValueError):
        return None
    return max(0.0, date.timestamp() - time.time())


def error_for(it: Refusal) -> ProviderError:
    """The first rule that fits decides."""
    return next(make(it) for fits, make in _RULES if fits(it))


def _rejected_key(it: Refusal) -> ProviderError:
    end = it.endpoint
    if end.key is None:
        return AuthenticationFailed(f"{end.label} asks for an API key. Set `{end.key_variable}`, then retry.")
    return AuthenticationFailed(
        f"{end.label} rejected the API key{ending(end.key)}. Check `{end.key_variable}`, then retry."
    )


def _forbidden(it: Refusal) -> ProviderError:
    end = it.endpoint
    return AuthenticationFailed(
        f"{end.label} does not let this API key{ending(end.key)} use “{it.model}”. "
        f"Check `{end.key_variable}` and the account's permissions, or choose another model."
    )


def _used_up(it: Refusal) -> ProviderError:
    return QuotaExceeded(
        f"The account at {it.endpoint.label} has no credit left. Check its plan and billing, then retry."
    )


def _busy(it: Refusal) -> ProviderError:
    when = f"Try again in {it.retry_after:.0f} s." if it.retry_after else "Try again in a moment."
    return RateLimitExceeded(f"The model is busy: {it.endpoint.label} limits the rate of requests. {when}",
                             retry_after=it.retry_after)  # fmt: skip


def _too_long(it: Refusal) -> ProviderError:
    return ContextTooLong(
        f"The question and its passages are too long for “{it.model}”. "
        "Ask something shorter, start a new conversation or choose a model with a larger context."
    )


def _filtered(it: Refusal) -> ProviderError:
    return ContentFiltered(f"The content filter of {it.endpoint.label} refused this question. Word it differently.")


def _no_model(it: Refusal) -> ProviderError:
    return ModelNotFound(f"{it.endpoint.label} does not know the model “{it.model}”. Choose another model.")


def _wrong_address(it: Refusal) -> ProviderError:
    end = it.endpoint
    variable = f" Check `{end.address_variable}`; it often ends in /v1." if end.address_variable else ""
    return InvalidRequest(f"There is no chat service at {end.host} under this address.{variable}")


def _late(it: Refusal) -> ProviderError:
    return ProviderTimeout(f"{it.endpoint.label} took too long to answer. Retry.")


def _broken(it: Refusal) -> ProviderError:
    return ProviderUnavailable(
        f"{it.endpoint.label} cannot answer now (status {it.status}). Retry in a moment.",
        retry_after=it.retry_after,
    )


def _other(it: Refusal) -> ProviderError:
    said = mask(it.detail, it.endpoint.key)[:_SHOWN_DETAIL]
    reason = f": “{said}”" if said else ""
    return InvalidRequest(
        f"{it.endpoint.label} rejected the request (status {it.status}){reason}. Choose another model."
    )


_RULES: tuple[tuple[Callable[[Refusal], bool], Callable[[Refusal], ProviderError]], ...] = (
    (lambda it: it.status == 401, _rejected_key),
    (lambda it: it.status == 402, _used_up),
    (lambda it: it.status == 429 and it.says(_NO_QUOTA), _used_up),
    (lambda it: it.status == 429, _busy),
    (lambda it: it.status < 500 and it.says(_TOO_LONG), _too_long),
    (lambda it: it.status == 413, _too_long),
    (lambda it: it.status < 500 and it.says(_FILTERED), _filtered),
    (lambda it: it.status < 500 and it.says(_NO_MODEL), _no_model),
    (lambda it: it.status == 403, _forbidden),
    (lambda it: it.status == 404 and it.is_json and "model" in it.text, _no_model),
    (lambda it: it.status in (404, 405), _wrong_address),
    (lambda it: it.status in (408, 504), _late),
    (lambda it: it.status >= 500 or it.status in (409, 425), _broken),
    (lambda _: True, _other),
)
