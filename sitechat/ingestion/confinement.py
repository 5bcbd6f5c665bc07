"""What the process that reads untrusted files takes from itself before it opens the first one."""

import contextlib
import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_MOST_OPEN_FILES = 64
_NICENESS = 5


def confine(memory_bytes: int) -> None:
    """Limit memory, files and privileges of this process, and have it die with its parent.

    Everything is done as far as the system allows; only Linux has all of it. Pipes are no files in the sense of the
    limit, so the process can still answer.
    """
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, _MOST_OPEN_FILES)
    _limit(resource.RLIMIT_AS, memory_bytes)
    with contextlib.suppress(OSError):
        os.nice(_NICENESS)
    if sys.platform == "linux":
        _confine_on_linux()


def _limit(what: int, most: int) -> None:
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(what, (most, most))


def die_with_parent() -> None:
    """On Linux this process is killed when its parent ends, however that ends."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # the parent died before it could be watched


def _confine_on_linux() -> None:
    die_with_parent()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # No network: a namespace of its own, for which anyone but root needs a user namespace too.
    libc.unshare(_CLONE_NEWNET if os.geteuid() == 0 else _CLONE_NEWUSER | _CLONE_NEWNET)
