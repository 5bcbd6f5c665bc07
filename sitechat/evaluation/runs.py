"""Evaluations that were made, kept in the data directory: one file each, its first line says what it was of.

A line of JSON for each question follows, so that everything in it can be looked up and measured again later.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sitechat.errors import NotFound
from sitechat.evaluation.outcome import Head, Outcome, Run
from sitechat.identity import Caller
from sitechat.storage.tables import new_id

FOLDER = Path("evaluation", "runs")
KEPT = 50
"""Evaluations of one owner and name that are kept, the newest."""

_HEAD = TypeAdapter(Head)
_OUTCOME = TypeAdapter(Outcome)
_ENDING = ".jsonl"


class Runs:
    """Each caller sees their own; of others as of absent ones they get ``NotFound``."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / FOLDER

    def save(self, run: Run) -> None:
        """Whole or not at all. Raises ``OSError``."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{run.head.id}{_ENDING}"
        lines = [_HEAD.dump_json(run.head), *(_OUTCOME.dump_json(outcome) for outcome in run.outcomes)]
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(b"\n".join(lines) + b"\n")
        unfinished.replace(path)
        of_this = [head for head in self._heads() if (head.owner_id, head.name) == (run.head.owner_id, run.head.name)]
        for head in sorted(of_this, key=lambda head: head.at, reverse=True)[KEPT:]:
            self._path(head.id).unlink(missing_ok=True)

    def all(self, caller: Caller) -> list[Head]:
        """Newest first."""
        mine = [head for head in self._heads() if head.owner_id == caller.user_id]
        return sorted(mine, key=lambda head: head.at, reverse=True)

    def get(self, caller: Caller, run_id: str) -> Run:
        """By its id, or the only one whose id begins like this."""
        mine = [head for head in self.all(caller) if head.id.startswith(run_id)] if run_id else []
        found = [head for head in mine if head.id == run_id] or mine
        if len(found) != 1:
            raise NotFound(f"There is no evaluation “{run_id}”." if not found else _ambiguous(run_id, found))
        lines = self._path(found[0].id).read_bytes().splitlines()
        return Run(found[0], tuple(_OUTCOME.validate_json(line) for line in lines[1:]))

    def delete(self, caller: Caller, run_id: str) -> None:
        self._path(self.get(caller, run_id).head.id).unlink(missing_ok=True)

    def _heads(self) -> Iterator[Head]:
        """Files that are none of ours, or of another version, are passed over."""
        for path in self._folder.glob(f"*{_ENDING}"):
            try:
                with path.open("rb") as lines:
                    yield _HEAD.validate_json(lines.readline())
            except (OSError, ValidationError):
                continue

    def _path(self, run_id: str) -> Path:
        return self._folder / f"{run_id}{_ENDING}"


def new_run_id(name: str, at: datetime) -> str:
    """Sorts by time, and says what it is of: ``20261127-140501-handbook-3f2a``."""
    words = re.sub(r"[^A-Za-z0-9_]+", "-", name).strip("-")[:40] or "run"
    return f"{at:%Y%m%d-%H%M%S}-{words}-{new_id()[:4]}"


def _ambiguous(run_id: str, found: list[Head]) -> str:
    return f"“{run_id}” may mean {', '.join(head.id for head in found)}."
