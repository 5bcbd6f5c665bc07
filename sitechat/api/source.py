"""A document as a citation opens it: its text with the quoted words marked, or the original file."""

import html
import secrets
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from sitechat.errors import NotFound
from sitechat.identity import LOCAL
from sitechat.runtime import Runtime
from sitechat.storage.values import Document

Endpoint = Callable[[Request], Awaitable[Response]]
_SHOWN_INLINE = frozenset({"application/pdf"})

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style nonce="{nonce}">
:root {{ color-scheme: light dark; }}
body {{ font: 17px/1.65 system-ui, sans-serif; max-width: 46rem; margin: 2.5rem auto; padding: 0 1rem;
  color: CanvasText; background: Canvas; }}
header {{ border-bottom: 1px solid GrayText; margin-bottom: 1.5rem; }}
h1 {{ font-size: 1.35rem; margin: 0; }} p {{ color: GrayText; margin: .3rem 0 1rem; }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; }}
mark {{ background: #ffe08a; color: #1d1d1f; padding: .1em 0; scroll-margin-top: 30vh; }}
</style></head><body><header><h1>{title}</h1><p>{about}</p></header><main><pre>{body}</pre></main></body></html>
"""


def view(runtime: Callable[[], Runtime]) -> Endpoint:
    """``?start=&end=`` mark a passage, which ``#quote`` scrolls to."""

    async def respond(request: Request) -> Response:
        engine = runtime()
        try:
            document = await engine.acall(engine.knowledge.document(LOCAL, request.path_params["document_id"]))
            text = await engine.acall(engine.knowledge.text(LOCAL, document.id))
        except NotFound as error:
            return _page("Not found", html.escape(error.message), "", status=404)
        start, end = _offset(request, "start", len(text)), _offset(request, "end", len(text))
        about = f"Read by SiteChat on {document.read_at:%d %B %Y, %H:%M} UTC · {html.escape(_name(document))}"
        return _page(html.escape(document.title), about, _marked(text, start, end))

    return respond


def original(runtime: Callable[[], Runtime]) -> Endpoint:
    """The bytes as they were read; only a PDF is shown in the browser, anything else is downloaded."""

    async def respond(request: Request) -> Response:
        engine = runtime()
        try:
            document = await engine.acall(engine.knowledge.document(LOCAL, request.path_params["document_id"]))
        except NotFound as error:
            return _page("Not found", html.escape(error.message), "", status=404)
        inline = document.media_type in _SHOWN_INLINE
        disposition = "inline" if inline else "attachment"
        return FileResponse(
            engine.knowledge.blob_path(document),
            media_type=document.media_type if inline else "application/octet-stream",
            headers={
                "Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(_name(document), safe='')}",
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
            },
        )

    return respond


def _offset(request: Request, name: str, length: int) -> int:
    value = request.query_params.get(name, "0")
    return min(int(value), length) if value.isascii() and value.isdigit() and len(value) < 12 else 0


def _marked(text: str, start: int, end: int) -> str:
    if end <= start:
        return html.escape(text)
    before, quoted, after = (html.escape(part) for part in (text[:start], text[start:end], text[end:]))
    return f'{before}<mark id="quote">{quoted}</mark>{after}'


def _name(document: Document) -> str:
    return document.uri.removeprefix("file:").rpartition("/")[2] or document.title


def _page(title: str, about: str, body: str, status: int = 200) -> HTMLResponse:
    nonce = secrets.token_urlsafe(16)
    policy = f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; frame-ancestors 'none'"
    return HTMLResponse(
        _PAGE.format(title=title, about=about, body=body, nonce=nonce),
        status_code=status,
        headers={
            "Content-Security-Policy": policy,
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
    )
