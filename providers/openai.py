"""OpenAI and every server that speaks its chat completions: the one file here that knows the ``openai`` package.

The package does transport, authentication and the request; the stream is read from the bytes, because typed chunks
cost six times as much. It is imported when the first client is built, off the event loop, since that takes a second.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from providers.base import Capabilities, Delta, Message, Request
from providers.errors import (
    AuthenticationFailed,
    MalformedStream,
    ModelNotFound,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    StreamBroken,
)
from providers.facts import openai_facts
from providers.http_errors import Endpoint, error_for, refusal
from providers.reply import ChatReply
from providers.sse import DataDecoder, EventTooLarge

if TYPE_CHECKING:
    import openai

OPENAI_URL = "https://api.openai.com/v1"
_OPTIONAL = ("stream_options", "temperature", "reasoning_effort", "max_completion_tokens", "max_tokens")
_ROOM_TO_THINK = 4096
_CHECK_SECONDS = 15.0
_DRAIN_SECONDS = 0.1
_NO_KEY = "none"


class OpenAIProvider:
    """Chat completions at ``endpoint``. ``context_tokens`` overrides what is known or stated of the model."""

    def __init__(
        self,
        model: str,
        endpoint: Endpoint,
        *,
        name: str = "openai",
        connect_timeout: float = 10.0,
        context_tokens: int | None = None,
    ) -> None:
        if endpoint.key is not None and not (endpoint.key.isascii() and endpoint.key.isprintable()):
            raise AuthenticationFailed(
                f"The key in `{endpoint.key_variable}` holds characters that no key has. Copy it again."
            )
        self._name, self._model = name, model
        self._endpoint = endpoint
        self._connect_timeout = connect_timeout
        self._facts = openai_facts(model)
        self._context = context_tokens
        self._stated_context: int | None = None
        self._own = endpoint.base_url.rstrip("/") == OPENAI_URL
        self._refused: set[str] = set()
        self._client: openai.AsyncOpenAI | None = None
        self._building = asyncio.Lock()

    @property
    def name(self) -> str:
        return self._name

    @property
    def model(self) -> str:
        return self._model

    @property
    def capabilities(self) -> Capabilities:
        context = self._context or self._stated_context or self._facts.context_tokens
        return Capabilities(context, min(self._facts.max_output_tokens, context))

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Text as it arrives, then usage if the server tells it, then why it ended."""
        client = await self._ready()
        reply = ChatReply(self._endpoint, self._model)
        try:
            async with aclosing(self._deltas(client, request, reply)) as deltas:
                async for delta in deltas:
                    yield delta
        except Exception as error:  # noqa: BLE001  the border: whatever the package raises becomes ours
            raise self._translate(error, started=reply.started) from None
        for last in reply.ending():
            yield last

    async def check(self) -> str:
        """Ask for the list of models; learn the size of the context where the server states it."""
        client = await self._ready()
        begin = time.monotonic()
        try:
            answer = await client.get("/models", cast_to=object, options={"timeout": _CHECK_SECONDS})
        except Exception as error:  # noqa: BLE001  the border, as above
            raise self._translate(error, started=False) from None
        seconds = time.monotonic() - begin
        return self._describe(_rows(answer), seconds)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    async def _ready(self) -> "openai.AsyncOpenAI":
        if self._client is None:
            async with self._building:
                if self._client is None:
                    self._client = await asyncio.to_thread(self._build)
        return self._client

    def _build(self) -> "openai.AsyncOpenAI":
        import httpx2
        import openai

        return openai.AsyncOpenAI(
            api_key=self._endpoint.key or _NO_KEY,
            base_url=self._endpoint.base_url,
            max_retries=0,
            timeout=httpx2.Timeout(None, connect=self._connect_timeout),
        )

    async def _deltas(
        self, client: "openai.AsyncOpenAI", request: Request, reply: ChatReply
    ) -> AsyncGenerator[Delta, None]:
        response = await self._open(client, request)
        decoder = DataDecoder()
        try:
            reply.check_type(response.headers.get("content-type", ""))
            chunks = response.aiter_bytes()
            async for chunk in chunks:
                for delta in _read(decoder.feed(chunk), reply):
                    yield delta
                if reply.done:
                    await _drain(chunks)
                    return
            for delta in _read(decoder.flush(), reply):
                yield delta
        finally:
            await response.aclose()

    async def _open(self, client: "openai.AsyncOpenAI", request: Request) -> Any:
        """The response, its headers read. An optional parameter that the server refuses is left out from then on."""
        import openai

        while True:
            payload = self._payload(request)
            call: Any = client.chat.completions.with_streaming_response.create
            try:
                return (await call(**payload).__aenter__()).http_response
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                named = f"{error.param or ''} {error.message}"
                refused = {word for word in _OPTIONAL if word in payload and word in named}
                if not refused - self._refused:
                    raise
                self._refused |= refused

    def _payload(self, request: Request) -> dict[str, Any]:
        limit = min(request.max_output_tokens, self.capabilities.max_output_tokens)
        optional: dict[str, Any] = {
            "stream_options": {"include_usage": True},
            "temperature": request.temperature,
            "reasoning_effort": "low" if self._thinks else None,
        }
        optional[self._limit_name] = limit + _ROOM_TO_THINK if self._thinks else limit
        if self._thinks:
            optional["temperature"] = None
        chosen = {key: value for key, value in optional.items() if value is not None and key not in self._refused}
        return {"model": self._model, "messages": _wire(request.messages), "stream": True, **chosen}

    @property
    def _thinks(self) -> bool:
        return self._own and self._facts.reasons

    @property
    def _limit_name(self) -> str:
        """OpenAI wants the new name; many compatible servers know only the old one."""
        first, second = "max_completion_tokens", "max_tokens"
        if not self._own:
            first, second = second, first
        return second if first in self._refused else first

    def _translate(self, error: Exception, *, started: bool) -> ProviderError:
        import httpx2
        import openai

        if isinstance(error, ProviderError):
            return error
        if isinstance(error, openai.APIStatusError):
            response = error.response
            return error_for(refusal(error.status_code, response.headers, error.body, self._endpoint, self._model))
        if isinstance(error, json.JSONDecodeError | UnicodeDecodeError | EventTooLarge | httpx2.DecodingError):
            return MalformedStream(f"{self._endpoint.label} sent an answer that cannot be read. Retry.")
        if isinstance(error, openai.APIConnectionError | httpx2.TransportError | OSError):
            return self._lost(error, started=started)
        if isinstance(error, openai.OpenAIError | httpx2.HTTPError | httpx2.InvalidURL | ValueError):
            return MalformedStream(f"{self._endpoint.label} did not answer as a chat service does. Check its address.")
        raise error

    def _lost(self, error: Exception, *, started: bool) -> ProviderError:
        import httpx2
        import openai

        host, look = self._endpoint.host, self._endpoint.where_to_look
        if started:
            return StreamBroken("The connection to the model broke; this answer is incomplete. Retry.")
        if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException):
            return ProviderTimeout(f"Cannot reach the model at {host} in time. Check {look}, then retry.")
        if isinstance(error.__cause__, httpx2.ConnectError) or isinstance(error, httpx2.ConnectError):
            return ProviderUnavailable(f"Cannot reach the model at {host}. Check {look}, then retry.")
        return ProviderUnavailable(f"The model at {host} closed the connection without an answer. Retry.")

    def _describe(self, rows: list[dict[str, Any]], seconds: float) -> str:
        found = f"{self._endpoint.label} answers in {seconds * 1000:.0f} ms"
        mine = [row for row in rows if row.get("id") == self._model]
        if not rows or not mine:
            if rows and self._own:
                raise ModelNotFound(
                    f"OpenAI does not offer the model “{self._model}” to this key. Choose another model."
                )
            return f"{found}; whether it knows “{self._model}” shows with the first question" if rows else found
        self._stated_context = _stated_context(mine[0]) or self._stated_context
        return f"{found} and knows “{self._model}”"


def _wire(messages: tuple[Message, ...]) -> list[dict[str, str]]:
    return [{"role": message.role, "content": message.content} for message in messages]


def _read(payloads: Iterator[str], reply: ChatReply) -> Iterator[Delta]:
    for payload in payloads:
        yield from reply.read(payload)
        if reply.done:
            return


async def _drain(chunks: Any) -> None:
    """Read what follows the last event, so that the connection can serve the next question."""
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in chunks:
                pass
    except (TimeoutError, OSError):
        return


def _rows(answer: object) -> list[dict[str, Any]]:
    rows = answer.get("data") if isinstance(answer, dict) else answer
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _stated_context(row: dict[str, Any]) -> int | None:
    """Servers state it under different names: llama.cpp, vLLM and gateways in this order."""
    meta = row.get("meta") if isinstance(row.get("meta"), dict) else {}
    stated = [(meta or {}).get("n_ctx"), row.get("max_model_len"), row.get("context_length")]
    return next((value for value in stated if isinstance(value, int) and value > 0), None)
