"""``sitechat eval``: how good search and answers are, on question sets or on a knowledge base's own questions.

Fails below what is required; compares with an evaluation that was made before.
"""

import json
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress

from sitechat.cli.base import Json, choose, complain, people
from sitechat.cli.evaluation_tables import show, show_comparison, show_runs
from sitechat.cli.progress import describe
from sitechat.evaluation.baselines import baselines
from sitechat.evaluation.comparison import compare
from sitechat.evaluation.examination import SECONDS, Examination
from sitechat.evaluation.laboratory import laboratory
from sitechat.evaluation.outcome import Outcome, Run
from sitechat.evaluation.own_questions import QUESTIONS, prepared
from sitechat.evaluation.question_set import Question, load_set
from sitechat.evaluation.record import record
from sitechat.evaluation.report import Report, report
from sitechat.evaluation.runs import Runs
from sitechat.identity import LOCAL
from sitechat.logs import configure
from sitechat.runtime import Runtime
from sitechat.settings import Settings, load_settings

_LAST = "last"
_PREPARING_SECONDS = 3600.0

Folders = Annotated[
    list[Path] | None,
    typer.Option("--set", help="Folder with corpus.jsonl, queries.jsonl and qrels.tsv; repeatable.", file_okay=False),
]
Base = Annotated[
    str | None,
    typer.Option("--knowledge-base", "-k", help="Ask questions that are made from this knowledge base instead."),
]
Limit = Annotated[int | None, typer.Option(min=1, help="Ask so many questions, spread over the set.")]
Answers = Annotated[bool, typer.Option(help="Also answer each question, not only find its texts.")]
Removed = Annotated[
    bool, typer.Option(help="Also ask each question with its texts left out of the search: it is to be refused.")
]
Beside = Annotated[
    bool, typer.Option("--baselines/--no-baselines", help="Also rank a set's passages in well-known ways.")
]
Model = Annotated[str | None, typer.Option(help="Language model for the answers; default: extractive.")]
Require = Annotated[
    list[str] | None, typer.Option(help="A least value, such as ndcg@10=0.7; repeatable. Exit status 1 below it.")
]
Against = Annotated[str | None, typer.Option(help="Compare with this earlier evaluation, or with the “last” one.")]
Compare = Annotated[
    tuple[str, str] | None, typer.Option("--compare", help="Compare two evaluations that were made; nothing is asked.")
]
Listed = Annotated[bool, typer.Option("--runs", help="List the evaluations that were made.")]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked. ``model`` is None where nothing is to be answered."""

    limit: int | None
    model: str | None
    removed: bool
    baselines: bool


def evaluate(
    folders: Folders = None,
    base: Base = None,
    limit: Limit = None,
    answers: Answers = True,
    removed: Removed = True,
    beside: Beside = True,
    model: Model = None,
    require: Require = None,
    against: Against = None,
    compared: Compare = None,
    listed: Listed = False,
    as_json: Json = False,
) -> None:
    """Measure search and answers. What was embedded is kept for the next time, and so is every evaluation."""
    settings = load_settings()
    configure(settings)
    runs = Runs(settings.data_dir)
    if listed:
        show_runs(runs.all(LOCAL), as_json)
    if compared is not None:
        show_comparison(compare(*(runs.get(LOCAL, name) for name in compared)), as_json)
    required = _required(require or [])
    wanted = Wanted(limit, (model or "extractive") if answers else None, removed, beside)
    short: list[str] = []
    for run in _made(settings, folders or [], base, wanted, nothing_else=not (listed or compared)):
        earlier = _earlier(runs, run, against)
        runs.save(run)
        found = report(run)
        print(json.dumps(found.as_json()), flush=True) if as_json else show(found)
        if earlier is not None:
            show_comparison(compare(earlier, run), as_json)
        short += _short_of(found, required)
    if short:
        complain("; ".join(short) + ".")


def _made(
    settings: Settings, folders: Sequence[Path], base: str | None, wanted: Wanted, *, nothing_else: bool
) -> Iterator[Run]:
    if nothing_else and not folders and base is None:
        complain("Say what to measure: --set FOLDER, or --knowledge-base NAME.", status=2)
    for folder in folders:
        yield _of_set(settings, folder, wanted)
    if base is not None:
        yield _of_base(settings, base, wanted)


def _earlier(runs: Runs, run: Run, against: str | None) -> Run | None:
    if against != _LAST:
        return runs.get(LOCAL, against) if against else None
    head = next((head for head in runs.all(LOCAL) if head.name == run.head.name), None)
    if head is None:
        people.print(f"There is no earlier evaluation of {escape(run.head.name)} to compare with.")
    return runs.get(LOCAL, head.id) if head else None


def _of_set(settings: Settings, folder: Path, wanted: Wanted) -> Run:
    questions = load_set(folder)
    asked = _spread(questions.questions, wanted.limit)
    with (
        people.status(f"Reading {escape(questions.name)}") as status,
        laboratory(settings, questions, folder, lambda job: status.update(escape(describe(job)))) as lab,
    ):
        status.stop()
        engine, tools = lab.engine, lab.engine.tools(wanted.model or "extractive")
        answers = wanted.model is not None
        examination = Examination(LOCAL, lab.base, tools, lab.texts, answers=answers, removed=wanted.removed)
        outcomes = _asked(engine, examination, asked)
        beside: Mapping[str, Mapping[str, float]] = {}
        if wanted.baselines:
            beside = engine.call(baselines(engine, LOCAL, lab.base, lab.texts, asked), timeout=_PREPARING_SECONDS)
        return record(engine, LOCAL, questions.name, outcomes, model=wanted.model, baselines=beside)


def _of_base(settings: Settings, name: str, wanted: Wanted) -> Run:
    engine = Runtime.open_or_join(settings)
    try:
        base = choose(engine, name)
        with people.status("Making questions"):
            engine.call(engine.indexes.ready(), timeout=_PREPARING_SECONDS)
            making = prepared(engine, LOCAL, base, model=wanted.model or "extractive", limit=wanted.limit or QUESTIONS)
            examination, questions = engine.call(making, timeout=_PREPARING_SECONDS)
        examination = replace(examination, answers=wanted.model is not None, removed=wanted.removed)
        outcomes = _asked(engine, examination, questions)
        return record(engine, LOCAL, base.name, outcomes, model=wanted.model, knowledge_base_id=base.id)
    finally:
        engine.close()


def _asked(engine: Runtime, examination: Examination, questions: Sequence[Question]) -> list[Outcome]:
    asking = examination.ask_all(questions)
    with Progress(console=people, transient=True) as progress:
        return [
            engine.call(_next(asking), timeout=2 * SECONDS)
            for _ in progress.track(questions, description="Asking", total=len(questions))
        ]


async def _next(asking: AsyncGenerator[Outcome, None]) -> Outcome:
    return await anext(asking)


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


def _short_of(found: Report, required: Mapping[str, float]) -> list[str]:
    """What is less than required, a sentence each."""
    values = found.values()
    unknown = [name for name in required if name not in values]
    if unknown:
        complain(f"Not measured: {', '.join(unknown)}. Measured are {', '.join(values)}.", status=2)
    return [
        f"{found.name}: {name} is {values[name]:.3f}, less than {least:g}"
        for name, least in required.items()
        if values[name] < least
    ]
