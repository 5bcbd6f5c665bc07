"""A server on loopback that speaks the embedding wires: OpenAI's, and Bedrock's ``InvokeModel`` of Titan and Cohere.

How it answers is chosen by the model's name (:mod:`tests.servers.behaviour`). It refuses what the real ones refuse:
a second text for Titan, more than 96 texts or a text of more than 2,048 characters for Cohere, an empty text.
"""

from typing import Any

from aiohttp import web

from tests.servers.behaviour import parse, retry_after_header
from tests.servers.host import Exchange
from tests.servers.openai_wire import OpenAIWire, embed

SIZE = 64
_CODES = {
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}


class EmbeddingsWire(OpenAIWire):
    """``url`` for OpenAI clients, ``origin`` for Bedrock's."""

    def routes(self) -> list[web.RouteDef]:
        return [*super().routes(), web.post("/model/{model}/invoke", self._invoke)]

    def texts(self) -> list[str]:
        """Every text that arrived, in order of arrival."""
        return [text for exchange in self.requests for text in _texts(exchange.body)]

    async def _invoke(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        exchange = Exchange("invoke", request.match_info["model"], body)
        self.requests.append(exchange)
        behaviour = parse(exchange.model)
        if behaviour.status and self.still_failing(exchange.model, behaviour.failures):
            return _refusal(exchange, behaviour.status, retry_after_header(behaviour))
        if "html" in behaviour.words:
            return web.Response(text="<html>A page.</html>", content_type="text/html")
        if "nan" in behaviour.words:
            return web.json_response({"embedding": [float("nan")] * SIZE})
        if "cohere" in exchange.model:
            return self._cohere(exchange)
        exchange.close("done")
        return web.json_response({"embedding": _stretched(body["inputText"]), "inputTextTokenCount": 3})

    def _cohere(self, exchange: Exchange) -> web.Response:
        texts, newer = exchange.body["texts"], "embed-v4" in exchange.model
        cut = ("NONE", "LEFT", "RIGHT") if newer else ("NONE", "START", "END")
        if len(texts) > 96 or exchange.body["truncate"] not in cut or any(not text for text in texts):
            return _refusal(exchange, 400, {})
        if not newer and any(len(text) > 2048 for text in texts):
            return _refusal(exchange, 400, {})
        rows = [_stretched(text) for text in texts]
        exchange.close("done")
        return web.json_response({"embeddings": {"float": rows} if newer else rows, "texts": texts})


def _stretched(text: str) -> list[float]:
    """Not of unit length, as not every model normalises."""
    return [3 * value for value in embed(text, SIZE)]


def _texts(body: dict[str, Any]) -> list[str]:
    found = body.get("input") or body.get("texts") or body.get("inputText") or []
    return [found] if isinstance(found, str) else list(found)


def _refusal(exchange: Exchange, status: int, headers: dict[str, str]) -> web.Response:
    exchange.close(str(status))
    code = _CODES.get(status, "ValidationException")
    return web.json_response(
        {"message": f"Refused with {status}."}, status=status, headers={"x-amzn-ErrorType": code, **headers}
    )
