"""``sitechat eval``: how good retrieval and answers are on a question set; fails below what is required."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress

from sitechat.cli.base import Json, complain, people, results
from sitechat.cli.progress import describe
from sitechat.evaluation.laboratory import Laboratory
from sitechat.evaluation.question_set import Question, load_set
from sitechat.evaluation.report import Report, report
from sitechat.logs import configure
from sitechat.settings import load_settings


def evaluate(
    folder: Annotated[
        Path, typer.Option("--set", help="Folder with corpus.jsonl, queries.jsonl and qrels.tsv.", file_okay=False)
    ],
    limit: Annotated[int | None, typer.Option(min=1, help="Ask so many questions, spread over the set.")] = None,
    answers: Annotated[bool, typer.Option(help="Also answer each question, not only find its texts.")] = True,
    model: Annotated[str | None, typer.Option(help="Language model for the answers; default: extractive.")] = None,
    require: Annotated[
        list[str] | None, typer.Option(help="A least value, such as ndcg@10=0.7; repeatable. Exit status 1 below it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure retrieval and answers on a question set. What was embedded is kept for the next time."""
    settings = load_settings()
    configure(settings)
    required = _required(require or [])
    questions = load_set(folder)
    asked = _spread(questions.questions, limit)
    with (
        people.status("Reading the set") as status,
        Laboratory.open(settings, questions, folder, lambda record: status.update(escape(describe(record)))) as lab,
    ):
        status.stop()
        with Progress(console=people, transient=True) as progress:
            answering = (model or "extractive") if answers else None
            outcomes = [lab.ask(q, model=answering) for q in progress.track(asked, description="Asking")]
    found = report(questions.name, outcomes)
    results.print_json(json.dumps(found.as_json())) if as_json else _print(found)
    _judge(found, required)


def _required(written: Sequence[str]) -> dict[str, float]:
    wanted: dict[str, float] = {}
    for each in written:
        name, _, value = each.rpartition("=")
        try:
            wanted[name.strip()] = float(value)
        except ValueError:
            complain(f"“{each}” is no requirement; write it as ndcg@10=0.7.", status=2)
    return wanted


def _spread(questions: Sequence[Question], limit: int | None) -> Sequence[Question]:
    count = len(questions)
    if limit is None or limit >= count:
        return questions
    return [questions[place * count // limit] for place in range(limit)]


def _print(found: Report) -> None:
    results.print(f"[bold]{escape(found.name)}[/]  {found.questions:,} questions, {found.judged:,} with known texts")
    for name, value in found.values().items():
        results.print(f"  {name:34} {value:.3f}")
    for step, (median, slow) in found.milliseconds.items():
        results.print(f"  {f'{step}, p50 and p95':34} {median:.1f} ms, {slow:.1f} ms")


def _judge(found: Report, required: Mapping[str, float]) -> None:
    values = found.values()
    unknown = [name for name in required if name not in values]
    if unknown:
        complain(f"Not measured: {', '.join(unknown)}. Measured are {', '.join(values)}.", status=2)
    low = [f"{name} is {values[name]:.3f}, less than {least:g}" for name, least in required.items()
           if values[name] < least]  # fmt: skip
    if low:
        complain("; ".join(low) + ".")
