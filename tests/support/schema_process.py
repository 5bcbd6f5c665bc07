"""``python -m tests.support.schema_process PATH``: makes the database at PATH."""

import sys
from pathlib import Path

from sitechat.storage.migrations import upgrade

if __name__ == "__main__":
    upgrade(Path(sys.argv[1]))
