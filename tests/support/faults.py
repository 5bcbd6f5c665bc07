"""Makes chosen ``write``, ``fsync`` and ``rename`` calls of a process fail as the system would, or kills it there.

Linux hands system calls of a process to a supervisor (seccomp user notification), whoever makes them: Python, SQLite,
tantivy. The supervisor, a thread here, counts those that reach a file of interest, lets them pass, and answers the
chosen ones with an error. No privileges, compiler or tracer are needed.

``python -m tests.support.faults FD MODULE ARG…`` is the other side: it installs the filter, sends its descriptor
through the socket FD, and runs the module.
"""

import ctypes
import errno
import fcntl
import os
import platform
import runpy
import select
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Literal

Kind = Literal["write", "fsync", "rename"]

_NUMBERS: dict[str, dict[Kind, tuple[int, ...]]] = {
    "x86_64": {"write": (1, 18, 20, 296, 328), "fsync": (74, 75), "rename": (82, 264, 316)},
    "aarch64": {"write": (64, 66, 68, 70, 287), "fsync": (82, 83), "rename": (38, 276)},
}
"""write, pwrite64, writev, pwritev, pwritev2; fsync, fdatasync; rename, renameat, renameat2."""
_PLAIN_RENAME = 82
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SECCOMP = {"x86_64": 317, "aarch64": 277}
_NO_NEW_PRIVILEGES = 38
_SET_FILTER, _NEW_LISTENER = 1, 8
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
_RECEIVE, _SEND, _STILL_THERE = 0xC0502100, 0xC0182101, 0x40082102
_REQUEST, _ANSWER = struct.Struct("=QIIiIQ6Q"), struct.Struct("=QqiI")
_CONTINUE = 1
_LONGEST_PATH = 4096


def available() -> bool:
    """Whether this system can do it."""
    if sys.platform != "linux" or platform.machine() not in _NUMBERS:
        return False
    with suppress(OSError):
        return "user_notif" in Path("/proc/sys/kernel/seccomp/actions_avail").read_text(encoding="ascii").split()
    return False


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is about to be made. ``path`` is what it reaches; of a rename, the new name."""

    kind: Kind
    path: str


@dataclass
class Fault:
    """Fails the ``first``-th call for which ``where`` holds, and those that follow within ``seconds``.

    ``error`` is what they fail with (``errno``); None kills the process instead. With ``first`` 0 nothing fails, and
    ``calls`` tells what there was.
    """

    where: Callable[[Call], bool]
    first: int = 0
    error: int | None = errno.ENOSPC
    seconds: float = 0.0
    calls: list[Call] = field(default_factory=list)
    failed: list[Call] = field(default_factory=list)
    _began: float = 0.0

    def strikes(self, call: Call) -> bool:
        """Count ``call``; tells whether it is to fail."""
        if not self.where(call):
            return False
        self.calls.append(call)
        if len(self.calls) == self.first:
            self._began = monotonic()
        elif not self._began or monotonic() - self._began > self.seconds:
            return False
        self.failed.append(call)
        return True


class Supervisor:
    """Answers for one process and its children until all are gone. Use ``command`` to start it, passing ``socket``."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self._kinds = {number: kind for kind, numbers in _NUMBERS[platform.machine()].items() for number in numbers}
        self._here, self.socket = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name="faults", daemon=True)
        self._thread.start()

    def command(self, module: str, *arguments: str) -> tuple[str, ...]:
        return (sys.executable, "-m", __name__, str(self.socket.fileno()), module, *arguments)

    def close(self) -> None:
        """Call when the process has ended, or could not be started."""
        self.socket.close()
        self._thread.join(10)

    def _run(self) -> None:
        with self._here:
            _, descriptors, _, _ = socket.recv_fds(self._here, 1, 1)
        for listener in descriptors:
            poll = select.poll()
            poll.register(listener, select.POLLIN)
            while not any(event & (select.POLLHUP | select.POLLERR) for _, event in poll.poll()):
                with suppress(FileNotFoundError):  # the thread that made the call died meanwhile
                    self._answer(listener)
            os.close(listener)

    def _answer(self, listener: int) -> None:
        request = bytearray(_REQUEST.size)
        fcntl.ioctl(listener, _RECEIVE, request)
        identifier, thread, _, number, _, _, *arguments = _REQUEST.unpack(request)
        error, flags = 0, _CONTINUE
        try:
            call = Call(self._kinds[number], _reached(thread, number, self._kinds[number], arguments))
            if self._fault.strikes(call):
                fcntl.ioctl(listener, _STILL_THERE, struct.pack("=Q", identifier))  # its number may be another's by now
                error, flags = self._strike(thread), 0
        finally:
            fcntl.ioctl(listener, _SEND, _ANSWER.pack(identifier, 0, -error, flags))

    def _strike(self, thread: int) -> int:
        if self._fault.error is None:
            assert thread > 0, "0 would be our own process group"
            os.kill(thread, signal.SIGKILL)
            return errno.EINTR
        return self._fault.error


def _reached(thread: int, number: int, kind: Kind, arguments: Sequence[int]) -> str:
    """The path that a call reaches; empty for a pipe or socket, or where it cannot be told."""
    with suppress(OSError):
        if kind == "rename":
            return _text_at(thread, arguments[1 if number == _PLAIN_RENAME else 3])
        path = os.readlink(f"/proc/{thread}/fd/{arguments[0] & 0xFFFFFFFF}")
        return path if path.startswith("/") else ""
    return ""


def _text_at(thread: int, address: int) -> str:
    """Text in the memory of a process; near the end of a page of memory there may be less than asked for."""
    with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:
        data = b""
        while b"\0" not in data and len(data) < _LONGEST_PATH:
            memory.seek(address + len(data))
            data += memory.read(256 - (address + len(data)) % 256)
    return os.fsdecode(data.partition(b"\0")[0])


def _install() -> int:
    """Hand the calls of this process, of its threads and children over; returns the supervisor's descriptor."""
    machine = platform.machine()
    numbers = [number for group in _NUMBERS[machine].values() for number in group]
    steps = [(0x20, 0, 0, 4), (0x15, 1, 0, _ARCHITECTURES[machine]), (0x06, 0, 0, _ALLOW), (0x20, 0, 0, 0)]
    steps += [(0x15, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    steps += [(0x06, 0, 0, _ALLOW), (0x06, 0, 0, _NOTIFY)]
    code = b"".join(struct.pack("=HBBI", *step) for step in steps)
    held = ctypes.create_string_buffer(code)
    program = ctypes.create_string_buffer(struct.pack("@HP", len(steps), ctypes.addressof(held)))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    listener = int(libc.syscall(_SECCOMP[machine], _SET_FILTER, _NEW_LISTENER, ctypes.byref(program)))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "the system calls could not be handed over")
    return listener


def main(descriptor: int, module: str, arguments: list[str]) -> None:
    with socket.socket(fileno=descriptor) as there:
        listener = _install()
        socket.send_fds(there, [b"f"], [listener])
    os.close(listener)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])
