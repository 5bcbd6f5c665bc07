"""What one reading of a source changed: one shape for page and command line."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

ChangeKind = Literal["added", "changed", "missing", "removed", "failed"]
_WORDS = (
    ("added", "new"),
    ("changed", "changed"),
    ("unchanged", "unchanged"),
    ("missing", "gone"),
    ("removed", "removed"),
    ("failed", "failed"),
)


class Change(BaseModel):
    """One document: ``passages`` of it are new or different; ``reason`` says why it is gone or could not be read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ChangeKind
    name: str
    uri: str
    passages: int = 0
    reason: str = ""


class ChangeReport(BaseModel):
    """Counts are of all documents of job ``id``, ``changes`` the first of each kind that is not unchanged.

    ``missing`` are those that this reading was the first not to find. ``note`` says why none was looked for, where
    that is so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    source_id: str | None
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    missing: int = 0
    removed: int = 0
    failed: int = 0
    changes: tuple[Change, ...] = ()
    note: str = ""

    @property
    def summary(self) -> str:
        """``3 new, 2 changed, 41 unchanged, 1 gone``; empty where no document was met."""
        counts = ((getattr(self, name), word) for name, word in _WORDS)
        return ", ".join(f"{count:,} {word}" for count, word in counts if count)
