"""The real server in a process of its own: ``streamlit run streamlit_app.py`` on a free port of loopback."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 90


@dataclass
class AppServer:
    """A running SiteChat. ``url`` has no slash at its end; ``data_dir`` outlives :meth:`stop` for a restart."""

    data_dir: Path
    environment: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """All that the server has written to its output."""
        path = self._log_path
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def start(self) -> "AppServer":
        """Start, or start again on the same data and port, and wait until ``/healthz`` answers."""
        self.start_without_waiting()
        self._wait()
        return self

    def start_without_waiting(self) -> None:
        self.port = self.port or free_port()
        self.data_dir.mkdir(parents=True, exist_ok=True)
        settings = {
            "SITECHAT_DATA_DIR": str(self.data_dir),
            "STREAMLIT_SERVER_PORT": str(self.port),
            "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
            "STREAMLIT_SERVER_HEADLESS": "true",
            **self.environment,
        }
        with self._log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streamlit", "run", "streamlit_app.py"],
                cwd=ROOT,
                env={**os.environ, **settings},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def get(self, path: str, timeout: float = 10) -> tuple[int, str]:
        """Status and body of a GET."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def wait_until_ready(self, seconds: float = 120) -> None:
        """Wait until ``/readyz`` says that questions can be answered from documents."""
        end = time.monotonic() + seconds
        while (answer := self.get("/readyz"))[0] != 200:
            if time.monotonic() > end:
                raise AssertionError(f"not ready within {seconds} s: {answer[1]}\n{self.log[-4000:]}")
            time.sleep(0.2)

    def wait_until_read(self, seconds: float = 120) -> None:
        """Wait until every reading that was begun, as that of the sample, is over."""
        self.wait_until_ready(seconds)
        end = time.monotonic() + seconds
        with closing(sqlite3.connect(f"file:{self.data_dir / 'sitechat.db'}?mode=ro", uri=True)) as db:
            while db.execute("SELECT count(*) FROM jobs WHERE state IN ('pending', 'in_progress')").fetchone()[0]:
                if time.monotonic() > end:
                    raise AssertionError(f"still reading after {seconds} s\n{self.log[-4000:]}")
                time.sleep(0.2)

    def kill(self) -> None:
        """End it without a warning, as a power cut would."""
        self._signal(signal.SIGKILL, 10)

    def stop(self) -> int | None:
        """Ask it to end, insist after 20 s; returns its exit status."""
        self._signal(signal.SIGTERM, 20)
        return self.process.returncode if self.process else None

    @property
    def _log_path(self) -> Path:
        return self.data_dir.parent / f"{self.data_dir.name}.log"

    def _wait(self) -> None:
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            if self.process is None or self.process.poll() is not None:
                raise AssertionError(f"the server ended while starting:\n{self.log[-4000:]}")
            try:
                if self.get("/healthz", timeout=2)[0] == 200:
                    return
            except OSError:
                time.sleep(0.1)
        self.kill()
        raise AssertionError(f"no answer within {_START_SECONDS} s:\n{self.log[-4000:]}")

    def _signal(self, number: int, seconds: float) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        os.killpg(self.process.pid, number)
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)


def free_port() -> int:
    """A port of loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
