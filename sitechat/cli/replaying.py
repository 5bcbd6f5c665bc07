"""``sitechat replay``: a question answered again, and what differs from the answer that was given."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from sitechat.chat.replaying import Replay
from sitechat.cli.base import Json, opened, people, results
from sitechat.identity import LOCAL
from sitechat.pipeline.difference import Difference, Edit

_STYLES = {"kept": ("", "", ""), "removed": ("\\[-", "-]", "red"), "added": ("{+", "+}", "green")}
"""Of a piece of the answer what stands before it and after it, and its colour."""
_KINDS = {"came": "[green]came[/]", "went": "[red]went[/]", "changed": "[yellow]changed[/]", "moved": "moved"}


def replay(
    message: Annotated[str, typer.Argument(metavar="MESSAGE_ID", help="The answer, as “How this was found” names it.")],
    today: Annotated[bool, typer.Option("--today", help="Search again, in what the documents say now.")] = False,
    model: Annotated[str | None, typer.Option(help="Another language model than the one that answered.")] = None,
    as_json: Json = False,
) -> None:
    """Answer a question again, from the passages of then or with --today from those of now, and show what differs."""
    with opened() as engine, people.status("Answering again"):
        found = engine.call(engine.replays.replay(LOCAL, message, today=today, model=model), timeout=None)
    if as_json:
        print(found.model_dump_json())
    else:
        _print(found)


def _print(found: Replay) -> None:
    differs = found.difference
    where = "in today's documents" if found.today else "from the same passages"
    model = found.after.model
    results.print(f"[bold]{escape(found.before.queries.question)}[/]")
    asked = f"Asked on {found.before.at:%Y-%m-%d %H:%M} UTC, and again {where}, of {model.provider}/{model.name}."
    results.print(escape(asked))
    if found.history_missing:
        results.print(f"[yellow]{found.history_missing} of the messages before it are not there any more.[/]")
    for change in differs.changes:
        results.print(escape(f"{change.what}: {change.before or 'none'} → {change.after}"), style="dim")
    _print_passages(differs)
    _print_answer(differs)
    for word, citations in (("no longer cited", differs.citations_gone), ("cited now", differs.citations_new)):
        for each in citations:
            results.print(f"{word}: [bold]{escape(each.title)}[/] “{escape(' '.join(each.quote.split()))}”")
    _print_times(found)


def _print_passages(differs: Difference) -> None:
    changes = [change for change in differs.passages if change.kind != "stayed"]
    if not changes:
        results.print("The passages are the same, in the same order.")
        return
    table = Table("", "Was", "Is", "Page", "Section", box=None, pad_edge=False)
    for change in changes:
        ranks = (str(rank) if rank is not None else "" for rank in (change.before, change.after))
        table.add_row(_KINDS[change.kind], *ranks, escape(change.title), escape(change.section))
    results.print(table)


def _print_answer(differs: Difference) -> None:
    before, after = differs.outcome
    if before != after:
        results.print(f"Then: {before}. Now: {after}.")
    if differs.same:
        results.print("[green]The answer is the same.[/]")
    else:
        results.print("[yellow]The answer differs:[/]")
        results.print("".join(_marked(edit) for edit in differs.words))


def _marked(edit: Edit) -> str:
    before, after, colour = _STYLES[edit.kind]
    text = f"{before}{escape(edit.text)}{after}"
    return f"[{colour}]{text}[/]" if colour else text


def _print_times(found: Replay) -> None:
    """Only of what was done again."""
    times = [(each.step, each.before, each.after) for each in found.difference.steps if each.after is not None]
    if found.today:
        times.append(("in all", *found.difference.duration_ms))
    results.print(", ".join(f"{what} {_ms(was)} → {_ms(now)}" for what, was, now in times), style="dim")


def _ms(spent: float | None) -> str:
    return f"{spent:,.0f} ms" if spent is not None else "none"
