"""Where the published samples lie: below ``SITECHAT_TEST_SAMPLES``, or in ``shared/data`` next to the checkout."""

import os
from pathlib import Path

# Looked up before the tests begin: they run without the settings of whoever starts them.
SAMPLES = Path(
    os.environ.get("SITECHAT_TEST_SAMPLES") or Path(__file__).resolve().parents[3].parent / "shared" / "data"
)

collect_ignore = ["test_published.py"] if os.environ.get("CI") == "true" and not SAMPLES.exists() else []
