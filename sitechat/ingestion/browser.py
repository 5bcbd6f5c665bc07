"""The one browser of this process: started when a page first needs it, restarted when it dies, gone with the process.

It never reaches the network: every request of a page is answered by :mod:`sitechat.ingestion.render`, names are not
resolved, what is dialled in spite of that goes to a proxy that does not exist, and on Linux the process has no network.
"""

import asyncio
import contextlib
import importlib.util
import logging
import os
import shlex
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import sitechat
from sitechat.errors import Unavailable

if TYPE_CHECKING:
    from playwright.async_api import Browser as Chromium
    from playwright.async_api import Playwright

log = logging.getLogger(__name__)

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_START_SECONDS = 30
_CLOSE_SECONDS = 5
_HEAP_MB = 512
_PID = "pid"
_PREFIX = "sitechat-browser-"
_FLAGS = (
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--proxy-server=http://127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--dns-prefetch-disable",
    "--no-pings",
    "--disable-gpu",
    "--mute-audio",
    f"--js-flags=--max-old-space-size={_HEAP_MB}",
)
NOT_INSTALLED = (
    "Pages that need JavaScript cannot be read, because Playwright is not installed: pip install playwright."
)
NO_BROWSER = (
    "Pages that need JavaScript cannot be read, because there is no Chromium: install the system's package chromium, "
    "or run `playwright install chromium`."
)
_NOT_STARTED = "The browser for pages that need JavaScript did not start; the log says more."


def missing() -> str | None:
    """What has to be installed before pages can be rendered, as a sentence; None if all that can be told is there."""
    return None if importlib.util.find_spec("playwright") is not None else NOT_INSTALLED


class SharedBrowser:
    """``memory_mb`` is what each of its processes may take. ``folder`` is its own while it runs."""

    def __init__(self, memory_mb: int = 2048) -> None:
        self.folder: Path | None = None
        self._memory = memory_mb << 20
        self._driver: Playwright | None = None
        self._chromium: Chromium | None = None
        self._starting = asyncio.Lock()

    async def get(self) -> "Chromium":
        """The browser, ready. Raises ``Unavailable`` with what to do."""
        async with self._starting:
            if self._chromium is None or not self._chromium.is_connected():
                await self._end()
                try:
                    self._chromium = await self._start()
                except BaseException:
                    await self._end()
                    raise
            return self._chromium

    async def discard(self) -> None:
        """Kill it: a page in it does not end. The next page gets a new one."""
        async with self._starting:
            await self._end()

    async def close(self) -> None:
        await self.discard()

    async def _start(self) -> "Chromium":
        if (needed := missing()) is not None:
            raise Unavailable(needed, retryable=False)
        from playwright.async_api import Error, async_playwright

        self._driver = await async_playwright().start()
        executable = _executable(self._driver.chromium.executable_path)
        self.folder = folder = await asyncio.to_thread(_new_folder)
        root = os.geteuid() == 0
        if root:
            log.warning("the browser runs without its sandbox, as it does for root; run SiteChat as another user")
        try:
            return await self._driver.chromium.launch(
                executable_path=_wrapper(folder, executable, self._memory),
                args=list(_FLAGS),
                env=_environment(folder),
                chromium_sandbox=not root,
                timeout=_START_SECONDS * 1000,
                handle_sigint=False,
                handle_sigterm=False,
                handle_sighup=False,
            )
        except Error as error:
            log.error("the browser did not start: %s", error.message)
            raise Unavailable(_NOT_STARTED, retryable=False) from None

    async def _end(self) -> None:
        chromium, driver, folder = self._chromium, self._driver, self.folder
        self._chromium = self._driver = self.folder = None
        if folder is not None and (chromium is None or chromium.is_connected()):
            _kill(folder)
        for end in (chromium.close if chromium is not None else None, driver.stop if driver is not None else None):
            if end is not None:
                with contextlib.suppress(Exception):  # it may be gone already, which is what is wanted
                    async with asyncio.timeout(_CLOSE_SECONDS):
                        await end()
        if folder is not None:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _new_folder() -> Path:
    """A short one: the browser makes sockets in it. What killed processes have left there is removed."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if not _lives(left):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=_PREFIX))


def _lives(folder: Path) -> bool:
    """Whether a browser runs there, or may be about to."""
    try:
        os.killpg(int((folder / _PID).read_text(encoding="ascii")), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError):
        return True
    return True


def _executable(bundled: str) -> str:
    """The system's browser, or the one that Playwright has fetched for itself."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None and not Path(bundled).is_file():
        raise Unavailable(NO_BROWSER, retryable=False)
    return found or bundled


def _wrapper(folder: Path, executable: str, memory: int) -> Path:
    """Playwright starts a file: this one starts :mod:`sitechat.ingestion.browser_child`, which becomes the browser."""
    command = [sys.executable, "-P", "-m", "sitechat.ingestion.browser_child"]
    command += [str(folder / _PID), str(memory), executable]
    wrapper = folder / "browser"
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n', encoding="utf-8")
    wrapper.chmod(0o700)
    return wrapper


def _environment(folder: Path) -> dict[str, str | float | bool]:
    """Nothing of ours, least of all keys."""
    package = str(Path(sitechat.__file__).resolve().parent.parent)
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")])),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LC_ALL": "C.UTF-8",
    }


def _kill(folder: Path) -> None:
    """At once, with all of its processes: Playwright makes it the leader of a group."""
    with contextlib.suppress(OSError, ValueError):
        os.killpg(int((folder / _PID).read_text(encoding="ascii")), signal.SIGKILL)
