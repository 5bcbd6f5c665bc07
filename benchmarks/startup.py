"""From nothing to the first byte of the page, and from a loaded search model to the first answer over 10,000 passages.

``python -m benchmarks.startup [--passages 10000] [--starts 3]``
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers import clean_environment, ingest
from sitechat.events import Answered
from sitechat.identity import LOCAL
from sitechat.runtime import Runtime
from sitechat.settings import Settings
from tests.support.app import ROOT, AppServer, free_port


@dataclass(frozen=True)
class Start:
    """Seconds."""

    imported: float
    first_byte: float
    first_byte_again: float
    passages: int
    search_model: float
    first_answer: float

    def rows(self) -> dict[str, str]:
        return {
            "`import streamlit_app`": f"{self.imported:.2f} s",
            "Start to first byte of the page, first time": f"{self.first_byte:.2f} s",
            "Start to first byte of the page, again": f"{self.first_byte_again:.2f} s",
            f"Search model loaded, {self.passages:,} passages": f"{self.search_model:.2f} s after the start",
            "First answer, after the model was loaded": f"{self.first_answer:.2f} s",
        }


def import_seconds() -> float:
    """Best of three, each in a process of its own."""
    code = "import time; t = time.perf_counter(); import streamlit_app; print(time.perf_counter() - t)"
    runs = [subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
            for _ in range(3)]  # fmt: skip
    return min(float(run.stdout.split()[-1]) for run in runs)


def first_byte_seconds(folder: Path) -> float:
    """A server of its own on ``folder``; from the start of its process to the first byte of the page."""
    port = free_port()
    server = AppServer(folder, {"SITECHAT_SAMPLE": "false"}, port)
    begun = time.monotonic()
    server.start_without_waiting()
    try:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=60) as page:
                    page.read(1)
                    return time.monotonic() - begun
            except OSError:
                if time.monotonic() - begun > 120:
                    raise
                time.sleep(0.01)
    finally:
        server.stop()


def write_passages(folder: Path, count: int) -> None:
    """Sections of made-up text, about one passage each."""
    things = ("pump", "valve", "gauge", "filter", "sensor", "motor", "switch", "panel", "hose", "bearing")
    per_file = 500
    for number in range(0, count, per_file):
        sections = [
            f"## {things[i % 10].title()} {i}\n\n"
            f"The {things[i % 10]} with the number {i} is checked every {i % 90 + 3} days by crew {i % 17}. "
            f"When it is worn it is replaced by part {i * 7 % 9973}, which lies in rack {i % 41} of hall {i % 7}. "
            + f"Its limit is {i % 300 + 20} degrees; above that it is switched off and the shift leader is told. "
            * 5
            for i in range(number, min(number + per_file, count))
        ]
        (folder / f"manual-{number}.md").write_text("\n\n".join(["# Manual", *sections]), encoding="utf-8")


def second_start(folder: Path, passages: int) -> tuple[int, float, float]:
    """Ingest, then start anew and ask: passages, seconds to the loaded model, seconds from there to the answer."""
    texts = folder / "texts"
    texts.mkdir()
    write_passages(texts, passages)
    ingest([texts], folder / "data")
    command = [sys.executable, "-m", "benchmarks.startup", "--open", str(folder / "data")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    count, loaded, answered = json.loads(run.stdout.splitlines()[-1])
    return count, loaded, answered


def open_and_ask(data_dir: Path) -> tuple[int, float, float]:
    """What :func:`second_start` measures, in a process that has loaded nothing yet."""
    settings = Settings(_env_file=None, data_dir=data_dir, sample=False, log_level="ERROR", llm="extractive")
    begun = time.monotonic()
    engine = Runtime.open(settings)
    try:
        base = engine.call(engine.knowledge.visible(LOCAL))[0]
        engine.call(engine.indexes.ready(), timeout=300)
        loaded = time.monotonic()
        question = "In which rack is the part for valve 4321?"
        turn = engine.call(engine.chat.ask(LOCAL, question, knowledge_base_id=base.id))
        feed, events = engine.feed(LOCAL, turn.id), []
        while not feed.done:
            events += feed.get(timeout=1.0)
        answered = time.monotonic()
        if not isinstance(events[-1], Answered):
            raise RuntimeError(f"no answer: {events[-1]}")
        _, count = engine.indexes.counts()
        return count, loaded - begun, answered - loaded
    finally:
        engine.close()


def measure(passages: int = 10_000) -> Start:
    with clean_environment(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        imported = import_seconds()
        first = first_byte_seconds(folder / "page")
        again = first_byte_seconds(folder / "page")
        count, loaded, answered = second_start(folder, passages)
    return Start(imported, first, again, count, loaded, answered)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--open", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.open is not None:
        print(json.dumps(open_and_ask(options.open)))
        return
    for label, value in measure(options.passages).rows().items():
        print(f"{label:48} {value}")


if __name__ == "__main__":
    main()
