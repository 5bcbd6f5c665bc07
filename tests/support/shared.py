"""Collections for tests that are too large, or not free enough, to lie in the repository: in a folder beside it."""

from pathlib import Path

from tests.support.app import ROOT

_BESIDE = ROOT.parent / "shared" / "data"


def shared(path: str) -> Path | None:
    """A file or folder of the collections; None where they are not on this machine."""
    found = _BESIDE / path
    return found if found.exists() else None
