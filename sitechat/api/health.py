"""Is the process alive, and can it answer?"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse

from sitechat.errors import SiteChatError
from sitechat.runtime import Runtime


async def alive(_: Request) -> JSONResponse:
    """200 as soon as the server serves."""
    return JSONResponse({"status": "ok"})


def ready(runtime: Callable[[], Runtime]) -> Callable[[Request], Awaitable[JSONResponse]]:
    """200 once questions can be answered from documents, else 503; each part by name."""

    async def respond(_: Request) -> JSONResponse:
        engine = runtime()
        try:
            database = {"ok": True, "detail": await engine.acall(engine.db.check())}
        except SiteChatError as error:
            database = {"ok": False, "detail": error.message}
        search = engine.status().search
        parts = {
            "database": database,
            "index": {"ok": search.name == "ready", "detail": search.message or search.name},
            "provider": {"ok": True, "detail": engine.models.default},
        }
        healthy = all(part["ok"] for part in parts.values())
        return JSONResponse({"ready": healthy, "parts": parts}, status_code=200 if healthy else 503)

    return respond
