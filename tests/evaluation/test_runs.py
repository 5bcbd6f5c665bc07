"""Evaluations that were made are kept as they were, and each person sees their own."""

from pathlib import Path

import pytest

from sitechat.errors import NotFound
from sitechat.evaluation import runs as kept
from sitechat.evaluation.outcome import Outcome
from sitechat.evaluation.runs import Runs
from sitechat.identity import LOCAL, Caller
from tests.evaluation.outcomes import asked, reply, run_of

OUTCOME = Outcome(
    asked("a", answers="river"), ("a", "b"), {"retrieving": 1.5}, reply(2.0, support={"weak": 1}), reply(0.1)
)


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    store = Runs(tmp_path)
    assert store.all(LOCAL) == []
    older, newer = run_of(OUTCOME, run_id="1-mills"), run_of(OUTCOME, OUTCOME, run_id="2-mills", day=2)
    store.save(older)
    store.save(newer)
    assert [head.id for head in store.all(LOCAL)] == ["2-mills", "1-mills"]
    assert store.get(LOCAL, "1-mills") == older
    assert store.get(LOCAL, "2") == newer
    store.delete(LOCAL, "2-mills")
    assert [head.id for head in store.all(LOCAL)] == ["1-mills"]


def test_another_person_s_run_is_as_absent_as_none(tmp_path: Path) -> None:
    store = Runs(tmp_path)
    store.save(run_of(OUTCOME, run_id="1-mills", owner="ada"))
    assert store.all(LOCAL) == []
    for name in ("1-mills", "9-mills", "", "../1-mills"):
        with pytest.raises(NotFound, match="There is no evaluation"):
            store.get(LOCAL, name)
    assert store.get(Caller("ada"), "1").head.name == "mills"


def test_a_beginning_that_several_share_says_which(tmp_path: Path) -> None:
    store = Runs(tmp_path)
    store.save(run_of(OUTCOME, run_id="2026-a"))
    store.save(run_of(OUTCOME, run_id="2026-b", day=2))
    with pytest.raises(NotFound, match="may mean 2026-b, 2026-a"):
        store.get(LOCAL, "2026")


def test_the_newest_of_each_name_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "KEPT", 2)
    store = Runs(tmp_path)
    store.save(run_of(OUTCOME, name="bread", run_id="bread"))
    for day in (1, 2, 3):
        store.save(run_of(OUTCOME, run_id=f"mill-{day}", day=day))
    assert [head.id for head in store.all(LOCAL)] == ["mill-3", "mill-2", "bread"]


def test_files_that_are_none_of_ours_are_passed_over(tmp_path: Path) -> None:
    store = Runs(tmp_path)
    store.save(run_of(OUTCOME))
    (tmp_path / kept.FOLDER / "other.jsonl").write_text("{}\n")
    assert len(store.all(LOCAL)) == 1
