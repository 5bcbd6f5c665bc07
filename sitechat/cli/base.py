"""What all commands share: where they print, the engine they open, and how they end."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape

from sitechat.identity import LOCAL
from sitechat.logs import configure
from sitechat.runtime import Runtime
from sitechat.settings import load_settings
from sitechat.storage.values import KnowledgeBase

people = Console(stderr=True, highlight=False, soft_wrap=True)
results = Console(highlight=False, soft_wrap=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON value a line, for programs.")]
Base = Annotated[str | None, typer.Option("--knowledge-base", "-k", help="Name of the knowledge base.")]


def complain(message: str, status: int = 1) -> NoReturn:
    people.print(escape(message), style="red")
    raise SystemExit(status)


@contextmanager
def opened(*, serving: bool = True) -> Iterator[Runtime]:
    """The engine; it owns the data directory where that is free. Not ``serving``: it never does, and does no work."""
    settings = load_settings()
    configure(settings)
    engine = Runtime.open_or_join(settings) if serving else Runtime.open(settings, serving=False)
    try:
        yield engine
    finally:
        engine.close()


def choose(engine: Runtime, name: str | None) -> KnowledgeBase:
    bases = engine.call(engine.knowledge.visible(LOCAL))
    if name is None and len(bases) == 1:
        return bases[0]
    found = next((base for base in bases if base.name == name), None)
    if found is None:
        names = ", ".join(f"“{base.name}”" for base in bases) or "none yet; make one with `sitechat ingest`"
        wanted = f"There is no knowledge base “{name}”." if name else "Say which one with --knowledge-base."
        complain(f"{wanted} Knowledge bases here: {names}.", status=2)
    return found
