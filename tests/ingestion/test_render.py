"""Pages that are empty without their scripts, in a real browser that itself never dials."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from sitechat.errors import TimedOut, Unavailable
from sitechat.identity import LOCAL
from sitechat.ingestion.addresses import AddressRules, parse_networks
from sitechat.ingestion.blobs import BlobStore
from sitechat.ingestion.browser import SharedBrowser
from sitechat.ingestion.fetch import Fetcher
from sitechat.ingestion.login import Login, parse_headers
from sitechat.ingestion.render import Renderer, RenderFailed
from sitechat.ingestion.site.plan import site
from sitechat.ingestion.sources import Source
from sitechat.settings import Settings
from tests.fixtures.ssrf import Resolver, Seen, observed
from tests.fixtures.web import Answer, LeadingNetwork, WebServer, response
from tests.support.library import Library, open_library

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), reason="no chromium here"
    ),
]

START = "http://site.test/"
SHELL = (
    '<html><head><title>Shop</title></head><body><div id="root"></div><noscript>Please enable JavaScript.</noscript>'
    '<script src="/app.js"></script></body></html>'
)
DRAWS = """
(async () => {
  const data = await (await fetch('/data.json')).json();
  document.getElementById('root').innerHTML =
    `<h1>${data.title}</h1><p>${data.text}</p><a href="/second">More</a>`;
})();
"""
DATA = b'{"title": "Lanterns", "text": "Every lantern in this shop was soldered by hand."}'


def script(text: str) -> bytes:
    return response(text.encode(), content_type="text/javascript")


APP: Mapping[str, Answer] = {
    "/app.js": script(DRAWS),
    "/data.json": response(DATA, content_type="application/json"),
}


class Drawing:
    """``await draw()`` draws a page; the HTML that comes of it."""

    def __init__(self, renderer: Renderer, browser: SharedBrowser, folder: Path) -> None:
        self.renderer = renderer
        self.browser = browser
        self.folder = folder

    async def __call__(self, shell: str = SHELL, *, login: Login | None = None, public: bool = True) -> str:
        page = self.folder / "page.html"
        await asyncio.to_thread(page.write_text, shell)
        source = Source("", "page.html", "text/html", lambda: ("", 0), address=START, is_html=True, public=public)
        rendered = await self.renderer.render(source, page, login)
        blob, _ = rendered.keep()
        return BlobStore(self.folder / "blobs").path(blob).read_text()

    @property
    def pid(self) -> int:
        assert self.browser.folder is not None
        return int((self.browser.folder / "pid").read_text())


@asynccontextmanager
async def drawing(folder: Path, fetcher: Fetcher, public: Fetcher, **limits: Any) -> AsyncIterator[Drawing]:
    browser = SharedBrowser()
    renderer = Renderer(fetcher, public, BlobStore(folder / "blobs"), browser, **limits)
    try:
        yield Drawing(renderer, browser, folder)
        used = browser.folder
    finally:
        await renderer.close()
    assert used is None or not used.exists()


@asynccontextmanager
async def watched(
    folder: Path, answers: Mapping[str, Answer] = APP, **limits: Any
) -> AsyncIterator[tuple[Drawing, Seen]]:
    """With an observer of every dial; the names of ``site.test`` are public, all others lead inside."""
    async with observed(answers, "site.test") as (fetcher, seen), drawing(folder, fetcher, fetcher, **limits) as draw:
        yield draw, seen


async def test_a_page_is_drawn_by_its_scripts(tmp_path: Path) -> None:
    async with watched(tmp_path) as (draw, _):
        html = await draw()
        assert "Every lantern in this shop was soldered by hand." in html
        assert 'href="/second"' in html


HOSTILE = """
const tried = [
  'http://10.0.0.1/', 'http://127.0.0.1:8080/', 'http://169.254.169.254/latest/meta-data/', 'http://inside.test/',
  'http://[::1]/', 'https://10.0.0.1/', '/redirects',
];
const told = text => document.body.append(text + ' ');
(async () => {
  const refused = () => told('refused');
  for (const url of tried) await fetch(url, {mode: 'no-cors'}).then(() => told('REACHED ' + url), refused);
  await fetch('/posted', {method: 'POST', body: 'x'}).then(() => told('POSTED'), refused);
  new Image().src = 'http://10.0.0.2/image.png';
  navigator.sendBeacon('http://10.0.0.3/beacon', 'x');
  for (const [kind, address] of [['WebSocket', 'ws://10.0.0.4/'], ['WebTransport', 'https://10.0.0.5/'],
       ['EventSource', 'http://10.0.0.6/']])
    try { new globalThis[kind](address).onopen = () => told('OPEN ' + kind); } catch (error) {}
  try { const peer = new RTCPeerConnection({iceServers: [{urls: 'stun:10.0.0.7:3478'}]});
        peer.createDataChannel('x'); peer.setLocalDescription(await peer.createOffer()); told('PEER');
  } catch (error) {}
  const frame = document.createElement('iframe'); frame.src = 'http://10.0.0.8/'; document.body.append(frame);
  const inner = `fetch('http://10.0.0.9/').then(() => postMessage('REACHED'), () => postMessage('refused'))`;
  const worker = new Worker(URL.createObjectURL(new Blob([inner])));
  worker.onmessage = event => told('worker ' + event.data);
  navigator.serviceWorker && navigator.serviceWorker.register('/worker.js').then(() => told('SERVICE'), () => {});
  const form = document.createElement('form'); form.action = 'http://10.0.0.10/'; document.body.append(form);
  told('All was tried.');
  window.open('http://10.0.0.11/');
  setTimeout(() => { location.href = 'http://10.0.0.12/'; }, 50);
})();
"""


async def test_whatever_a_script_tries_nothing_private_is_dialled(tmp_path: Path) -> None:
    """Judged by who dials: the door and this process; the browser has a network of its own, with nothing in it."""
    head = '<link rel="preconnect" href="http://10.0.0.20/"><link rel="dns-prefetch" href="//inside.test/">'
    answers = {
        "/app.js": script(HOSTILE),
        "/redirects": response(status="302 Found", location="http://10.0.0.1/"),
        "/worker.js": script("self.x = 1"),
    }
    async with watched(tmp_path, answers) as (draw, seen):
        html = await draw(SHELL.replace("<head>", f"<head>{head}"))
        assert "All was tried." in html
        assert html.count("refused") >= 8
        for word in ("REACHED", "POSTED", "OPEN", "PEER", "SERVICE"):
            assert word not in html
        assert {host for host, _ in seen.dialled} == {"93.184.216.34"}
        assert seen.nothing_around()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux takes the network away")
async def test_the_browser_has_no_network_and_none_of_our_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-browsers")
    async with watched(tmp_path) as (draw, _):
        await draw()
        assert os.readlink(f"/proc/{draw.pid}/ns/net") != os.readlink("/proc/self/ns/net")
        assert b"sk-not-for-browsers" not in await asyncio.to_thread(Path(f"/proc/{draw.pid}/environ").read_bytes)


async def test_a_page_of_the_public_web_cannot_look_into_an_allowed_network(tmp_path: Path) -> None:
    """A page of the intranet can: it belongs there."""
    tries = """
    fetch('http://10.1.1.1/data.json', {mode: 'no-cors'})
      .then(() => document.body.append('It answered.'), () => document.body.append('It was refused.'));
    """
    async with WebServer({**APP, "/app.js": script(tries)}) as server:
        network, resolve = LeadingNetwork(server.port), Resolver("site.test")
        inside = Fetcher(AddressRules(parse_networks("10.1.0.0/16")), resolve=resolve, network=network)
        public = Fetcher(resolve=resolve, network=network)
        async with drawing(tmp_path, inside, public) as draw:
            assert "It was refused." in await draw(public=True)
            assert "It answered." in await draw(public=False)
        await inside.close()


async def test_a_login_goes_with_what_the_page_asks_of_its_own_site_only(tmp_path: Path) -> None:
    asks = DRAWS + "fetch('http://cdn.site.test/elsewhere', {mode: 'no-cors'});"
    answers = {**APP, "/app.js": script(asks), "/elsewhere": response(b"{}", content_type="application/json")}
    login = Login("http://site.test", parse_headers(["Cookie: session=s3cr3t"]))
    async with WebServer(answers) as server:
        fetcher = Fetcher(resolve=Resolver("site.test"), network=LeadingNetwork(server.port))
        async with drawing(tmp_path, fetcher, fetcher) as draw:
            html = await draw(login=login)
        sent = {request.split()[1]: "s3cr3t" in request for request in server.requests}
    assert sent == {"/app.js": True, "/data.json": True, "/elsewhere": False}
    assert "s3cr3t" not in html


async def test_scripts_without_end_are_stopped_and_the_next_page_is_drawn(tmp_path: Path) -> None:
    endless = SHELL.replace('<script src="/app.js"></script>', "<script>while (true) {}</script>")
    async with watched(tmp_path, deadline=4) as (draw, _):
        with pytest.raises(TimedOut, match="took longer than 4 seconds"):
            await draw(endless)
        draw.renderer.deadline = 60
        assert "soldered by hand" in await draw()


@pytest.mark.parametrize(
    "greedy",
    ["const a = []; while (true) a.push(new Array(1e6).fill(a.length));", "document.write('x'.repeat(6e6))"],
    ids=["memory", "text"],
)
async def test_greedy_scripts_are_stopped_with_a_reason(tmp_path: Path, greedy: str) -> None:
    page = SHELL.replace('<script src="/app.js"></script>', f"<script>{greedy}</script>")
    async with watched(tmp_path, deadline=60) as (draw, _):
        with pytest.raises(RenderFailed):
            await draw(page)
        assert "soldered by hand" in await draw()


async def test_a_page_that_asks_without_end_gets_so_many_answers(tmp_path: Path) -> None:
    asks = DRAWS + "for (let i = 0; i < 500; i++) fetch('/data.json?' + i).catch(() => {});"
    async with watched(tmp_path, {**APP, "/app.js": script(asks)}, most_requests=10) as (draw, _):
        assert "soldered by hand" in await draw()


async def test_a_browser_that_died_is_started_again(tmp_path: Path) -> None:
    async with watched(tmp_path) as (draw, _):
        await draw()
        first = draw.pid
        os.killpg(first, signal.SIGKILL)
        await asyncio.sleep(0)
        assert "soldered by hand" in await drawn_at_last(draw)
        assert draw.pid != first


async def drawn_at_last(draw: Drawing) -> str:
    """The death may be noticed in the middle of the next page, which then has failed."""
    try:
        return await draw()
    except RenderFailed:
        return await draw()


KILLED = """
import asyncio
from sitechat.ingestion.browser import SharedBrowser

async def main():
    browser = SharedBrowser()
    await browser.get()
    print(browser.folder, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def test_a_killed_sitechat_leaves_no_browser() -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    group = int((Path(process.stdout.readline().strip()) / "pid").read_text())
    os.killpg(group, 0)
    process.kill()
    process.wait()
    until = time.monotonic() + 20
    while time.monotonic() < until and any(p.info["status"] != psutil.STATUS_ZOMBIE for p in of_group(group)):
        time.sleep(0.1)
    assert [p for p in of_group(group) if p.info["status"] != psutil.STATUS_ZOMBIE] == []


def of_group(group: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["status"]):
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            if os.getpgid(process.pid) == group:
                found.append(process)
    return found


async def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="install the system's package chromium"):
        await SharedBrowser().get()


# The whole way


@asynccontextmanager
async def shop(folder: Path, *, render: bool) -> AsyncIterator[tuple[Library, WebServer]]:
    answers = {
        "/": response(SHELL.encode(), etag='"same"'),
        "/second": response(b"<h1>Second</h1><p>A page that needs no script, linked by one that does.</p>"),
        **APP,
    }
    settings = Settings(
        data_dir=folder / "data", allow_networks="127.0.0.0/8", site_pause=0, sample=False, render_javascript=render,
        _env_file=None,
    )  # fmt: skip
    async with WebServer(answers) as server, open_library(folder, settings=settings) as library:
        yield library, server


async def test_a_site_of_scripts_is_read_and_its_changes_are_seen(tmp_path: Path) -> None:
    """Its shell never changes; what the scripts make of it does."""
    async with shop(tmp_path, render=True) as (library, server):
        base = await library.base()
        address = f"http://127.0.0.1:{server.port}/"
        job = await library.ingestion.add_site(LOCAL, base.id, site(address))
        await library.ended(job)
        items = {item.uri: item for item in await library.ingestion.items(LOCAL, job)}
        assert [items[url].outcome for url in (address, f"{address}second")] == ["indexed", "indexed"]
        first = next(d for d in await library.knowledge.documents(LOCAL, base.id) if d.uri == address)
        assert "soldered by hand" in await library.knowledge.text(LOCAL, first.id)

        again = await library.again(job)
        await library.ended(again)
        assert {i.outcome for i in await library.ingestion.items(LOCAL, again) if i.uri == address} == {"unchanged"}

        server.answers = {**server.answers, "/data.json": response(DATA.replace(b"hand", b"machine"))}
        single = await library.ingestion.add_url(LOCAL, base.id, address)
        await library.ended(single)
        assert "soldered by machine" in await library.knowledge.text(LOCAL, first.id)


async def test_without_the_setting_the_reason_is_said(tmp_path: Path) -> None:
    async with shop(tmp_path, render=False) as (library, server):
        base = await library.base()
        address = f"http://127.0.0.1:{server.port}/"
        for job in (
            await library.ingestion.add_url(LOCAL, base.id, address),
            await library.ingestion.add_site(LOCAL, base.id, site(address)),
        ):
            await library.ended(job)
            (item,) = [item for item in await library.ingestion.items(LOCAL, job) if item.uri == address]
            assert item.reason.startswith("Without JavaScript there is no text on it")
