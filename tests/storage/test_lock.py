"""One process owns a data directory; a second is told who does; a kill frees it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sitechat.errors import DataDirectoryInUse
from sitechat.storage.lock import DataDirectoryLock

HOLDER = """
import sys, time
from pathlib import Path
from sitechat.storage.lock import DataDirectoryLock
lock = DataDirectoryLock(Path(sys.argv[1])).acquire("http://localhost:8501")
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_owner_is_told_who_holds_it_and_where_it_answers_and_a_kill_frees_it(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(DataDirectoryInUse) as refused:
        DataDirectoryLock(tmp_path).acquire("elsewhere")
    assert f"process {holder.pid}, http://localhost:8501" in refused.value.message
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    with DataDirectoryLock(tmp_path).acquire("here"):
        pass
    with DataDirectoryLock(tmp_path).acquire("here again"):
        pass
