"""Pages as their scripts make them, for pages that are empty without.

A browser draws the page, but fetches nothing: each of its requests is made here, by the one door to the network and by
its rules, or refused. What a page may ask for, take and last is limited.
"""

import asyncio
import hashlib
import io
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sitechat.errors import SiteChatError, TimedOut, Unavailable
from sitechat.ingestion.blobs import BlobStore
from sitechat.ingestion.browser import SharedBrowser
from sitechat.ingestion.fetch import USER_AGENT, Fetcher
from sitechat.ingestion.login import Login
from sitechat.ingestion.sources import Source

if TYPE_CHECKING:
    from playwright.async_api import CDPSession, Page, Request, Route

_WANTED = frozenset({"script", "stylesheet", "xhr", "fetch"})
_PASSED_ON = ("content-type", "access-control-allow-origin", "access-control-allow-credentials")
_AT_ONCE = 4
_POLL_SECONDS = 0.25
_LARGEST_PAGE = 5_000_000
# Ways to the network that requests do not see; the browser's walls would stop them anyway.
_WITHOUT = """
for (const name of ["RTCPeerConnection", "webkitRTCPeerConnection", "WebTransport", "EventSource", "SharedWorker"])
  delete globalThis[name];
"""
_LENGTH = "document.body ? document.body.innerText.length : 0"
_HTML = "(t => t.length > %d ? null : t)(document.documentElement ? document.documentElement.outerHTML : '')"
_TOO_LARGE = "What its scripts make of the page is larger than is read."
_CRASHED = "The page could not be read: its scripts need more memory than is allowed, or break the browser."


class RenderFailed(Unavailable):
    """The scripts of a page came to no end that can be read; trying again would end the same way."""

    retryable = False


class Renderer:
    """One page at a time. ``deadline`` and ``settle`` are seconds: for all of a page, and for its scripts to calm down.

    A page may make ``most_requests``, with answers of ``most_bytes`` together. What a page of the public web asks for
    is fetched by ``public``, which should not know of networks that the operator allows: no page from out there shall
    look around in here. Close it with :meth:`close`.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        public: Fetcher,
        blobs: BlobStore,
        browser: SharedBrowser,
        *,
        deadline: float = 30,
        settle: float = 10,
        most_requests: int = 100,
        most_bytes: int = 30_000_000,
    ) -> None:
        self.deadline, self.settle = deadline, settle
        self.most_requests, self.most_bytes = most_requests, most_bytes
        self._blobs = blobs
        self._fetcher, self._public = fetcher, public
        self._browser = browser
        self._free = asyncio.Semaphore(1)

    async def render(self, source: Source, page: Path, login: Login | None) -> Source:
        """The page of ``source``, whose bytes are in the file ``page``, after its scripts have run.

        Raises ``TimedOut``, :class:`RenderFailed`, or ``Unavailable`` where there is no browser.
        """
        body = await asyncio.to_thread(_read, page)
        async with self._free:
            written = await self._drawn(source, body, login)
        data = written.encode("utf-8", "replace")

        def keep() -> tuple[str, int]:
            return self._blobs.put(io.BytesIO(data), len(data))

        digest = hashlib.sha256(data).hexdigest()
        return replace(source, blob=digest, media_type="text/html; charset=utf-8", keep=keep)

    def fetcher_for(self, source: Source) -> Fetcher:
        return self._public if source.public else self._fetcher

    async def close(self) -> None:
        """End the browser and close ``public``."""
        await self._browser.close()
        await self._public.close()

    async def _drawn(self, source: Source, body: bytes, login: Login | None) -> str:
        from playwright.async_api import Error

        chromium = await self._browser.get()
        try:
            async with asyncio.timeout(self.deadline):
                context = await chromium.new_context(
                    service_workers="block", accept_downloads=False, user_agent=USER_AGENT
                )
                page = await context.new_page()
                html = await _Session(self, page, source, body, login).run()
                await context.close()
                return html
        except TimeoutError:
            await self._browser.discard()
            raise TimedOut(
                f"The scripts of the page took longer than {self.deadline:g} seconds.", retryable=False
            ) from None
        except Error:
            await self._browser.discard()
            raise RenderFailed(_CRASHED) from None
        except BaseException:
            await self._browser.discard()
            raise


class _Session:
    """One page while it is drawn."""

    def __init__(self, renderer: Renderer, page: "Page", source: Source, body: bytes, login: Login | None) -> None:
        self._renderer, self._page, self._source, self._body, self._login = renderer, page, source, body, login
        self._fetcher = renderer.fetcher_for(source)
        self._begun = False
        self._requests = 0
        self._bytes = 0
        self._pending = 0
        self._at_once = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> str:
        page = self._page
        crashed = asyncio.Event()
        page.on("crash", lambda _: crashed.set())
        drawing, crashing = asyncio.create_task(self._draw()), asyncio.create_task(crashed.wait())
        try:
            await asyncio.wait({drawing, crashing}, return_when=asyncio.FIRST_COMPLETED)
            if not drawing.done():
                raise RenderFailed(_CRASHED)
            return drawing.result()
        finally:
            drawing.cancel()
            crashing.cancel()
            await asyncio.wait({drawing, crashing})

    async def _draw(self) -> str:
        page = self._page
        await page.context.route("**/*", self._answer)
        await page.context.route_web_socket("**/*", lambda socket: socket.close())
        await page.context.add_init_script(_WITHOUT)
        page.on("dialog", lambda dialog: asyncio.ensure_future(dialog.dismiss()))
        page.on("popup", lambda other: asyncio.ensure_future(other.close()))
        await page.goto(self._source.address, wait_until="domcontentloaded", timeout=0)
        world = await _World.of(page)
        await self._calm(world)
        html = await world.value(_HTML % _LARGEST_PAGE)
        if not isinstance(html, str):
            raise RenderFailed(_TOO_LARGE)
        return f"<!DOCTYPE html>{html}"

    async def _calm(self, world: "_World") -> None:
        """Wait until nothing is asked for and the text does not grow any more, but no longer than is given."""
        length = -1
        for _ in range(int(self._renderer.settle / _POLL_SECONDS)):
            await asyncio.sleep(_POLL_SECONDS)
            former, length = length, await world.value(_LENGTH)
            if not self._pending and length == former and length:
                return

    async def _answer(self, route: "Route") -> None:
        """Every request of the browser ends here; one after the page is gone ends in nothing."""
        self._pending += 1
        try:
            with suppress(Exception):  # the page may be closed in the middle of any of this
                await self._answered(route)
        finally:
            self._pending -= 1

    async def _answered(self, route: "Route") -> None:
        request = route.request
        if not self._begun and request.is_navigation_request() and request.frame == self._page.main_frame:
            self._begun = True
            content_type = self._source.media_type or "text/html"
            await route.fulfill(status=200, headers={"content-type": content_type}, body=self._body)
        elif request.is_navigation_request():
            await route.fulfill(status=204)  # "no content": the browser stays where it is
        elif not self._is_wanted(request):
            await route.abort("blockedbyclient")
        else:
            await self._fetched(route)

    def _is_wanted(self, request: "Request") -> bool:
        self._requests += 1
        return (
            request.method == "GET"
            and request.resource_type in _WANTED
            and self._requests <= self._renderer.most_requests
            and self._bytes < self._renderer.most_bytes
        )

    async def _fetched(self, route: "Route") -> None:
        try:
            async with self._at_once:
                left = max(1, self._renderer.most_bytes - self._bytes)
                answer = await self._fetcher.fetch_any(route.request.url, left, login=self._login)
        except SiteChatError:
            await route.abort("failed")
            return
        self._bytes += answer.body.size
        headers = {name: answer.headers[name] for name in _PASSED_ON if name in answer.headers}
        await route.fulfill(status=answer.status, headers=headers, body=answer.data)


class _World:
    """Looks at a page from outside of its scripts, which cannot change what is seen."""

    def __init__(self, session: "CDPSession", context: int) -> None:
        self._session = session
        self._context = context

    @classmethod
    async def of(cls, page: "Page") -> "_World":
        session = await page.context.new_cdp_session(page)
        frame = (await session.send("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        made = await session.send("Page.createIsolatedWorld", {"frameId": frame})
        return cls(session, made["executionContextId"])

    async def value(self, expression: str) -> Any:
        found = await self._session.send(
            "Runtime.evaluate", {"expression": expression, "contextId": self._context, "returnByValue": True}
        )
        return found["result"].get("value")


def _read(page: Path) -> bytes:
    if page.stat().st_size > _LARGEST_PAGE:
        raise RenderFailed(_TOO_LARGE)
    return page.read_bytes()
