"""All routes of ours. Streamlit answers every unknown path with the page, so ``/api`` closes with a 404 of its own."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute, Route, WebSocketRoute

from sitechat.api import changes, health, source
from sitechat.runtime import Runtime

GetRuntime = Callable[[], Runtime]


def routes(runtime: GetRuntime, prefix: str = "") -> list[BaseRoute]:
    """``prefix`` is Streamlit's ``server.baseUrlPath``, which moves its own routes only."""
    base = f"/{prefix.strip('/')}" if prefix.strip("/") else ""
    return [
        Route(f"{base}/healthz", health.alive, methods=["GET"]),
        Route(f"{base}/readyz", health.ready(runtime), methods=["GET"]),
        Route(f"{base}/source/{{document_id}}", source.view(runtime), methods=["GET"]),
        Route(f"{base}/source/{{document_id}}/file", source.original(runtime), methods=["GET"]),
        WebSocketRoute(f"{base}/api/ws/changes", changes.listen(runtime)),
        Route(f"{base}/api/{{rest:path}}", _unknown),
    ]


async def _unknown(_: Request) -> JSONResponse:
    return JSONResponse({"code": "NOT_FOUND", "message": "There is nothing at this address."}, status_code=404)
