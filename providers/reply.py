"""Reads the events of one chat completion, in OpenAI's form, into deltas."""

import json
import time
from collections.abc import Iterator
from typing import Any

from providers.base import Delta, FinishDelta, FinishReason, TextDelta, UsageDelta, WaitDelta
from providers.errors import (
    MalformedStream,
    ProviderError,
    ProviderUnavailable,
    RateLimitExceeded,
    StreamBroken,
)
from providers.http_errors import Endpoint, error_for, refusal

_REASONS: dict[str, FinishReason] = {"length": "length", "content_filter": "content_filter"}
_THINKING_EVERY = 5.0


class ChatReply:
    """One answer being read. ``started`` once text has come, ``done`` once the stream's closing mark has."""

    def __init__(self, endpoint: Endpoint, model: str) -> None:
        self._endpoint, self._model = endpoint, model
        self.started = False
        self.done = False
        self._finish: FinishReason | None = None
        self._usage: UsageDelta | None = None
        self._begin = time.monotonic()
        self._last_sign = 0.0

    def check_type(self, content_type: str) -> None:
        """A web page or a JSON document is no stream: say so at once."""
        kind = content_type.partition(";")[0].strip().lower()
        if kind in ("text/html", "application/json", "application/xml", "text/xml"):
            raise MalformedStream(
                f"{self._endpoint.label} answered with {kind} where a stream was expected. "
                "Check that the address is that of an OpenAI-compatible server."
            )

    def read(self, payload: str) -> Iterator[Delta]:
        """Deltas of one event's data. Raises ``ProviderError``, or ``ValueError`` for what is no JSON."""
        if payload.startswith("[DONE]"):
            self.done = True
            return
        event = json.loads(payload)
        if not isinstance(event, dict):
            raise self._malformed()
        if event.get("error"):
            raise self._failure(event["error"])
        self._note_usage(event.get("usage"))
        choices = event.get("choices") or []
        if not isinstance(choices, list):
            raise self._malformed()
        if choices:
            yield from self._choice(choices[0])

    def ending(self) -> Iterator[Delta]:
        """Usage and reason, once everything was read. Raises when the answer was cut off."""
        if self._finish is None and not self.done:
            raise self._cut_off()
        if self._usage is not None:
            yield self._usage
        yield FinishDelta(self._finish or "stop")

    def _choice(self, choice: object) -> Iterator[Delta]:
        if not isinstance(choice, dict):
            raise self._malformed()
        delta = choice.get("delta") or {}
        if not isinstance(delta, dict):
            raise self._malformed()
        text = delta.get("content") or delta.get("refusal")
        if isinstance(text, str) and text:
            self.started = True
            yield TextDelta(text)
        elif delta.get("reasoning_content") or delta.get("reasoning"):
            yield from self._sign_of_life()
        if isinstance(reason := choice.get("finish_reason"), str):
            self._finish = _REASONS.get(reason, "stop")

    def _sign_of_life(self) -> Iterator[Delta]:
        """Thoughts are not shown, but they tell that the model is at work."""
        now = time.monotonic()
        if not self.started and now - self._last_sign >= _THINKING_EVERY:
            self._last_sign = now
            seconds = now - self._begin
            yield WaitDelta("waiting", f"The model is thinking ({seconds:.0f} s)…", seconds)

    def _note_usage(self, usage: Any) -> None:
        if isinstance(usage, dict):
            read, written = usage.get("prompt_tokens"), usage.get("completion_tokens")
            if isinstance(read, int) and isinstance(written, int):
                self._usage = UsageDelta(read, written)

    def _failure(self, error: object) -> ProviderError:
        """An error in mid-stream has no status; servers put one, or a word for it, into its code."""
        said = error if isinstance(error, dict) else {"message": str(error)}
        text = f"{said.get('code')} {said.get('type')} {said.get('message')}".lower()
        if self.started and "content_filter" not in text:
            return StreamBroken("The model's server broke off with an error; this answer is incomplete. Retry.")
        if "rate_limit" in text or said.get("code") == 429:
            return RateLimitExceeded(f"The model is busy: {self._endpoint.label} limits the rate of requests.")
        code = said.get("code")
        status = code if isinstance(code, int) and 400 <= code < 600 else 500
        if status == 500 and any(word in text for word in ("context", "content_filter")):
            status = 400
        failure = error_for(refusal(status, {}, {"error": said}, self._endpoint, self._model))
        return failure if status != 500 else ProviderUnavailable(failure.message)

    def _cut_off(self) -> ProviderError:
        if self.started:
            return StreamBroken("The connection to the model broke; this answer is incomplete. Retry.")
        return ProviderUnavailable(f"The model at {self._endpoint.host} ended without an answer. Retry.")

    def _malformed(self) -> ProviderError:
        return MalformedStream(f"{self._endpoint.label} sent an answer that cannot be read. Retry.")
