"""The command line: ingest a folder, ask it, see what works, and work beside a running SiteChat."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sitechat.chat.replaying import Replay
from sitechat.cli import app
from sitechat.errors import Forbidden, InvalidInput, NotFound, SettingsError
from sitechat.events import EventAdapter
from sitechat.progress import ItemRecord, ProgressRecord
from sitechat.runtime import Runtime
from sitechat.settings import Settings
from tests.servers.s3_wire import S3Wire

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("SITECHAT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SITECHAT_SAMPLE", "false")
    monkeypatch.setenv("COLUMNS", "300")

    def invoke(*arguments: str | Path) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return invoke


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    folder = tmp_path / "handbook"
    folder.mkdir()
    (folder / "leave.md").write_text("# Leave\n\nEveryone has thirty days of leave a year. Ask Maria to book it.\n")
    (folder / "coffee.txt").write_text("The coffee machine is cleaned every Friday by the last one to leave.\n")
    (folder / "photo.heic").write_bytes(b"\x00\x01")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    return folder


def test_a_folder_is_read_and_asked_with_sources(run: Run, handbook: Path) -> None:
    read = run("ingest", handbook, "-k", "Handbook")
    assert read.exit_code == 1  # one file failed
    assert "“Handbook”: 1 failed · 2 indexed · 1 skipped" in read.stdout
    assert "broken.pdf" in read.stdout
    assert "photo.heic" in read.stdout
    asked = run("ask", "How many days of leave does everyone have?")
    assert asked.exit_code == 0
    assert "Everyone has thirty days of leave a year. [1]" in asked.stdout
    assert "[1] Leave" in asked.stdout
    assert "Retrieving documents" in asked.stderr
    again = run("ingest", handbook / "leave.md", "-k", "Handbook", "--json")
    *records, item = (json.loads(line) for line in again.stdout.splitlines())
    assert {ProgressRecord.model_validate(record).kind for record in records}
    assert ItemRecord.model_validate(item).state == "completed"


def test_a_website_that_may_not_be_read_says_why(run: Run) -> None:
    read = run("ingest", "http://127.0.0.1:8080/", "--site", "--max-pages", "3", "--exclude", "/old/*", "-k", "Site")
    assert read.exit_code == 1
    assert "http://127.0.0.1:8080/sitemap.xml" in read.stdout
    bad = run("ingest", "http://127.0.0.1:8080/", "--site", "--include", "docs", "-k", "Site")
    assert isinstance(bad.exception, InvalidInput)


def test_a_folder_is_read_again_and_says_what_has_changed(run: Run, handbook: Path) -> None:
    run("ingest", handbook, "-k", "Handbook")
    (handbook / "broken.pdf").unlink()
    (handbook / "coffee.txt").unlink()
    (handbook / "tea.txt").write_text("Tea is in the cupboard above the sink, next to the biscuits.\n")
    read = run("sync", handbook)
    assert read.exit_code == 0
    assert f"“{handbook}”: 1 new, 1 unchanged, 1 gone" in read.stdout
    assert "added  handbook/tea.txt" in read.stdout
    assert "missing  handbook/coffee.txt: It is not there any more." in read.stdout
    listed = run("sources").stdout
    assert "3 documents · 1 missing" in listed
    assert "no schedule" in listed
    *_, report = run("sync", "--all", "--json").stdout.splitlines()
    assert json.loads(report)["unchanged"] == 2


def test_a_schedule_is_set_shown_and_taken_away(run: Run, handbook: Path) -> None:
    run("ingest", handbook / "leave.md", "-k", "Handbook")
    source = str(handbook / "leave.md")
    assert "At 06:00 every day, next at" in run("sync", source, "--schedule", "0 6 * * *").stdout
    listed = json.loads(run("sources", "--json", "-k", "Handbook").stdout)
    assert listed["schedule"] == "0 6 * * *"
    assert isinstance(run("sync", source, "--schedule", "at six").exception, InvalidInput)
    assert "no schedule" in run("sync", listed["id"], "--no-schedule").stdout


def test_an_unknown_source_is_named_with_those_there_are(run: Run, handbook: Path) -> None:
    assert "Sources here: none yet." in run("sync").stderr
    run("ingest", handbook / "leave.md", "-k", "Handbook")
    unknown = run("sync", "https://example.org/")
    assert unknown.exit_code == 2
    assert f"Sources here: {handbook / 'leave.md'}." in unknown.stderr


def test_a_login_is_given_by_lines_or_a_file_and_for_one_site(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "headers"
    file.write_text("Cookie: session=s3cr3t\n")
    read = run("ingest", "http://127.0.0.1:8080/", "--headers-file", file, "--header", "X-Team: docs", "-k", "Site")
    assert read.exit_code == 1  # nothing of this machine is read
    assert "s3cr3t" not in read.output
    two = run("ingest", "http://127.0.0.1:8080/", "https://example.org/", "--headers-file", file, "-k", "Site")
    assert isinstance(two.exception, InvalidInput)
    bad = run("ingest", "http://127.0.0.1:8080/", "--header", "Host: example.org", "-k", "Site")
    assert isinstance(bad.exception, InvalidInput)


def test_a_bucket_is_read_from_the_command_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with S3Wire({"papers/2024/leave.txt": b"Everyone has thirty days of leave a year."}) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.origin)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("SITECHAT_S3_BUCKETS", "papers/2024")
        read = run("ingest", "s3://papers/2024", "-k", "Papers")
    assert read.exit_code == 0
    assert "“Papers”: 1 indexed · 1 looked through" in read.stdout
    assert isinstance(run("ingest", "s3://papers", "-k", "Papers").exception, Forbidden)


def test_a_question_is_answered_again_and_what_differs_is_shown(run: Run, handbook: Path) -> None:
    run("ingest", handbook / "leave.md", "-k", "Handbook")
    asked = run("ask", "--json", "How many days of leave does everyone have?")
    answer = json.loads(asked.stdout.splitlines()[-1])["message_id"]
    assert "The answer is the same." in run("replay", answer).stdout
    (handbook / "leave.md").write_text("# Leave\n\nEveryone has forty days of leave a year. Ask Maria to book it.\n")
    run("ingest", handbook / "leave.md", "-k", "Handbook")
    assert "The answer is the same." in run("replay", answer).stdout
    today = run("replay", answer, "--today").stdout
    assert "Everyone has [-thirty-]{+forty+} days of leave a year. [1]" in today
    assert re.search(r"^changed +1 +1 +Leave", today, re.MULTILINE)
    assert "no longer cited: Leave “Everyone has thirty days of leave a year.”" in today
    found = Replay.model_validate_json(run("replay", answer, "--today", "--json").stdout)
    assert (found.difference.same, found.before.message_id) == (False, answer)
    assert isinstance(run("replay", "unknown").exception, NotFound)


def test_json_is_one_protocol_event_a_line(run: Run, handbook: Path) -> None:
    run("ingest", handbook / "leave.md", "-k", "Handbook")
    asked = run("ask", "--json", "-k", "Handbook", "How many days of leave does everyone have?")
    events = [EventAdapter.validate_json(line) for line in asked.stdout.splitlines()]
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[-1].type == "answered"
    assert any(event.type == "citation" for event in events)


def test_commands_work_beside_a_running_sitechat(run: Run, handbook: Path, tmp_path: Path) -> None:
    owner = Runtime.open(Settings(_env_file=None, data_dir=tmp_path / "data", sample=False))
    try:
        read = run("ingest", handbook / "leave.md", "-k", "Handbook")
        assert "owns the data directory and does the work" in read.stderr
        assert "1 indexed" in read.stdout
        assert "thirty days" in run("ask", "How many days of leave does everyone have?").stdout
        checked = run("doctor")
        assert checked.exit_code == 0
        assert "owned by a running SiteChat" in checked.stdout
    finally:
        owner.close()


def test_an_unknown_knowledge_base_is_named_with_those_there_are(run: Run, handbook: Path) -> None:
    run("ingest", handbook / "leave.md", "-k", "Handbook")
    asked = run("ask", "-k", "Handbuch", "Why?")
    assert asked.exit_code == 2
    assert "There is no knowledge base “Handbuch”. Knowledge bases here: “Handbook”." in asked.stderr


def test_wrong_settings_fail_the_doctor_with_the_variable_s_name(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITECHAT_LLM", "gpt")
    checked = run("doctor")
    assert checked.exit_code == 1
    assert "SITECHAT_LLM" in checked.stdout
    assert isinstance(run("ask", "x").exception, SettingsError)


def test_a_missing_file_is_named(run: Run, tmp_path: Path) -> None:
    missing = run("ingest", tmp_path / "nowhere.txt", "-k", "Handbook")
    assert missing.exit_code == 1
    assert "nowhere.txt" in str(missing.exception)
    assert not isinstance(missing.exception, NotFound)


def test_a_question_can_be_asked_of_some_documents_only(run: Run, handbook: Path) -> None:
    run("ingest", handbook / "leave.md", handbook / "coffee.txt", "-k", "Handbook")
    question = "How many days of leave does everyone have?"
    everywhere = run("ask", question)
    assert "thirty days of leave" in everywhere.stdout
    narrowed = run("ask", question, "--until", "2001-01-01")
    assert narrowed.exit_code == 1
    assert "narrowed down" in narrowed.stdout + narrowed.stderr
    since = run("ask", question, "--since", "2001-01-01")
    assert "thirty days of leave" in since.stdout
    unknown = run("ask", question, "--source", "nowhere")
    assert unknown.exit_code == 2
    assert "There is no source “nowhere”" in unknown.stderr


def test_sentences_to_check_are_listed_and_only_citations_that_hold_are(
    run: Run, handbook: Path, tmp_path: Path
) -> None:
    run("ingest", handbook / "leave.md", "-k", "Handbook")
    script = tmp_path / "doubtful.json"
    said = "Everyone has thirty days of leave a year [1]. Everyone has 99 days of leave a year [1]."
    script.write_text(json.dumps([{"text": said}]), encoding="utf-8")
    asked = run("ask", "How many days of leave does everyone have?", "--model", f"scripted/{script}")
    assert asked.exit_code == 0
    assert "Everyone has 99 days of leave a year." in asked.stdout.partition("To check (1):")[2]
    assert "The number 99 is not in the source." in asked.stdout
    assert "[1] Leave" in asked.stdout
