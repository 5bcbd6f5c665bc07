"""A job's progress on the terminal: the record of the page, as it changes."""

from pathlib import Path

from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from sitechat.cli.base import people
from sitechat.identity import LOCAL
from sitechat.progress import ProgressRecord
from sitechat.runtime import Runtime

_NAME = 40


def follow(engine: Runtime, job_id: str, as_json: bool) -> ProgressRecord:
    """Show the job until it is over; the last record."""
    bar = Progress(
        TextColumn("{task.percentage:>3.0f} %"),
        BarColumn(bar_width=24),
        TextColumn("{task.description}"),
        console=people,
        disable=as_json,
        transient=True,
    )
    record: ProgressRecord | None = None
    with bar:
        shown = bar.add_task("", total=100)
        for record in engine.records(LOCAL, job_id):
            if as_json:
                print(record.model_dump_json(), flush=True)
            bar.update(shown, completed=record.progress_percentage, description=escape(describe(record)))
    assert record is not None
    return record


def describe(record: ProgressRecord) -> str:
    """``12/30 files · embedding · 96/240 passages · 12.0/s · 4 min left · report.pdf``."""
    parts = [f"{record.processed_files + record.failed_files + record.skipped_files}/{record.total_files}"]
    if record.status == "paused":
        return " · ".join([*parts, "paused"])
    if record.waiting_for:
        return " · ".join([*parts, f"{'stalled: ' if record.stalled else ''}waiting for {record.waiting_for}"])
    parts.append(record.stage.replace("_", " "))
    if record.total_chunks:
        parts.append(f"{record.current_chunk}/{record.total_chunks} passages")
    if record.rate_per_second:
        parts.append(f"{record.rate_per_second:.1f}/s")
    if record.eta_seconds is not None:
        parts.append(f"{_spent(record.eta_seconds)} left")
    if record.current_file:
        parts.append(Path(record.current_file).name[:_NAME])
    return " · ".join(parts)


def _spent(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
