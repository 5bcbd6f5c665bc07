"""What every test stands on: no network past loopback, no variable or ``.env`` of the developer's, data in a temporary
folder; and the fixtures of real servers and a real browser.

In CI everything is installed, so there a skipped test is a failed one.
"""

import os
import shutil
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from sitechat.settings import Settings
from tests.support.app import ROOT, AppServer
from tests.support.network import close_network
from tests.support.shop import Shop

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from sitechat.runtime import Runtime

close_network()

_FOREIGN = ("OPENAI_", "AWS_", "SITECHAT_", "BEDROCK_", "STREAMLIT_", "HF_", "HUGGING")
_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "AWS_EC2_METADATA_DISABLED": "true",
}
_CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

MakeServer = Callable[..., AppServer]
MakePage = Callable[..., "Page"]


class NotTheDevelopersDotenv(os.PathLike[str]):
    """``.env`` of the folder that a test has moved to; of the checkout, nothing."""

    def __fspath__(self) -> str:
        return os.devnull if Path.cwd() == ROOT else ".env"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skip is a failure: it would hide a missing browser, server or model."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"Skipped in CI, where everything a test needs is installed: {report.longreprtext}"
    return report


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with Shop.made(tmp_path) as made:
        yield made


@pytest.fixture(autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing of the developer's machine decides how a test ends."""
    folder = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(_FOREIGN):
                patch.delenv(name)
        for name, value in _QUIET.items():
            patch.setenv(name, value)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.setenv(name, str(folder / "no-such-file"))
        patch.setitem(Settings.model_config, "env_file", NotTheDevelopersDotenv())
        yield


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Defaults, with the data in a temporary folder and no sample; no ``.env`` is read."""
    return Settings(_env_file=None, data_dir=tmp_path / "data", sample=False)


@pytest.fixture
def runtime(settings: Settings) -> "Iterator[Runtime]":
    """The real engine on a data directory of its own."""
    from sitechat.runtime import Runtime

    engine = Runtime.open(settings)
    yield engine
    engine.close()


@pytest.fixture
def app_server(tmp_path: Path) -> Iterator[MakeServer]:
    """``app_server(SITECHAT_LLM="extractive")`` starts the real server with these variables; ended after the test."""
    servers: list[AppServer] = []

    def make(data_dir: Path | None = None, **environment: str) -> AppServer:
        servers.append(AppServer(data_dir or tmp_path / f"data-{len(servers)}", environment))
        return servers[-1].start()

    yield make
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """The system's chromium. One for a module: its loop must be gone before the next asynchronous test."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no chromium here; install the package chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=path, args=_CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def new_page(browser: "Browser") -> Iterator[MakePage]:
    """``new_page(viewport={"width": 400, "height": 800})``: a page in a browser profile of its own."""
    contexts: list[Any] = []

    def make(**options: Any) -> "Page":
        contexts.append(browser.new_context(**options))
        return contexts[-1].new_page()  # type: ignore[no-any-return]

    yield make
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page: MakePage) -> "Page":
    """A page of ordinary size."""
    return new_page(viewport={"width": 1280, "height": 900})
