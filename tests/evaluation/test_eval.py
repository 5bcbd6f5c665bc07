"""``sitechat eval`` on a small set: read once, measured, kept, and a gate for what is required."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sitechat.cli import app
from sitechat.evaluation.laboratory import _as_markdown
from sitechat.evaluation.question_set import Text
from sitechat.ingestion.formats.registry import extract
from tests.evaluation.sets import TEXTS, write_set


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SITECHAT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "300")
    write_set(tmp_path / "mills")
    return tmp_path


def evaluate(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["eval", "--set", str(home / "mills"), *arguments])


def test_a_set_is_measured_and_what_was_read_is_kept(home: Path) -> None:
    found = evaluate(home, "--json")
    assert found.exit_code == 0, found.output
    report = json.loads(found.stdout)
    assert (report["name"], report["questions"], report["judged"]) == ("mills", 4, 3)
    assert report["retrieval"]["recall@1"] == 1.0
    assert report["retrieval"]["ndcg@10"] == 1.0
    assert report["answers"]["unanswerable refused"] == 1.0
    assert report["answers"]["answers hold the expected words"] == 1.0
    assert report["answers"]["citation precision"] == 1.0
    assert report["answers"]["citation recall"] == 1.0
    assert report["answers"]["removed refused"] == 1.0
    assert {"retrieving", "generating", "rewriting"} <= set(report["milliseconds"])
    assert set(report["baselines"]) == {"BM25", "dense", "rank fusion", "score fusion"}
    assert report["baselines"]["dense"]["recall@5"] == 1.0

    (folder,) = (home / "data" / "evaluation").glob("mills-*")
    texts = {path.name: path.stat().st_mtime_ns for path in (folder / "texts").iterdir()}
    assert len(texts) == len(TEXTS)
    again = evaluate(home, "--no-answers", "--no-baselines", "--limit", "2")
    assert again.exit_code == 0, again.output
    assert "2 questions" in again.stdout
    assert "unanswerable refused" not in again.stdout
    assert "score fusion" not in again.stdout
    assert {path.name: path.stat().st_mtime_ns for path in (folder / "texts").iterdir()} == texts


def test_less_than_required_fails_and_what_is_not_measured_is_said(home: Path) -> None:
    met = evaluate(home, "--no-answers", "--require", "recall@10=0.9")
    assert met.exit_code == 0, met.output
    (home / "mills" / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tt/3\t1\nq4\tt/2\t1\n")
    low = evaluate(home, "--no-answers", "--require", "mrr@10=0.9")
    assert low.exit_code == 1
    assert "mrr@10 is" in low.stderr
    assert "less than 0.9" in low.stderr
    unknown = evaluate(home, "--no-answers", "--require", "beauty=1")
    assert unknown.exit_code == 2
    assert "Measured are recall@1" in unknown.stderr
    assert evaluate(home, "--require", "recall@10").exit_code == 2


def test_evaluations_are_compared_with_earlier_ones(home: Path) -> None:
    nothing = CliRunner().invoke(app, ["eval"])
    assert nothing.exit_code == 2
    assert "--set FOLDER, or --knowledge-base NAME" in nothing.stderr
    first = evaluate(home, "--no-answers", "--no-baselines", "--against", "last")
    assert "no earlier evaluation of mills" in first.stderr
    second = evaluate(home, "--no-answers", "--no-baselines", "--against", "last", "--json")
    report, comparison = map(json.loads, second.stdout.splitlines())
    assert comparison["after"] == report["id"]
    assert comparison["questions"] == 4
    assert {each["verdict"] for each in comparison["differences"]} == {"not distinguishable"}

    listed = CliRunner().invoke(app, ["eval", "--runs"])
    newest, oldest = (line.split()[0] for line in listed.stdout.splitlines())
    assert newest == report["id"]
    compared = CliRunner().invoke(app, ["eval", "--compare", oldest, newest])
    assert compared.exit_code == 0, compared.output
    assert f"{newest} against {oldest}, on 4 questions" in compared.stdout
    assert "not distinguishable" in compared.stdout


def test_letters_that_mean_something_in_markdown_are_letters() -> None:
    odd = "# no heading\n\n* no list *\n\n1. no number\n\n> <b>no</b> `code` [link](x) | a |\n\n--- &amp; \\ _x_ ~~y~~"
    extracted = extract(_as_markdown(Text("x", "A *title*: 1. of [it]", odd)).encode(), "0000001.md")
    assert extracted.title == "A *title*: 1. of [it]"
    assert extracted.text.split("\n\n")[1:] == odd.split("\n\n")
