"""The programs that are measured, each in a process of its own: SiteChat, the naive app, and the model's stand-in."""

import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.support.app import ROOT, AppServer, free_port

NAIVE = ROOT / "benchmarks" / "peers"
_TAKEN_AWAY = ("OPENAI_", "AWS_", "SITECHAT_", "STREAMLIT_", "BEDROCK_")


@contextmanager
def clean_environment() -> Iterator[None]:
    """The measurer's own settings decide nothing."""
    kept = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(_TAKEN_AWAY)]:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(kept)


@contextmanager
def model_server() -> Iterator[str]:
    """The stand-in of tests/servers in a process of its own; yields its base URL."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.servers.openai_wire", "--port", str(port)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}/v1"
    try:
        _wait_for(f"{url}/models", process)
        yield url
    finally:
        process.terminate()
        process.wait()


@contextmanager
def sitechat(model_url: str, model: str, data_dir: Path | None = None, **settings: str) -> Iterator[AppServer]:
    """SiteChat as `make run` serves it, answering with ``model``, with a knowledge base of one page."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "SITECHAT_SAMPLE": "false",
            "SITECHAT_ANSWER_CACHE_DAYS": "0",  # every question is to be answered by the model
            "OPENAI_BASE_URL": model_url,
            "OPENAI_API_KEY": "sk-bench-not-a-key",
            "SITECHAT_LLM": f"openai/{model}",
            "SITECHAT_MAX_ANSWER_TOKENS": "20000",
            **settings,
        }
        server = AppServer(data_dir or Path(folder) / "data", environment)
        if data_dir is None:
            page = Path(folder) / "page.md"
            page.write_text("# A page\n\nIt is there so that there is something to choose.\n", encoding="utf-8")
            ingest([page], server.data_dir)
        server.start()
        try:
            server.wait_until_ready()
            yield server
        finally:
            server.stop()


def ingest(paths: Sequence[Path], data_dir: Path) -> None:
    """Read files into a knowledge base, by the command that people use."""
    command = "from sitechat.cli import main; main()"
    subprocess.run(
        [sys.executable, "-c", command, "ingest", *map(str, paths), "--knowledge-base", "Bench"],
        cwd=ROOT,
        env={**os.environ, "SITECHAT_DATA_DIR": str(data_dir), "SITECHAT_SAMPLE": "false"},
        check=True,
        capture_output=True,
    )


@contextmanager
def naive(model_url: str, model: str) -> Iterator[AppServer]:
    """The naive app with Streamlit's own defaults."""
    with tempfile.TemporaryDirectory() as folder:
        server = _NaiveServer(Path(folder) / "data", {"MODEL": model, "OPENAI_BASE_URL": model_url})
        try:
            yield server.start()
        finally:
            server.stop()


class _NaiveServer(AppServer):
    def start(self) -> AppServer:
        self.port = free_port()
        settings = {"STREAMLIT_SERVER_HEADLESS": "true", "OPENAI_API_KEY": "sk-bench-not-a-key", **self.environment}
        command = [sys.executable, "-m", "streamlit", "run", "naive_app.py", "--server.port", str(self.port)]
        self.process = subprocess.Popen(
            command,
            cwd=NAIVE,
            env={**os.environ, **settings},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        _wait_for(f"{self.url}/_stcore/health", self.process)
        return self


@dataclass
class Watch:
    """Memory and processor time of a process while the block runs."""

    pid: int
    peak_mb: float = 0.0
    before_mb: float = 0.0
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    _over: threading.Event = field(default_factory=threading.Event)

    @property
    def grown_mb(self) -> float:
        return self.peak_mb - self.before_mb

    def __enter__(self) -> "Watch":
        self._process = psutil.Process(self.pid)
        self.before_mb = self.peak_mb = self._rss()
        self._cpu, self._begun = self._spent(), time.monotonic()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.cpu_seconds, self.wall_seconds = self._spent() - self._cpu, time.monotonic() - self._begun

    def _sample(self) -> None:
        while not self._over.wait(0.2):
            self.peak_mb = max(self.peak_mb, self._rss())

    def _rss(self) -> float:
        return float(self._process.memory_info().rss) / 1e6

    def _spent(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


def machine() -> Mapping[str, str]:
    """What the numbers belong to."""
    import platform
    from importlib.metadata import version

    model = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor() or platform.machine(),
    )
    packages = ("streamlit", "openai", "torch", "sentence-transformers", "faiss-cpu", "tantivy")
    return {
        "Processor": f"{model}, {os.cpu_count()} cores",
        "Memory": f"{psutil.virtual_memory().total / 1e9:.0f} GB",
        "System": platform.platform(),
        "Python": platform.python_version(),
        "Packages": ", ".join(f"{name} {version(name)}" for name in packages),
    }


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def _wait_for(url: str, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the program at {url} ended while starting")
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"nothing answered at {url} within {seconds} s")
