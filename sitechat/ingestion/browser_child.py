"""Becomes the browser: ``python -m sitechat.ingestion.browser_child PID_FILE MEMORY BROWSER ARGUMENTS…``.

Before it does, it takes from itself what a browser that only draws does not need, as far as the system allows: on
Linux the network, so that not even a flaw in the browser could dial, and its life after the process that started it.
The browser is spoken to over pipes.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_FIRST_TO_GO = "800"


def main() -> None:
    pid_file, memory, browser, *arguments = sys.argv[1:]
    Path(pid_file).write_text(str(os.getpid()), encoding="ascii")
    # Memory that is written to; what a browser merely reserves is a multiple of any machine's.
    for what, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_DATA, int(memory))):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(what, (most, most))
    if sys.platform == "linux":
        _confine_on_linux()
    os.execv(browser, [browser, *arguments])  # noqa: S606 (the point of it)


def _confine_on_linux() -> None:
    parent, uid, gid = os.getppid(), os.geteuid(), os.getegid()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # the parent died before it could be watched
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, encoding="ascii")
    if uid == 0:
        libc.unshare(_CLONE_NEWNET)
    elif libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0:
        for name, mapped in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with contextlib.suppress(OSError):
                Path(f"/proc/self/{name}").write_text(mapped, encoding="ascii")


if __name__ == "__main__":
    main()
