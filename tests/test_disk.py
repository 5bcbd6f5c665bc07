"""A full or failing disk is one sentence, whoever met it."""

import errno
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sitechat.disk import trouble_with_disk

FULL = "The disk is full. Make room on it, then retry."


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), FULL),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), FULL),
        (OSError(errno.EIO, "Input/output error"), "The disk cannot be written (Input/output error)."),
        (OSError(errno.EROFS, "Read-only file system"), "The disk cannot be written (Read-only file system)."),
        (ValueError("An IO error occurred: 'No space left on device (os error 28)'"), FULL),
        (ValueError("Os { code: 5, kind: Uncategorized }"), "The disk cannot be written (Input/output error)."),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), None),
        (ValueError("nothing of the sort"), None),
    ],
    ids=str,
)
def test_what_the_system_and_full_text_search_say(error: Exception, sentence: str | None) -> None:
    said = trouble_with_disk(error)
    assert said is None if sentence is None else said is not None and said.startswith(sentence)


def test_what_the_database_says(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "small.db")) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("PRAGMA max_page_count = 3")
        with pytest.raises(sqlite3.OperationalError) as full:
            connection.execute("INSERT INTO t VALUES (randomblob(100000))")
        with pytest.raises(sqlite3.OperationalError) as wrong:
            connection.execute("nonsense")
    assert trouble_with_disk(full.value) == FULL
    assert trouble_with_disk(wrong.value) is None
