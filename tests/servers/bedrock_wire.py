"""A server on loopback that speaks Amazon Bedrock's runtime wire: ConverseStream in the binary event stream encoding
(``application/vnd.amazon.eventstream``, with its checksums), and InvokeModel for embeddings.

How it answers is chosen by the model's name (:mod:`tests.servers.behaviour`); errors by status carry the AWS code that
belongs to them. An access key id that begins with ``BAD`` is rejected; a request for one token is a probe and
is answered.
"""

import asyncio
import json
import struct
import zlib
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.servers.behaviour import Behaviour, answer, paced, parse, retry_after_header
from tests.servers.host import Exchange, LoopbackServer
from tests.servers.openai_wire import embed

_STRING = 7
_CODES = {
    400: ("ValidationException", "The model rejected the request."),
    401: ("UnrecognizedClientException", "The security token included in the request is invalid."),
    403: ("AccessDeniedException", "You don't have access to the model with the specified model ID."),
    404: ("ResourceNotFoundException", "Could not resolve the foundation model."),
    408: ("ModelTimeoutException", "The model took too long."),
    429: ("ThrottlingException", "Too many requests, please wait before trying again."),
    500: ("InternalServerException", "An internal server error occurred."),
    503: ("ServiceUnavailableException", "The service is not available."),
}
_STOP_REASONS = {"len": "max_tokens", "filter": "content_filtered", "guard": "guardrail_intervened"}


class BedrockWire(LoopbackServer):
    """``url`` is the endpoint a client is given; ``requests`` is the log."""

    @property
    def url(self) -> str:
        return self.origin

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/model/{model}/converse-stream", self._converse),
            web.post("/model/{model}/invoke", self._invoke),
        ]

    async def _converse(self, request: web.Request) -> web.StreamResponse:
        exchange = await self._note(request, "chat")
        probing = exchange.body.get("inferenceConfig", {}).get("maxTokens") == 1
        behaviour = Behaviour() if probing else parse(exchange.model)
        try:
            await asyncio.sleep(behaviour.header_delay)
            if refusal := self._refusal(request, behaviour, exchange):
                return refusal
            return await self._stream(request, behaviour, exchange)
        except (asyncio.CancelledError, ConnectionError):
            exchange.close("client-left")
            raise

    async def _note(self, request: web.Request, kind: str) -> Exchange:
        exchange = Exchange(kind, unquote(request.match_info["model"]), await request.json())
        self.requests.append(exchange)
        return exchange

    def _refusal(self, request: web.Request, behaviour: Behaviour, exchange: Exchange) -> web.Response | None:
        if "Credential=BAD" in request.headers.get("Authorization", ""):
            return _error(exchange, 401, *_CODES[401], status_sent=403)
        if behaviour.status and self.still_failing(exchange.model, behaviour.failures):
            code, text = _CODES[behaviour.status]
            return _error(exchange, behaviour.status, code, text, headers=retry_after_header(behaviour))
        if "long" in behaviour.words:
            return _error(exchange, 400, "ValidationException", "Input is too long for requested model.")
        if "invalid" in behaviour.words:
            return _error(exchange, 400, "ValidationException", "The provided model identifier is invalid.")
        if "expired" in behaviour.words:
            return _error(exchange, 403, "ExpiredTokenException", "The security token has expired.")
        return None

    async def _stream(self, request: web.Request, behaviour: Behaviour, exchange: Exchange) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/vnd.amazon.eventstream"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        await asyncio.sleep(behaviour.delay)
        tokens = answer(behaviour, _question(exchange.body))
        limit, end = behaviour.stop if behaviour.stop[1] != "done" else (len(tokens), "done")
        await response.write(event("messageStart", {"role": "assistant"}))
        async for begin, until in paced(behaviour, min(limit, len(tokens))):
            exchange.first = exchange.first or asyncio.get_running_loop().time()
            await response.write(b"".join(_text(token) for token in tokens[begin:until]))
            exchange.sent = until
        await self._finish(request, response, behaviour, exchange, end)
        return response

    async def _finish(
        self,
        request: web.Request,
        response: web.StreamResponse,
        behaviour: Behaviour,
        exchange: Exchange,
        end: str,
    ) -> None:
        if end == "hang":
            exchange.end = "hang"
            await asyncio.sleep(3600)
        elif end == "cut":
            exchange.close("cut")
            if request.transport is not None:
                request.transport.abort()
            return
        elif end == "mid-error":
            await response.write(exception("internalServerException", "An internal error occurred."))
        elif end == "garbled":
            await response.write(_text("broken")[:-4] + b"\0\0\0\0")
        elif end == "done":
            await response.write(_ending(behaviour, exchange))
        exchange.close(end)
        await response.write_eof()

    async def _invoke(self, request: web.Request) -> web.StreamResponse:
        exchange = await self._note(request, "embeddings")
        if refusal := self._refusal(request, parse(exchange.model), exchange):
            return refusal
        exchange.close("done")
        body = exchange.body
        if "texts" in body:
            vectors = [embed(text, 1024) for text in body["texts"]]
            return web.json_response({"id": "e1", "embeddings": vectors, "response_type": "embeddings_floats"})
        text = str(body.get("inputText", ""))
        vector = embed(text, int(body.get("dimensions") or 1024))
        return web.json_response({"embedding": vector, "inputTextTokenCount": len(text) // 4})


def message(headers: dict[str, str], payload: bytes) -> bytes:
    """One message of the event stream encoding: lengths, their checksum, headers, payload, checksum of it all."""
    packed = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", _STRING, len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack("!II", 12 + len(packed) + len(payload) + 4, len(packed))
    checked = prelude + struct.pack("!I", zlib.crc32(prelude)) + packed + payload
    return checked + struct.pack("!I", zlib.crc32(checked))


def event(name: str, body: dict[str, Any]) -> bytes:
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return message(headers, json.dumps(body).encode())


def exception(name: str, text: str) -> bytes:
    headers = {":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}
    return message(headers, json.dumps({"message": text}).encode())


def _text(token: str) -> bytes:
    return event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": token}})


def _ending(behaviour: Behaviour, exchange: Exchange) -> bytes:
    reason = next((_STOP_REASONS[word] for word in behaviour.words if word in _STOP_REASONS), "end_turn")
    prompt = max(1, len(json.dumps(exchange.body)) // 4)
    usage = {"inputTokens": prompt, "outputTokens": exchange.sent, "totalTokens": prompt + exchange.sent}
    return (
        event("contentBlockStop", {"contentBlockIndex": 0})
        + event("messageStop", {"stopReason": reason})
        + event("metadata", {"usage": usage, "metrics": {"latencyMs": 1}})
    )


def _question(body: dict[str, Any]) -> str:
    asked = [part.get("text", "") for m in body.get("messages", []) if m["role"] == "user" for part in m["content"]]
    return str(asked[-1]) if asked else ""


def _error(
    exchange: Exchange,
    status: int,
    code: str,
    text: str,
    *,
    headers: dict[str, str] | None = None,
    status_sent: int | None = None,
) -> web.Response:
    exchange.close(str(status))
    sent = {"x-amzn-ErrorType": code, **(headers or {})}
    return web.json_response({"message": text}, status=status_sent or status, headers=sent)
