"""``sitechat jobs``, ``watch``, ``pause``, ``resume``, ``cancel`` and ``retry``: what is being read, and commands."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from sitechat.cli.base import Json, complain, opened, people, results
from sitechat.cli.progress import describe, follow
from sitechat.identity import LOCAL
from sitechat.ingestion.service import IngestionService
from sitechat.progress import ItemRecord, ProgressRecord
from sitechat.runtime import Runtime

_SHOWN = 8
"""Characters of a job's id in lists; whatever begins one job's id only is enough to name it."""

Job = Annotated[str, typer.Argument(help="The job: the beginning of its id, as `sitechat jobs` lists it.")]
Item = Annotated[str | None, typer.Argument(help="One file or address of the job: its name, or its id.")]


def jobs(
    every: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    job: Annotated[str | None, typer.Option("--items", help="List the files and addresses of this job.")] = None,
    as_json: Json = False,
) -> None:
    """List what is being read, or with --all also what was; with --items the files and addresses of one job."""
    with opened(serving=False) as engine:
        found = _all(engine)
        if job is not None:
            _print_items(engine.call(engine.ingestion.items(LOCAL, _named(found, job).id)), as_json)
            return
        names = {base.id: base.name for base in engine.call(engine.knowledge.visible(LOCAL))}
    shown = [record for record in found if every or record.is_open]
    if as_json:
        for record in shown:
            print(record.model_dump_json())
    elif shown:
        table = Table("Job", "Knowledge base", "State", "", "Progress", box=None, pad_edge=False)
        for record in shown:
            percentage = f"{record.progress_percentage:.0f} %"
            name = escape(names.get(record.knowledge_base_id, ""))
            table.add_row(record.id[:_SHOWN], name, _state(record), percentage, escape(_told(record)))
        results.print(table)
    else:
        people.print("Nothing is being read." if not every else "Nothing has been read yet.")


def watch(job: Job, as_json: Json = False) -> None:
    """Follow a job until it is over; does the work where no other SiteChat does."""
    with opened() as engine:
        record = follow(engine, _named(_all(engine), job).id, as_json)
    if not as_json:
        people.print(f"{_state(record)}: {escape(_told(record))}")
    raise typer.Exit(1 if record.failed_files else 0)


def pause(job: Job) -> None:
    """Stop a job for now; what it has read stays read."""
    _command(job, lambda ingestion, job_id: ingestion.pause(LOCAL, job_id), "Paused.")


def resume(job: Job) -> None:
    """Let a paused job go on."""
    _command(job, lambda ingestion, job_id: ingestion.resume(LOCAL, job_id), "Resumed. `sitechat watch {}` follows it.")


def cancel(job: Job, item: Item = None) -> None:
    """End a job, or leave one file or address of it out; documents that are stored already stay."""
    if item is None:
        _command(job, lambda ingestion, job_id: ingestion.cancel(LOCAL, job_id), "Cancelled.")
    else:
        _command_item(job, item, lambda ingestion, item_id: ingestion.cancel_item(LOCAL, item_id), "Left out.")


def retry(job: Job, item: Item = None) -> None:
    """Try all that failed in a job once more, or one file or address of it."""
    if item is None:
        _command(
            job,
            lambda ingestion, job_id: ingestion.retry_failed(LOCAL, job_id),
            "Trying again. `sitechat watch {}` follows it.",
        )
    else:
        _command_item(
            job,
            item,
            lambda ingestion, item_id: ingestion.retry_item(LOCAL, item_id),
            "Trying again. `sitechat watch {}` follows it.",
        )


_Do = Callable[[IngestionService, str], Coroutine[Any, Any, None]]


def _command(job: str, do: _Do, done: str) -> None:
    with opened(serving=False) as engine:
        job_id = _named(_all(engine), job).id
        engine.call(do(engine.ingestion, job_id))
    people.print(done.format(job_id[:_SHOWN]))


def _command_item(job: str, item: str, do: _Do, done: str) -> None:
    with opened(serving=False) as engine:
        job_id = _named(_all(engine), job).id
        items = engine.call(engine.ingestion.items(LOCAL, job_id))
        engine.call(do(engine.ingestion, _item(items, item).id))
    people.print(done.format(job_id[:_SHOWN]))


def _all(engine: Runtime) -> list[ProgressRecord]:
    """The jobs of all knowledge bases, the newest first."""
    bases = engine.call(engine.knowledge.visible(LOCAL))
    found = [record for base in bases for record in engine.call(engine.ingestion.progress(LOCAL, base.id))]
    return sorted(found, key=lambda record: record.started_at or record.updated_at, reverse=True)


def _named(found: list[ProgressRecord], job: str) -> ProgressRecord:
    matching = [record for record in found if job and record.id.startswith(job)]
    if len(matching) != 1:
        complain(
            f"There {'is no job' if not matching else 'are several jobs'} “{job}”. "
            "`sitechat jobs --all` lists them all.",
            status=2,
        )
    return matching[0]


def _item(items: list[ItemRecord], item: str) -> ItemRecord:
    matching = [each for each in items if item in (each.id, each.name, each.uri)]
    if not matching:
        complain(f"This job has no file or address “{item}”. `sitechat jobs --items JOB` lists them.", status=2)
    return matching[0]


def _state(record: ProgressRecord) -> str:
    if record.status == "paused":
        return "paused"
    if record.stalled:
        return "stalled"
    return "queued" if record.status == "pending" or record.queued_behind else record.status.replace("_", " ")


def _told(record: ProgressRecord) -> str:
    if record.is_open:
        return describe(record)
    return f"{record.ready_files} ready · {record.skipped_files} skipped · {record.failed_files} failed"


def _print_items(items: list[ItemRecord], as_json: bool) -> None:
    for item in items:
        if as_json:
            print(item.model_dump_json())
        else:
            reason = f": {item.reason}" if item.reason else ""
            results.print(f"  {item.outcome or item.state.replace('_', ' ')}  {escape(item.name)}{escape(reason)}")
