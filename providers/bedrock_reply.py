"""Between Bedrock's Converse form and ours: the request's messages, and the events of one answer."""

import time
from collections.abc import Iterator
from typing import Any

from providers.base import Delta, FinishDelta, FinishReason, Request, TextDelta, UsageDelta, WaitDelta
from providers.errors import ProviderUnavailable, StreamBroken

BROKE = "The connection to the model broke; this answer is incomplete. Retry."
_REASONS: dict[str, FinishReason] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
_THINKING_EVERY = 5.0


def converse_messages(request: Request) -> tuple[list[dict[str, str]], list[dict[str, Any]]]:
    """System texts apart; neighbours of one role joined, since Converse wants the roles to alternate."""
    system = [{"text": message.content} for message in request.messages if message.role == "system"]
    messages: list[dict[str, Any]] = []
    for message in request.messages:
        if message.role == "system" or not message.content.strip():
            continue
        if messages and messages[-1]["role"] == message.role:
            messages[-1]["content"].append({"text": message.content})
        elif messages or message.role == "user":
            messages.append({"role": message.role, "content": [{"text": message.content}]})
    return system, messages


class ConverseReply:
    """Reads the events of one ConverseStream into deltas."""

    def __init__(self) -> None:
        self.started = False
        self._finish: FinishReason | None = None
        self._usage: UsageDelta | None = None
        self._begin = time.monotonic()
        self._last_sign = 0.0

    def read(self, event: dict[str, Any]) -> Iterator[Delta]:
        if "contentBlockDelta" in event:
            yield from self._content(event["contentBlockDelta"].get("delta", {}))
        elif "messageStop" in event:
            self._finish = _REASONS.get(event["messageStop"].get("stopReason", ""), "stop")
        elif "metadata" in event:
            usage = event["metadata"].get("usage", {})
            self._usage = UsageDelta(usage.get("inputTokens", 0), usage.get("outputTokens", 0))

    def ending(self) -> Iterator[Delta]:
        """Usage and reason, once everything was read. Raises when the answer was cut off."""
        if self._finish is None:
            raise (
                StreamBroken(BROKE)
                if self.started
                else ProviderUnavailable("Amazon Bedrock ended without an answer. Retry.")
            )
        if self._usage is not None:
            yield self._usage
        yield FinishDelta(self._finish)

    def _content(self, delta: dict[str, Any]) -> Iterator[Delta]:
        if text := delta.get("text"):
            self.started = True
            yield TextDelta(text)
        elif "reasoningContent" in delta and not self.started:
            now = time.monotonic()
            if now - self._last_sign >= _THINKING_EVERY:
                self._last_sign = now
                seconds = now - self._begin
                yield WaitDelta("waiting", f"The model is thinking ({seconds:.0f} s)…", seconds)
