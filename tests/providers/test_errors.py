"""Refusals are told apart by table, and no message holds a secret."""

import email.utils
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import errors
from providers.bedrock_errors import Rejection
from providers.bedrock_errors import error_for as aws_error_for
from providers.http_errors import Endpoint, error_for, parse_retry_after, refusal
from providers.secrets import ending, mask
from tests.providers.collect import KEY

ENDPOINT = Endpoint("OpenAI", "https://api.openai.com/v1", KEY, "OPENAI_API_KEY", "OPENAI_BASE_URL")


def test_a_rejected_key_reads_as_people_expect() -> None:
    """The very sentence of the page."""
    body = {"error": {"message": f"Incorrect API key provided: {KEY}.", "code": "invalid_api_key"}}
    error = error_for(refusal(401, {}, body, ENDPOINT, "m"))
    assert error.message == "OpenAI rejected the API key (ends in …x4Kd). Check `OPENAI_API_KEY`, then retry."


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {}, errors.AuthenticationFailed),
        (402, {}, errors.QuotaExceeded),
        (403, {"error": {"message": "Country not supported"}}, errors.AuthenticationFailed),
        (404, {"error": {"message": "The model `x` does not exist", "code": "model_not_found"}}, errors.ModelNotFound),
        (404, {"error": {"message": "model 'x' not found", "type": "not_found_error"}}, errors.ModelNotFound),
        (404, {"detail": "Not Found"}, errors.InvalidRequest),
        (404, "<html>", errors.InvalidRequest),
        (405, None, errors.InvalidRequest),
        (400, {"error": {"code": "context_length_exceeded", "message": "long"}}, errors.ContextTooLong),
        (400, {"error": {"type": "exceed_context_size_error", "message": "request (9 tokens)", "code": 400}},
         errors.ContextTooLong),
        (400, {"object": "error", "message": "This model's maximum context length is 4096 tokens."},
         errors.ContextTooLong),
        (413, "Request Entity Too Large", errors.ContextTooLong),
        (400, {"error": {"code": "content_filter", "message": "filtered"}}, errors.ContentFiltered),
        (400, {"error": {"message": "x is not a valid model ID"}}, errors.ModelNotFound),
        (400, {"error": {"message": "strange"}}, errors.InvalidRequest),
        (422, {"detail": [{"msg": "strange"}]}, errors.InvalidRequest),
        (429, {"error": {"code": "rate_limit_exceeded"}}, errors.RateLimitExceeded),
        (429, {"error": {"code": "insufficient_quota"}}, errors.QuotaExceeded),
        (408, {}, errors.ProviderTimeout),
        (504, {}, errors.ProviderTimeout),
        (500, {}, errors.ProviderUnavailable),
        (503, "busy", errors.ProviderUnavailable),
        (529, {}, errors.ProviderUnavailable),
        (500, {"error": {"message": "context window of the server"}}, errors.ProviderUnavailable),
    ],
)  # fmt: skip
def test_http_refusals(status: int, body: object, kind: type[errors.ProviderError]) -> None:
    """Statuses, and the bodies that OpenAI, llama.cpp, vLLM, Ollama and gateways put under them."""
    error = error_for(refusal(status, {}, body, ENDPOINT, "x"))
    assert type(error) is kind
    assert error.message.endswith(".")


@pytest.mark.parametrize(
    ("code", "text", "status", "kind"),
    [
        ("UnrecognizedClientException", "", 403, errors.AuthenticationFailed),
        ("ExpiredTokenException", "", 403, errors.AuthenticationFailed),
        ("AccessDeniedException", "", 403, errors.AuthenticationFailed),
        ("ThrottlingException", "", 429, errors.RateLimitExceeded),
        ("ServiceQuotaExceededException", "", 400, errors.RateLimitExceeded),
        ("ModelTimeoutException", "", 408, errors.ProviderTimeout),
        ("ResourceNotFoundException", "", 404, errors.ModelNotFound),
        ("ValidationException", "Input is too long for requested model.", 400, errors.ContextTooLong),
        ("ValidationException", "The provided model identifier is invalid.", 400, errors.ModelNotFound),
        ("ValidationException", "Invocation with on-demand throughput isn't supported.", 400, errors.ModelNotFound),
        ("ValidationException", "strange", 400, errors.InvalidRequest),
        ("ServiceUnavailableException", "", 503, errors.ProviderUnavailable),
        ("ModelStreamErrorException", "", 424, errors.ProviderUnavailable),
        ("Unheard", "", 500, errors.ProviderUnavailable),
        ("Unheard", "", 418, errors.InvalidRequest),
    ],
)
def test_aws_refusals(code: str, text: str, status: int, kind: type[errors.ProviderError]) -> None:
    """AWS tells failures apart by code, and some only by their message."""
    error = aws_error_for(Rejection(code, text, status, "anthropic.claude", "eu-west-1", "AKIAABCDEFGHIJKLMNOP"))
    assert type(error) is kind
    assert "AKIAABCD" not in error.message


def test_retry_after_is_read_in_all_its_forms() -> None:
    """Milliseconds, seconds, a date, and nonsense."""
    soon = email.utils.formatdate(time.time() + 30, usegmt=True)
    assert parse_retry_after({"retry-after-ms": "1500", "retry-after": "9"}) == 1.5
    assert parse_retry_after({"retry-after": "12"}) == 12
    assert parse_retry_after({"retry-after": "-3"}) == 0
    assert 25 < (parse_retry_after({"retry-after": soon}) or 0) <= 30
    assert parse_retry_after({"retry-after": "soon"}) is None
    assert parse_retry_after({"retry-after": "inf"}) is None
    assert parse_retry_after({}) is None


def test_a_short_secret_is_not_shown_in_part() -> None:
    """Four characters of twelve or more; of fewer, none."""
    assert ending(KEY) == " (ends in …x4Kd)"
    assert ending("sk-fake") == ""
    assert ending(None) == ""


@given(st.text(max_size=30), st.text(max_size=30), st.integers(0, len(KEY) - 12))
def test_no_piece_of_a_key_survives_masking(before: str, after: str, start: int) -> None:
    """Servers echo keys whole and in part."""
    shown = mask(f"{before}{KEY[start:]}{after} {before}{KEY}", KEY)
    assert not any(KEY[i : i + 8] in shown for i in range(len(KEY) - 8))


def test_unknown_keys_are_masked_by_their_looks() -> None:
    """A message may hold someone else's key."""
    assert "AKIA" not in mask("key AKIAIOSFODNN7EXAMPLE used", None)
    assert "gsk_" not in mask("key gsk_abcdefghijklmnop used")
    assert mask("plain words stay", KEY) == "plain words stay"
