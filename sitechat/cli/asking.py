"""``sitechat ask``: one question, its steps, the cited answer and its sources."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, assert_never

import typer
from rich.markup import escape

from sitechat.cli.base import Base, Json, choose, opened, people, results
from sitechat.cli.sources import sources_named
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
from sitechat.pipeline.marks import mark_spans
from sitechat.runtime import Runtime
from sitechat.storage.narrowing import Narrowing
from sitechat.wording import CAUTION, reasons

_DAYS = ["%Y-%m-%d"]


def ask(
    question: Annotated[str, typer.Argument(help="What you want to know.")],
    knowledge_base: Base = None,
    model: Annotated[str | None, typer.Option(help="Language model, such as openai/<model> or extractive.")] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(help="Search only what was read from this source, by its name or id; repeatable."),
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option(help="Search only documents in this language, such as de; repeatable.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Search only documents that have changed since.", formats=_DAYS)
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(help="Search only documents that have not changed after this day.", formats=_DAYS)
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask one question; prints the steps, the cited answer and its sources."""
    with opened() as engine:
        base = choose(engine, knowledge_base)
        named = sources_named(engine.call(engine.ingestion.sources.of(LOCAL, base.id)), source or [])
        narrowing = Narrowing(
            sources=frozenset(each.id for each in named),
            languages=frozenset(code.lower() for code in language or ()),
            since=since.astimezone() if since else None,
            until=until.astimezone() + timedelta(days=1, microseconds=-1) if until else None,
        )
        asking = engine.chat.ask(LOCAL, question, knowledge_base_id=base.id, model=model, narrowing=narrowing)
        turn = engine.call(asking)
        printer = _JsonPrinter() if as_json else _AnswerPrinter()
        try:
            failed = printer.follow(_events(engine, turn.id))
        except KeyboardInterrupt:
            engine.call(engine.chat.stop(LOCAL, turn.id))
            failed = printer.follow(_events(engine, turn.id, after=printer.seen))
    raise typer.Exit(1 if failed else 0)


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
        self._printed = ""
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
                self._corrected(event)
                self._sources(event)
                self._doubts(event)
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
        self._printed += text
        print(text, end="", flush=True)
        self._in_line = not text.endswith("\n")

    def _end_line(self) -> None:
        if self._in_line:
            print(flush=True)
        self._in_line = False

    def _sources(self, event: Answered) -> None:
        self._end_line()
        if event.metadata.caution:
            people.print(f"[yellow]{CAUTION}[/]")
        if event.metadata.cached_at is not None:
            people.print(f"[dim]  From an earlier answer, of {event.metadata.cached_at:%Y-%m-%d %H:%M} UTC.[/]")
        for page in event.closest:
            results.print(f"  closest: {escape(page.title)}  [dim]{escape(page.url)}[/]")
        named = {number for mark in mark_spans(event.content) for number in mark.numbers}
        for citation in (each for each in self._citations if each.number in named):
            place = f"{citation.title} › {citation.heading}" if citation.heading else citation.title
            results.print(f"\\[{citation.number}] [bold]{escape(place)}[/]  [dim]{escape(citation.url)}[/]")
            results.print(f"    “{escape(' '.join(citation.quote.split()))}”")

    def _corrected(self, event: Answered) -> None:
        """Marks that did not hold have been printed already: the sentences that carried them are said anew."""
        self._end_line()
        if event.content.strip() == self._printed.strip():
            return
        people.print("[yellow]Some citations did not hold. Corrected:[/]")
        for each in event.metadata.support:
            if each.dropped:
                results.print(f"  {escape(event.content[each.start : each.end])}")

    def _doubts(self, event: Answered) -> None:
        doubtful = event.metadata.doubtful
        if doubtful:
            results.print(f"To check ({len(doubtful)}):")
        for each in doubtful:
            results.print(f"  {escape(each.sentence)}  [dim]{escape(reasons(each.reasons))}[/]")
