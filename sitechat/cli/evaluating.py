"""``sitechat eval``: how good retrieval and answers are on question sets; fails below what is required."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import Progress

from sitechat.cli.base import Json, complain, people
from sitechat.cli.evaluation_tables import show
from sitechat.cli.progress import describe
from sitechat.evaluation.baselines import baselines
from sitechat.evaluation.examination import SECONDS, Examination
from sitechat.evaluation.laboratory import laboratory
from sitechat.evaluation.outcome import Outcome, Run
from sitechat.evaluation.question_set import Question, load_set
from sitechat.evaluation.record import record
from sitechat.evaluation.report import Report, report
from sitechat.evaluation.runs import Runs
from sitechat.identity import LOCAL
from sitechat.logs import configure
from sitechat.runtime import Runtime
from sitechat.settings import Settings, load_settings

_RANKING_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of each set. ``model`` is None where nothing is to be answered."""

    limit: int | None
    model: str | None
    removed: bool
    baselines: bool


def evaluate(
    folders: Annotated[
        list[Path],
        typer.Option(
            "--set", help="Folder with corpus.jsonl, queries.jsonl and qrels.tsv; repeatable.", file_okay=False
        ),
    ],
    limit: Annotated[int | None, typer.Option(min=1, help="Ask so many questions, spread over the set.")] = None,
    answers: Annotated[bool, typer.Option(help="Also answer each question, not only find its texts.")] = True,
    removed: Annotated[
        bool, typer.Option(help="Also ask each question with its texts left out of the search: it is to be refused.")
    ] = True,
    beside: Annotated[
        bool, typer.Option("--baselines/--no-baselines", help="Also rank the same passages in well-known ways.")
    ] = True,
    model: Annotated[str | None, typer.Option(help="Language model for the answers; default: extractive.")] = None,
    require: Annotated[
        list[str] | None, typer.Option(help="A least value, such as ndcg@10=0.7; repeatable. Exit status 1 below it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Measure retrieval and answers on question sets. What was embedded is kept for the next time."""
    settings = load_settings()
    configure(settings)
    required = _required(require or [])
    wanted = Wanted(limit, (model or "extractive") if answers else None, removed, beside)
    short: list[str] = []
    for folder in folders:
        run = _examined(settings, folder, wanted)
        Runs(settings.data_dir).save(run)
        found = report(run)
        print(json.dumps(found.as_json()), flush=True) if as_json else show(found)
        short += _short_of(found, required)
    if short:
        complain("; ".join(short) + ".")


def _examined(settings: Settings, folder: Path, wanted: Wanted) -> Run:
    questions = load_set(folder)
    asked = _spread(questions.questions, wanted.limit)
    with (
        people.status(f"Reading {escape(questions.name)}") as status,
        laboratory(settings, questions, folder, lambda job: status.update(escape(describe(job)))) as lab,
    ):
        status.stop()
        engine = lab.engine
        examination = Examination(
            LOCAL,
            lab.base,
            engine.tools(wanted.model or "extractive"),
            lab.texts,
            answers=wanted.model is not None,
            removed=wanted.removed,
        )
        outcomes = _asked(engine, examination, asked)
        ranked = baselines(engine, LOCAL, lab.base, lab.texts, asked) if wanted.baselines else None
        beside = engine.call(ranked, timeout=_RANKING_SECONDS) if ranked is not None else {}
        return record(engine, LOCAL, questions.name, outcomes, model=wanted.model, baselines=beside)


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
