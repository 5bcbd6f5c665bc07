"""Cross-encoders of sentence-transformers: models that read a question and a passage together and say how they fit.

One thread of its own loads the model and works for all; what nobody waits for any more is not begun. torch and
sentence-transformers take seconds to import, which happens there, too.
"""

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from vectorstore.base import RerankError

log = logging.getLogger(__name__)

_BATCH = 16
_LONGEST = 512
"""Tokens of question and passage together; more are cut, which keeps the time of a batch in bounds."""


class CrossEncoderReranker:
    """A :class:`~vectorstore.base.Reranker`. ``name``: a folder, or a name on the model hub."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reranker")
        self._model: Future[Any] | None = None

    @property
    def spec(self) -> str:
        return f"cross-encoder/{self._name}"

    def start(self) -> None:
        if self._model is None or (self._model.done() and self._model.exception() is not None):
            self._model = self._thread.submit(_load, self._name)

    async def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        self.start()
        assert self._model is not None
        model = await asyncio.shield(asyncio.wrap_future(self._model))
        found: list[float] = []
        for begin in range(0, len(texts), _BATCH):  # a caller who leaves takes along what has not begun
            pairs = [(query, text) for text in texts[begin : begin + _BATCH]]
            found += await asyncio.wrap_future(self._thread.submit(_score, model, pairs))
        return found

    async def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)


def _load(name: str) -> Any:
    """The model, from this machine if it is there; the network is asked for what is not."""
    try:
        from sentence_transformers import CrossEncoder

        try:
            return CrossEncoder(name, max_length=_LONGEST, local_files_only=True)
        except (OSError, ValueError):
            return CrossEncoder(name, max_length=_LONGEST)
    except Exception as error:  # whatever keeps a model from loading is told in one sentence
        log.warning("the reranker cannot be loaded", exc_info=error)
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise RerankError(
            f"The reranker “{name}” cannot be loaded: {reason[:300].rstrip('.')}. Check the name in SITECHAT_RERANKER; "
            "a model that is not installed is downloaded once, which needs the network."
        ) from error


def _score(model: Any, pairs: list[tuple[str, str]]) -> list[float]:
    import torch

    try:
        rows = model.predict(pairs, batch_size=_BATCH, activation_fn=torch.nn.Sigmoid(), show_progress_bar=False)
        return [float(row) for row in rows]
    except (TypeError, ValueError) as error:
        raise RerankError("The reranker answers with more than one number a passage, so it is none.") from error
    except RuntimeError as error:
        raise RerankError(f"The reranker failed: {error}") from error
