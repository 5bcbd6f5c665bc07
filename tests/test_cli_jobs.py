"""Jobs on the command line: listed, followed and commanded, alone and beside the SiteChat that does the work."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sitechat.cli import app
from sitechat.cli.progress import describe
from sitechat.identity import LOCAL
from sitechat.progress import ItemRecord, ProgressRecord
from sitechat.runtime import Runtime
from sitechat.settings import load_settings
from sitechat.storage.tables import now
from tests.servers.openai_wire import OpenAIWire

Run = Callable[..., Result]


@pytest.fixture
def wire() -> Iterator[OpenAIWire]:
    with OpenAIWire() as server:
        yield server


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wire: OpenAIWire) -> Run:
    environment = {
        "SITECHAT_DATA_DIR": str(tmp_path / "data"),
        "SITECHAT_SAMPLE": "false",
        "SITECHAT_EMBEDDING": "openai/wire-d400",
        "OPENAI_BASE_URL": wire.url,
        "OPENAI_API_KEY": "sk-of-a-test-x4Kd",
        "COLUMNS": "300",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return invoke


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "papers"
    made.mkdir()
    for number in range(20):
        (made / f"{number:02}.md").write_text(f"# Paper {number}\n\nA text about pump {number}.\n")
    (made / "aa-broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    return made


def journal(engine: Runtime, folder: Path) -> str:
    base = engine.call(engine.knowledge.create(LOCAL, "Papers"))
    return engine.call(engine.ingestion.add_paths(LOCAL, base.id, [folder]))


def at_rest(wire: OpenAIWire) -> int:
    """Texts stop being sent to the search model within 5 seconds of a command; how many requests there were."""
    time.sleep(3)
    asked = len(wire.requests)
    time.sleep(2)
    assert len(wire.requests) == asked, "it is still being worked on"
    return asked


def items(run: Run, job: str) -> dict[str, ItemRecord]:
    lines = run("jobs", "--items", job, "--json").stdout.splitlines()
    found = [ItemRecord.model_validate_json(line) for line in lines]
    return {item.name: item for item in found}


def test_a_waiting_job_is_listed_paused_thinned_out_and_then_done_by_who_watches(run: Run, folder: Path) -> None:
    engine = Runtime.open(load_settings(), serving=False)
    job = journal(engine, folder)
    engine.close()
    assert "Nothing" not in run("jobs").stderr
    assert f"{job[:8]}  Papers" in run("jobs").stdout
    assert run("pause", job[:8]).exit_code == 0
    assert "paused" in run("jobs").stdout
    assert run("resume", job[:6]).exit_code == 0
    assert run("cancel", job, "papers/07.md").exit_code == 0
    watched = run("watch", job[:8], "--json")
    records = [ProgressRecord.model_validate_json(line) for line in watched.stdout.splitlines()]
    assert [records[0].status, records[-1].status] == ["pending", "completed"]
    assert watched.exit_code == 1  # one file failed
    found = items(run, job)
    assert found["papers/07.md"].state == "cancelled"
    assert found["papers/aa-broken.pdf"].state == "failed"
    assert found["papers/01.md"].outcome == "indexed"
    assert run("retry", job, "papers/aa-broken.pdf").exit_code == 0
    assert items(run, job)["papers/aa-broken.pdf"].state == "pending"
    again = run("watch", job)
    assert "19 ready · 0 skipped · 1 failed" in again.stderr
    assert run("retry", job).exit_code == 0
    assert run("cancel", job).exit_code == 0
    assert run("jobs").stdout == ""
    (line,) = run("jobs", "--all", "--json").stdout.splitlines()
    assert json.loads(line)["status"] == "cancelled"


def test_commands_act_within_seconds_on_the_jobs_of_the_process_that_works(
    run: Run, folder: Path, wire: OpenAIWire
) -> None:
    owner = Runtime.open(load_settings())
    try:
        owner.call(owner.indexes.ready())
        job = journal(owner, folder)
        wire.wait_until(lambda requests: len(requests) > 3, timeout=60)
        assert run("pause", job[:8]).exit_code == 0
        record = owner.call(owner.ingestion.job(LOCAL, job))
        assert (record.status, record.current_file) == ("paused", None)
        asked = at_rest(wire)
        assert run("resume", job[:8]).exit_code == 0
        wire.wait_until(lambda requests: len(requests) > asked, timeout=5)
        assert run("cancel", job[:8]).exit_code == 0
        at_rest(wire)
        assert owner.call(owner.ingestion.job(LOCAL, job)).status == "cancelled"
    finally:
        owner.close()


@pytest.mark.parametrize("command", ["pause", "resume", "cancel", "retry", "watch"])
def test_an_unknown_job_is_said_so(run: Run, command: str) -> None:
    ended = run(command, "0123abcd")
    assert ended.exit_code == 2
    assert "There is no job “0123abcd”" in ended.stderr


def test_a_record_is_one_line_that_says_why_nothing_moves() -> None:
    fields = {"id": "j", "knowledge_base_id": "b", "kind": "files", "stage": "embedding", "status": "in_progress"}
    record = ProgressRecord.model_validate({**fields, "updated_at": now(), "total_files": 30, "processed_files": 11})
    busy = {"current_file": "docs/a.pdf", "current_chunk": 96, "total_chunks": 240, "rate_per_second": 12.0}
    assert describe(record.model_copy(update={**busy, "eta_seconds": 240.0})) == (
        "11/30 · embedding · 96/240 passages · 12.0/s · 4 min left · a.pdf"
    )
    assert describe(record.model_copy(update={"status": "paused"})) == "11/30 · paused"
    stuck = record.model_copy(update={"waiting_for": "a.pdf to be read (31 s so far)", "stalled": True})
    assert describe(stuck) == "11/30 · stalled: waiting for a.pdf to be read (31 s so far)"
