"""Pages run by AppTest on the real engine, with a model and a search model on loopback."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from sitechat.identity import LOCAL
from sitechat.ingestion.uploads import Upload
from sitechat.runtime import Runtime
from sitechat.storage.values import KnowledgeBase, Thread
from sitechat.ui import engine
from tests.servers.openai_wire import OpenAIWire
from tests.support.app import ROOT

QUESTION = "How long does the warranty last?"
GUIDE = """# Kettle guide

## Warranty

The warranty of the kettle lasts for three years. It does not cover scale.

## Cleaning

Boil vinegar in the kettle once a month. Rinse it twice afterwards.
"""


def knowledge_page() -> None:
    from sitechat.ui import assets, knowledge

    assets.style()
    knowledge.page()


def evaluation_page() -> None:
    from sitechat.ui import evaluation

    evaluation.page()


def settings_page() -> None:
    from sitechat.ui import settings_page as page

    page.page()


TROUBLE = "openai/wire-e500,openai/wire-n30-c9,openai/wire-e429-ra7,openai/wire-h3"
DOUBTFUL = "The warranty of the kettle lasts for three years [1]. The warranty of the kettle lasts for 42 years [1]."
"""An answer whose second sentence no document supports."""


@dataclass
class Pages:
    """``base`` holds one document, about a kettle."""

    runtime: Runtime
    wire: OpenAIWire
    base: KnowledgeBase

    def chat(self, conversation: str | None = None) -> AppTest:
        """A browser's first look at the chat page."""
        app = AppTest.from_file(str(ROOT / "sitechat" / "ui" / "app.py"), default_timeout=60)
        if conversation:
            app.query_params["c"] = conversation
        return app.run()

    def knowledge(self, base: KnowledgeBase | None = None) -> AppTest:
        app = AppTest.from_function(knowledge_page, default_timeout=60)
        if base is not None:
            app.query_params["base"] = base.id
        return app.run()

    def evaluation(self, run: str | None = None) -> AppTest:
        app = AppTest.from_function(evaluation_page, default_timeout=60)
        if run is not None:
            app.query_params["run"] = run
        return app.run()

    def settings(self) -> AppTest:
        return AppTest.from_function(settings_page, default_timeout=60).run()

    def thread(self, app: AppTest) -> Thread:
        """The conversation that the page shows, as it is stored."""
        return self.runtime.call(self.runtime.conversations.thread(LOCAL, str(app.query_params["c"])))

    def add(self, base: KnowledgeBase, name: str, text: str) -> None:
        """Read a document to the end."""

        async def read() -> None:
            job = await self.runtime.ingestion.add_uploads(LOCAL, base.id, [Upload(name, text.encode())])
            async for _ in self.runtime.ingestion.watch(LOCAL, job):
                pass

        self.runtime.call(asyncio.wait_for(read(), 60))


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    """One engine for a module of tests."""
    script = tmp_path_factory.mktemp("scripts") / "doubtful.json"
    script.write_text(json.dumps([{"text": DOUBTFUL}]), encoding="utf-8")
    with OpenAIWire() as wire, pytest.MonkeyPatch.context() as patch:
        environment = {
            "OPENAI_BASE_URL": wire.url,
            "OPENAI_API_KEY": "sk-of-a-test-x4Kd",
            "SITECHAT_LLM": "openai/wire-cite-n30",
            "SITECHAT_MODELS": f"{TROUBLE},scripted/{script}",
            "SITECHAT_EMBEDDING": "openai/wire",
            "SITECHAT_DATA_DIR": str(tmp_path_factory.mktemp("data")),
            "SITECHAT_SAMPLE": "false",
            "SITECHAT_LLM_ATTEMPTS": "1",
        }
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.chdir(tmp_path_factory.mktemp("empty"))
        engine.runtime.clear()
        runtime = engine.runtime()
        base = runtime.call(runtime.knowledge.create(LOCAL, "Kettles", "All about kettles", [QUESTION]))
        made = Pages(runtime, wire, base)
        made.add(base, "guide.md", GUIDE)
        yield made
        engine.runtime.clear()
        runtime.close()


@pytest.fixture
def other_engine(tmp_path: Path) -> Iterator[Path]:
    """A data directory that another engine owns."""
    from sitechat.settings import Settings

    runtime = Runtime.open(Settings(_env_file=None, data_dir=tmp_path / "data", sample=False))
    yield tmp_path / "data"
    runtime.close()
