"""The one engine of this process, shared by all sessions and by the routes."""

import asyncio
import contextlib
import gc
import importlib
import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st

from sitechat.errors import SiteChatError
from sitechat.evaluation.service import EvaluationService
from sitechat.logs import configure
from sitechat.runtime import Runtime
from sitechat.settings import load_settings


@st.cache_resource(show_spinner=False, on_release=lambda runtime: runtime.close())
def runtime() -> Runtime:
    """Opened once, by whoever asks first; it survives the reloading of edited modules. Raises ``SiteChatError``."""
    settings = load_settings()
    configure(settings)
    return Runtime.open(settings, address=address())


def evaluations() -> EvaluationService:
    """The one of the engine that is open; what it makes goes on without any page. Raises ``SiteChatError``."""
    engine = runtime()
    return _evaluations(engine, id(engine))


@st.cache_resource(show_spinner=False, max_entries=1)
def _evaluations(_engine: Runtime, _: int) -> EvaluationService:
    return EvaluationService(_engine)


def address() -> str:
    """Where this server answers, as far as it knows."""
    host = st.get_option("browser.serverAddress") or st.get_option("server.address") or "localhost"
    return f"http://{host}:{st.get_option('server.port')}"


@asynccontextmanager
async def lifespan(_: Any) -> AsyncIterator[None]:
    """Open the engine before the first page, and close it with the server.

    What is wrong with the settings or the data directory is said in one message, and the process ends.
    """
    try:
        engine = await asyncio.to_thread(runtime)
    except SiteChatError as error:
        print(f"\nSiteChat cannot start.\n{error.message}\n", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(2)  # nothing is open yet, and the server would wrap any exception in tracebacks
    threading.Thread(target=_settle, args=(engine,), name="settle", daemon=True).start()
    try:
        yield
    finally:
        await asyncio.to_thread(engine.close)


def _settle(engine: Runtime) -> None:
    """What would hold up answers, done before the first: imports, and passes of the garbage collector.

    A full pass walks every object of the process, and with the search model loaded those are so many that all answers
    pause for a second. What is there once everything is loaded stays, so the collector need not look at it again.
    """
    for module in ("pandas", "pyarrow"):  # Streamlit would import them during the first answer, for most of a second
        importlib.import_module(module)
    gc.freeze()
    with contextlib.suppress(SiteChatError):  # said on the page, and in the log
        engine.call(engine.indexes.ready(), timeout=None)
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
