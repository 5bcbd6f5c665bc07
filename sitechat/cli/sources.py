"""The commands ``sitechat sources`` and ``sitechat sync``: what can be read again, and reading it again."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from sitechat.changes import ChangeReport
from sitechat.cli.base import Base, Json, choose, complain, opened, people, results
from sitechat.cli.progress import follow
from sitechat.identity import LOCAL
from sitechat.ingestion.schedules import described, zone_name
from sitechat.runtime import Runtime
from sitechat.storage.values import KnowledgeSource

_COLOURS = {"added": "green", "changed": "cyan", "missing": "yellow", "removed": "yellow", "failed": "red"}


def sources(knowledge_base: Base = None, as_json: Json = False) -> None:
    """List what can be read again: websites, pages, folders and files, with their schedules."""
    with opened() as engine:
        found = _sources(engine, knowledge_base)
    for source in found:
        if as_json:
            plan = {key: value for key, value in source.plan.items() if key != "login"}
            print(json.dumps({**asdict(source), "plan": plan}, default=str))
        else:
            results.print(f"{escape(source.name)}  [dim]{source.kind} · {source.id}[/]")
            results.print(f"    {_facts(source)}")
    if not found:
        people.print("There is nothing to read again yet. Add a website, a page or a folder with `sitechat ingest`.")


def sync(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[SOURCE]...", help="Names or ids as `sitechat sources` lists them.")
    ] = None,
    knowledge_base: Base = None,
    everything: Annotated[bool, typer.Option("--all", help="All sources.")] = False,
    schedule: Annotated[
        str | None, typer.Option(help="Do not read now, but at these times: a cron expression such as '0 6 * * *'.")
    ] = None,
    no_schedule: Annotated[bool, typer.Option("--no-schedule", help="Do not read now, nor by itself.")] = False,
    as_json: Json = False,
) -> None:
    """Read sources again and say what has changed, or set when that happens by itself."""
    with opened() as engine:
        chosen = _chosen(_sources(engine, knowledge_base), names or [], everything=everything)
        if schedule is not None or no_schedule:
            _schedule(engine, chosen, None if no_schedule else schedule)
            return
        reports = [_read(engine, source, as_json) for source in chosen]
    raise typer.Exit(1 if any(report.failed for report in reports) else 0)


def _sources(engine: Runtime, knowledge_base: str | None) -> list[KnowledgeSource]:
    if knowledge_base is not None:
        bases = [choose(engine, knowledge_base)]
    else:
        bases = engine.call(engine.knowledge.visible(LOCAL))
    return [source for base in bases for source in engine.call(engine.ingestion.sources.of(LOCAL, base.id))]


def _chosen(found: list[KnowledgeSource], names: list[str], *, everything: bool) -> list[KnowledgeSource]:
    if everything:
        return found
    if not names:
        complain(f"Say what to read again, or --all for everything. Sources here: {_names(found)}.", status=2)
    return sources_named(found, names)


def sources_named(found: list[KnowledgeSource], names: list[str]) -> list[KnowledgeSource]:
    """Those of ``found`` that have these names or ids; complains of a name that none has."""
    chosen = []
    for name in names:
        matching = [source for source in found if name == source.id or _plain(name) == _plain(source.name)]
        if not matching:
            complain(f"There is no source “{name}”. Sources here: {_names(found)}.", status=2)
        chosen += matching
    return chosen


def _names(found: list[KnowledgeSource]) -> str:
    return ", ".join(source.name for source in found) or "none yet"


def _plain(name: str) -> str:
    return name.rstrip("/")


def _schedule(engine: Runtime, chosen: list[KnowledgeSource], cron: str | None) -> None:
    for source in chosen:
        after = engine.call(engine.ingestion.sources.schedule(LOCAL, source.id, cron))
        results.print(f"{escape(source.name)}: {_when(after)}")


def _read(engine: Runtime, source: KnowledgeSource, as_json: bool) -> ChangeReport:
    job_id = engine.call(engine.ingestion.sources.sync(LOCAL, source.id), timeout=600)
    follow(engine, job_id, as_json)
    report = engine.call(engine.ingestion.sources.changes(LOCAL, job_id))
    if as_json:
        print(report.model_dump_json())
    else:
        _print_report(source, report)
    return report


def _print_report(source: KnowledgeSource, report: ChangeReport) -> None:
    for change in report.changes:
        passages = f" ({change.passages:,} passages)" if change.kind in ("added", "changed") else ""
        reason = f": {escape(change.reason)}" if change.reason else passages
        results.print(f"  [{_COLOURS[change.kind]}]{change.kind}[/]  {escape(change.name)}{reason}")
    results.print(f"“{escape(source.name)}”: {report.summary or 'nothing was read'}")
    if report.note:
        people.print(f"[yellow]{escape(report.note)}[/]")


def _facts(source: KnowledgeSource) -> str:
    parts = [f"{source.documents:,} documents"]
    parts += [f"{source.missing:,} missing"] if source.missing else []
    parts += [f"read {source.read_at.astimezone():%Y-%m-%d %H:%M}"] if source.read_at else []
    parts += ["being read"] if source.open_job_id else []
    return " · ".join([*parts, _when(source)])


def _when(source: KnowledgeSource) -> str:
    if source.schedule is None or source.next_at is None:
        return "no schedule"
    when = f"{source.next_at.astimezone():%Y-%m-%d %H:%M}"
    return f"{described(source.schedule)}, next at {when} ({zone_name()})"
