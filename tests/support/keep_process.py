"""``python -m tests.support.keep_process ROOT FILE``: keeps a copy of FILE among the originals in ROOT."""

import sys
from pathlib import Path

from sitechat.ingestion.blobs import BlobStore

if __name__ == "__main__":
    BlobStore(Path(sys.argv[1])).put(Path(sys.argv[2]), 1_000_000)
