"""The command line: ``sitechat ask | ingest | doctor | serve``.

Commands own the data directory where it is free and otherwise work beside the SiteChat that owns it. People read
standard error for progress and standard output for results; ``--json`` prints one value of the protocol a line.
Exit status: 0 done, 1 something failed, 2 the command or the settings need attention.
"""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Annotated, NoReturn, assert_never

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from sitechat import __version__
from sitechat.errors import SettingsError, SiteChatError, TimedOut
from sitechat.events import (
    Answered,
    Citation,
    Event,
    Failed,
    Gap,
    Notice,
    Snapshot,
    Status,
    Stopped,
    Token,
    to_json,
)
from sitechat.identity import LOCAL
from sitechat.ingestion.s3.places import is_s3
from sitechat.ingestion.site.plan import MAX_DEPTH, MAX_PAGES
from sitechat.ingestion.site.plan import site as site_at
from sitechat.logs import configure
from sitechat.progress import ItemRecord, ProgressRecord
from sitechat.runtime import Runtime
from sitechat.settings import load_settings
from sitechat.storage.values import KnowledgeBase

app = typer.Typer(help="Ask your own documents.", no_args_is_help=True, add_completion=False)
people = Console(stderr=True, highlight=False)
results = Console(highlight=False, soft_wrap=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON value a line, for programs.")]
Base = Annotated[str | None, typer.Option("--knowledge-base", "-k", help="Name of the knowledge base.")]


def main() -> None:
    """The ``sitechat`` command."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except SettingsError as error:
        _complain(error.message, status=2)
    except SiteChatError as error:
        _complain(error.message)


@app.command()
def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    knowledge_base: Base = None,
    model: Annotated[str | None, typer.Option(help="Language model, such as openai/<model> or extractive.")] = None,
    as_json: Json = False,
) -> None:
    """Ask one question; prints the steps, the cited answer and its sources."""
    with _engine() as engine:
        base = _choose(engine, knowledge_base)
        turn = engine.call(engine.chat.ask(LOCAL, question, knowledge_base_id=base.id, model=model))
        printer = _JsonPrinter() if as_json else _AnswerPrinter()
        try:
            failed = printer.follow(_events(engine, turn.id))
        except KeyboardInterrupt:
            engine.call(engine.chat.stop(LOCAL, turn.id))
            failed = printer.follow(_events(engine, turn.id, after=printer.seen))
    raise typer.Exit(1 if failed else 0)


@app.command()
def ingest(
    sources: Annotated[list[str], typer.Argument(help="Files, folders, web addresses, or s3://bucket/prefix.")],
    knowledge_base: Annotated[
        str, typer.Option("--knowledge-base", "-k", help="Name of the knowledge base; made where there is none.")
    ],
    site: Annotated[bool, typer.Option("--site", help="Read the whole website of each address, not one page.")] = False,
    max_pages: Annotated[int, typer.Option(help="With --site: pages to read at most.")] = MAX_PAGES,
    max_depth: Annotated[int, typer.Option(help="With --site: links to follow from the first page.")] = MAX_DEPTH,
    include: Annotated[
        list[str] | None, typer.Option(help="With --site: read only paths like this, such as /docs/*; repeatable.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(help="With --site: leave out paths like this; repeatable.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read files, folders, pages, whole sites or S3 buckets into a knowledge base, and wait until they can be asked."""
    addresses = [source for source in sources if source.startswith(("http://", "https://"))]
    buckets = [source for source in sources if is_s3(source)]
    paths = [Path(source) for source in sources if source not in (*addresses, *buckets)]
    with _engine() as engine:
        base = engine.call(engine.knowledge.find(LOCAL, knowledge_base.strip()))
        base = base or engine.call(engine.knowledge.create(LOCAL, knowledge_base))
        jobs = []
        for address in addresses:
            if site:
                scope = site_at(
                    address,
                    include=tuple(include or ()),
                    exclude=tuple(exclude or ()),
                    max_depth=max_depth,
                    max_pages=max_pages,
                )
                jobs.append(engine.call(engine.ingestion.add_site(LOCAL, base.id, scope)))
            else:
                jobs.append(engine.call(engine.ingestion.add_url(LOCAL, base.id, address)))
        jobs += [engine.call(engine.ingestion.add_bucket(LOCAL, base.id, bucket)) for bucket in buckets]
        if paths:
            jobs.append(engine.call(engine.ingestion.add_paths(LOCAL, base.id, paths), timeout=600))
        if not engine.serving and not as_json:
            people.print("[dim]A running SiteChat owns the data directory and does the work.[/]")
        items = [item for job in jobs for item in _follow_job(engine, job, as_json)]
    if as_json:
        for item in items:
            print(item.model_dump_json())
    else:
        _print_items(items, base)
    raise typer.Exit(1 if any(item.state == "failed" for item in items) else 0)


@app.command()
def doctor() -> None:
    """Check settings, database, index, search model and language model, and say what works."""
    table = Table("", "Part", "What was found", box=None, pad_edge=False)
    works = [_row(table, "Settings", lambda: f"read; data in {load_settings().data_dir.resolve()}")]
    if all(works):
        try:
            with _engine() as engine:
                works += _check_engine(engine, table)
        except SiteChatError as error:
            works.append(_row(table, "Engine", _raiser(error)))
    results.print(table)
    raise typer.Exit(0 if all(works) else 1)


@app.command()
def serve() -> None:
    """Serve the page (the same as `streamlit run streamlit_app.py`); STREAMLIT_SERVER_PORT chooses the port."""
    script = Path(__file__).resolve().parent.parent / "streamlit_app.py"
    os.execv(sys.executable, [sys.executable, "-m", "streamlit", "run", str(script)])  # noqa: S606


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


def _complain(message: str, status: int = 1) -> NoReturn:
    people.print(escape(message), style="red")
    raise SystemExit(status)


@contextmanager
def _engine() -> Iterator[Runtime]:
    settings = load_settings()
    configure(settings)
    engine = Runtime.open_or_join(settings)
    try:
        yield engine
    finally:
        engine.close()


def _choose(engine: Runtime, name: str | None) -> KnowledgeBase:
    bases = engine.call(engine.knowledge.visible(LOCAL))
    if name is None and len(bases) == 1:
        return bases[0]
    found = next((base for base in bases if base.name == name), None)
    if found is None:
        names = ", ".join(f"“{base.name}”" for base in bases) or "none yet; make one with `sitechat ingest`"
        wanted = f"There is no knowledge base “{name}”." if name else "Say which one with --knowledge-base."
        _complain(f"{wanted} Knowledge bases here: {names}.", status=2)
    return found


def _events(engine: Runtime, turn_id: str, after: int = 0) -> Iterator[Event]:
    feed = engine.feed(LOCAL, turn_id, after)
    try:
        while not feed.done:
            yield from feed.get(timeout=0.5)
    finally:
        feed.close()


class _JsonPrinter:
    """Every event as a line; ``follow`` returns whether the turn failed."""

    seen = 0

    def follow(self, events: Iterator[Event]) -> bool:
        failed = False
        for event in events:
            self.seen = event.seq
            failed = isinstance(event, Failed)
            print(to_json(event), flush=True)
        return failed


class _AnswerPrinter(_JsonPrinter):
    """Steps on standard error, the answer and its sources on standard output."""

    def __init__(self) -> None:
        self._citations: list[Citation] = []
        self._in_line = False

    def follow(self, events: Iterator[Event]) -> bool:
        last: Event | None = None
        for last in events:
            self.seen = last.seq
            self._print(last)
        return isinstance(last, Failed)

    def _print(self, event: Event) -> None:
        match event:
            case Status():
                self._status(event)
            case Notice():
                people.print(f"  [yellow]{escape(event.message)}[/]")
            case Token():
                self._text(event.text)
            case Citation():
                self._citations.append(event)
            case Answered():
                self._sources(event)
            case Stopped():
                people.print("\n[yellow]Stopped.[/]")
            case Failed():
                people.print(f"\n[red]{escape(event.message)}[/]")
            case Gap():
                people.print("[dim]…[/]")
            case Snapshot():
                self._text(event.content)
                self._citations = list(event.citations)
            case _:
                assert_never(event)

    def _status(self, event: Status) -> None:
        detail = dict(event.detail or {})
        if (spent := detail.pop("ms", None)) is not None:
            facts = "".join(f" · {value:,} {name}" for name, value in detail.items() if isinstance(value, int | float))
            self._end_line()
            people.print(f"[dim]  {event.message}{facts} · {spent} ms[/]")

    def _text(self, text: str) -> None:
        print(text, end="", flush=True)
        self._in_line = not text.endswith("\n")

    def _end_line(self) -> None:
        if self._in_line:
            print(flush=True)
        self._in_line = False

    def _sources(self, event: Answered) -> None:
        self._end_line()
        for page in event.closest:
            results.print(f"  closest: {escape(page.title)}  [dim]{escape(page.url)}[/]")
        for citation in self._citations:
            place = f"{citation.title} › {citation.heading}" if citation.heading else citation.title
            results.print(f"\\[{citation.number}] [bold]{escape(place)}[/]  [dim]{escape(citation.url)}[/]")
            results.print(f"    “{escape(' '.join(citation.quote.split()))}”")


def _follow_job(engine: Runtime, job_id: str, as_json: bool) -> list[ItemRecord]:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        console=people,
        disable=as_json,
    )
    with bar:
        shown = bar.add_task("Waiting", total=100)
        for record in _records(engine, job_id):
            if as_json:
                print(record.model_dump_json(), flush=True)
            bar.update(shown, completed=record.progress_percentage, description=_describe(record))
    return engine.call(engine.ingestion.items(LOCAL, job_id))


def _records(engine: Runtime, job_id: str) -> Iterator[ProgressRecord]:
    """Each state of the job that differs from the one before, until it is over."""
    last: ProgressRecord | None = None
    begun = monotonic()
    while last is None or last.status in ("pending", "in_progress", "paused"):
        record = engine.call(engine.ingestion.wait_for_change(LOCAL, job_id, last, timeout=5.0))
        if last is None or record.updated_at != last.updated_at or record.status != last.status:
            yield record
        last = record
        if record.status == "pending" and monotonic() - begun > 120 and not record.queued_behind:
            raise TimedOut("Nobody has begun this job for two minutes. Is the SiteChat that owns the data still alive?")


def _describe(record: ProgressRecord) -> str:
    stage = record.stage.replace("_", " ")
    name = Path(record.current_file).name[:40] if record.current_file else ""
    return f"{record.processed_files}/{record.total_files} {stage} {escape(name)}"


def _print_items(items: list[ItemRecord], base: KnowledgeBase) -> None:
    counts: dict[str, int] = {}
    for item in items:
        counts[item.outcome or item.state] = counts.get(item.outcome or item.state, 0) + 1
        if item.state in ("skipped", "failed", "cancelled"):
            colour = "red" if item.state == "failed" else "yellow"
            results.print(f"  [{colour}]{item.state}[/]  {escape(item.name)}: {escape(item.reason)}")
    summary = " · ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
    results.print(f"“{escape(base.name)}”: {summary}")


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

    checks: list[tuple[str, Callable[[], str]]] = [
        ("Data directory", lambda: "owned by this process" if engine.serving else "owned by a running SiteChat"),
        ("Database", lambda: engine.call(engine.db.check(), timeout=120)),
        ("Search model", search_model),
        ("Index", index),
        ("Language model", model),
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
