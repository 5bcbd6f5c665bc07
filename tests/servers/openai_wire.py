"""A server on loopback that speaks OpenAI's wire: chat completions over SSE, embeddings, the list of models.

How it answers is chosen by the model's name (:mod:`tests.servers.behaviour`); every request is logged with how it
ended. A key that begins with ``bad`` is rejected, and the rejection echoes it, as real ones do.
``python -m tests.servers.openai_wire --port 9100`` runs it as a process of its own; ``GET /log`` shows the log.
"""

import argparse
import asyncio
import base64
import contextlib
import json
import math
import struct
import zlib
from dataclasses import asdict
from typing import Any

from aiohttp import web

from tests.servers.behaviour import Behaviour, answer, paced, parse, retry_after_header
from tests.servers.host import Exchange, LoopbackServer

_CODES = {401: "invalid_api_key", 404: "model_not_found", 429: "rate_limit_exceeded"}
_FINISH = {"len": "length", "filter": "content_filter"}


class OpenAIWire(LoopbackServer):
    """``url`` is the base URL a client is given; ``requests`` is the log."""

    def __init__(self, port: int = 0, models: tuple[str, ...] = ("wire", "wire-md", "wire-echo")) -> None:
        super().__init__(port)
        self.models = models

    @property
    def url(self) -> str:
        return f"{self.origin}/v1"

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/chat/completions", self._chat),
            web.post("/v1/embeddings", self._embeddings),
            web.get("/v1/models", self._models),
            web.get("/log", self._show_log),
            web.post("/clear", self._clear_log),
        ]

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        exchange = Exchange("chat", str(body.get("model", "")), body)
        self.requests.append(exchange)
        behaviour = parse(exchange.model)
        try:
            await asyncio.sleep(behaviour.header_delay)
            if refusal := self._refusal(request, behaviour, exchange):
                return refusal
            if not body.get("stream"):
                return _whole(behaviour, exchange)
            return await self._stream(request, behaviour, exchange)
        except (asyncio.CancelledError, ConnectionError):
            exchange.close("client-left")
            raise

    def _refusal(self, request: web.Request, behaviour: Behaviour, exchange: Exchange) -> web.Response | None:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
        if key.startswith("bad"):
            return _error(exchange, 401, f"Incorrect API key provided: {key}.")
        if behaviour.status and self.still_failing(exchange.model, behaviour.failures):
            text = f"Refused with {behaviour.status} for key {key}."
            return _error(exchange, behaviour.status, text, headers=retry_after_header(behaviour))
        if "so" in behaviour.words and "stream_options" in exchange.body:
            return _error(exchange, 400, "Unrecognized request argument supplied: stream_options")
        if "long" in behaviour.words:
            return _error(exchange, 400, "maximum context length is 10 tokens", code="context_length_exceeded")
        if "html" in behaviour.words:
            exchange.close("done")
            return web.Response(text="<html>A page.</html>", content_type="text/html")
        return None

    async def _stream(self, request: web.Request, behaviour: Behaviour, exchange: Exchange) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        await asyncio.sleep(behaviour.delay)
        tokens = answer(behaviour, _question(exchange.body))
        limit, end = behaviour.stop if behaviour.stop[1] != "done" else (len(tokens), "done")
        await response.write(_event(exchange, {"role": "assistant", "content": ""}))
        async for begin, until in paced(behaviour, min(limit, len(tokens))):
            exchange.first = exchange.first or asyncio.get_running_loop().time()
            await response.write(b"".join(_event(exchange, {"content": t}) for t in tokens[begin:until]))
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
            await response.write(_data({"error": {"message": "The server had an error.", "type": "server_error"}}))
        elif end == "garbled":
            await response.write(b'data: {"choices": [{"delta": {"cont\n\n')
        elif end == "done":
            await response.write(_ending(behaviour, exchange))
        exchange.close(end)
        await response.write_eof()

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        exchange = Exchange("embeddings", str(body.get("model", "")), body)
        self.requests.append(exchange)
        behaviour = parse(exchange.model)
        await asyncio.sleep(behaviour.header_delay + behaviour.delay)
        if refusal := self._refusal(request, behaviour, exchange):
            return refusal
        texts = [body["input"]] if isinstance(body["input"], str) else list(body["input"])
        size = int(body.get("dimensions") or 384)
        vectors = [embed(str(text), size) for text in texts]
        packed = body.get("encoding_format") == "base64"
        data = [
            {"object": "embedding", "index": i, "embedding": _packed(vector) if packed else vector}
            for i, vector in enumerate(vectors)
        ]
        exchange.close("done")
        used = sum(len(str(text)) for text in texts) // 4
        usage = {"prompt_tokens": used, "total_tokens": used}
        return web.json_response({"object": "list", "data": data, "model": exchange.model, "usage": usage})

    async def _models(self, request: web.Request) -> web.StreamResponse:
        exchange = Exchange("models", "", {})
        self.requests.append(exchange)
        if refusal := self._refusal(request, Behaviour(), exchange):
            return refusal
        exchange.close("done")
        rows = [{"id": name, "object": "model", "created": 1, "owned_by": "tests"} for name in self.models]
        return web.json_response({"object": "list", "data": rows})

    async def _show_log(self, _: web.Request) -> web.StreamResponse:
        return web.json_response([asdict(item) for item in self.requests[-200:]])

    async def _clear_log(self, _: web.Request) -> web.StreamResponse:
        self.clear()
        return web.json_response({})


def embed(text: str, size: int) -> list[float]:
    """A deterministic unit vector: texts that share words are near each other."""
    vector = [0.0] * size
    for word in text.lower().split():
        mark = zlib.crc32(word.encode())
        vector[mark % size] += 1.0 if mark >> 20 & 1 else -1.0
    norm = math.sqrt(sum(value * value for value in vector))
    return [value / norm for value in vector] if norm else [1.0] + [0.0] * (size - 1)


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _question(body: dict[str, Any]) -> str:
    asked = [m.get("content") for m in body.get("messages", []) if m.get("role") == "user"]
    return str(asked[-1]) if asked else ""


def _data(value: object) -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"


def _event(exchange: Exchange, delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _data({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": exchange.model,
                  "choices": [choice]})  # fmt: skip


def _usage(exchange: Exchange) -> dict[str, int]:
    prompt = max(1, len(json.dumps(exchange.body.get("messages", []))) // 4)
    return {"prompt_tokens": prompt, "completion_tokens": exchange.sent, "total_tokens": prompt + exchange.sent}


def _finish_reason(behaviour: Behaviour) -> str:
    return next((_FINISH[word] for word in behaviour.words if word in _FINISH), "stop")


def _ending(behaviour: Behaviour, exchange: Exchange) -> bytes:
    ending = _event(exchange, {}, _finish_reason(behaviour))
    wanted = (exchange.body.get("stream_options") or {}).get("include_usage")
    if wanted and "nu" not in behaviour.words:
        ending += _data({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": exchange.model,
                         "choices": [], "usage": _usage(exchange)})  # fmt: skip
    return ending + b"data: [DONE]\n\n"


def _whole(behaviour: Behaviour, exchange: Exchange) -> web.Response:
    tokens = answer(behaviour, _question(exchange.body))
    exchange.sent = len(tokens)
    exchange.close("done")
    message = {"role": "assistant", "content": "".join(tokens)}
    choice = {"index": 0, "message": message, "finish_reason": _finish_reason(behaviour)}
    return web.json_response({"id": "c1", "object": "chat.completion", "created": 1, "model": exchange.model,
                              "choices": [choice], "usage": _usage(exchange)})  # fmt: skip


def _error(
    exchange: Exchange,
    status: int,
    message: str,
    *,
    code: str | None = None,
    headers: dict[str, str] | None = None,
) -> web.Response:
    exchange.close(str(status))
    error = {"message": message, "type": "error", "param": None, "code": code or _CODES.get(status)}
    return web.json_response({"error": error}, status=status, headers=headers)


def main() -> None:
    """Serve until interrupted, as a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--port", type=int, default=9100)
    with OpenAIWire(parser.parse_args().port) as server, contextlib.suppress(KeyboardInterrupt):
        print(server.url, flush=True)
        server._thread.join()


if __name__ == "__main__":
    main()
