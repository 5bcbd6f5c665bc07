"""Published samples, where a checkout has them beside it: tests that need them are skipped elsewhere."""

import os
from pathlib import Path

import pytest


def samples(name: str) -> Path:
    """The folder or file of that name: below ``SITECHAT_TEST_SAMPLES``, or in ``shared/data`` next to the checkout."""
    checkout = Path(__file__).resolve().parents[3]
    named = os.environ.get("SITECHAT_TEST_SAMPLES")
    found = (Path(named) if named else checkout.parent / "shared" / "data") / name
    if not found.exists():
        pytest.skip(f"the published samples are not here: {found}")
    return found
