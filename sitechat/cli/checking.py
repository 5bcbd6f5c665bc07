"""``sitechat doctor``, ``serve`` and ``version``."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import typer
from rich.markup import escape
from rich.table import Table

from sitechat import __version__
from sitechat.cli.base import opened, results
from sitechat.errors import SiteChatError
from sitechat.identity import LOCAL
from sitechat.runtime import Runtime
from sitechat.settings import load_settings


def doctor() -> None:
    """Check settings, database, index, search model and language model, and say what works."""
    table = Table("", "Part", "What was found", box=None, pad_edge=False)
    works = [_row(table, "Settings", lambda: f"read; data in {load_settings().data_dir.resolve()}")]
    if all(works):
        try:
            with opened() as engine:
                works += _check_engine(engine, table)
        except SiteChatError as error:
            works.append(_row(table, "Engine", _raiser(error)))
    results.print(table)
    raise typer.Exit(0 if all(works) else 1)


def serve() -> None:
    """Serve the page (the same as `streamlit run streamlit_app.py`); STREAMLIT_SERVER_PORT chooses the port."""
    script = Path(__file__).resolve().parents[2] / "streamlit_app.py"
    os.execv(sys.executable, [sys.executable, "-m", "streamlit", "run", str(script)])  # noqa: S606


def version() -> None:
    """Print the version."""
    print(__version__)


def _check_engine(engine: Runtime, table: Table) -> list[bool]:
    def search_model() -> str:
        engine.call(engine.indexes.ready(), timeout=300)
        return f"{engine.indexes.embedder.spec} is loaded"

    def index() -> str:
        vectors, chunks = engine.indexes.counts()
        bases = engine.call(engine.knowledge.visible(LOCAL))
        return f"{vectors:,} vectors and {chunks:,} passages of {len(bases)} knowledge bases"

    def model() -> str:
        return f"{engine.models.default}: {engine.call(engine.models.check(engine.models.default), timeout=60)}"

    def reranker() -> str:
        return engine.call(engine.check_reranker(), timeout=300)

    checks: list[tuple[str, Callable[[], str]]] = [
        ("Data directory", lambda: "owned by this process" if engine.serving else "owned by a running SiteChat"),
        ("Database", lambda: engine.call(engine.db.check(), timeout=120)),
        ("Search model", search_model),
        ("Index", index),
        ("Language model", model),
        ("Reranker", reranker),
    ]
    works = [_row(table, name, check) for name, check in checks]
    for notice in engine.status().notices:
        table.add_row("[yellow]![/]", "Notice", escape(notice))
    return works


def _row(table: Table, name: str, check: Callable[[], str]) -> bool:
    try:
        found, works = check(), True
    except SiteChatError as error:
        found, works = error.message, False
    table.add_row("[green]ok[/]" if works else "[red]no[/]", name, escape(found))
    return works


def _raiser(error: SiteChatError) -> Callable[[], str]:
    def check() -> str:
        raise error

    return check
