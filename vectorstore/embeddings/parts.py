"""Vectors of windows and sentences, from the token vectors that a sentence-transformers model makes on its way.

Only of models whose text vector is the mean of its token vectors, as most are: there a mean over fewer of them lies in
the same space. This is tried out, not looked up. Tokens are matched with characters by the tokenizer's own offsets.
"""

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vectorstore.embeddings.batching import EncodeLate
from vectorstore.late import WINDOW, LateVectors, Span, encoded

log = logging.getLogger(__name__)

_OFFSETS = {"text": {"return_offsets_mapping": True}}
_PROBE = "A sentence of a few words. And one more of them."
_NEAREST = 0.99
Rows = NDArray[np.float32]


def late_encoder(transformer: Any) -> EncodeLate | None:
    """What makes vectors of texts and of their parts in one go; None where the model does not allow it."""
    try:
        (item,) = _run(transformer, [_PROBE])
        tokens, offsets = _tokens(item, 0)
        own, mean = item["sentence_embedding"].float().cpu().numpy(), _attended(item).mean(axis=0)
        nearest = float(own @ mean / (np.linalg.norm(own) * np.linalg.norm(mean)))
    except Exception as error:  # noqa: BLE001  models differ in many ways; without parts one is still of use
        log.info("the search model gives no token vectors: %s", error)
        return None
    if not nearest >= _NEAREST or not len(tokens):
        log.info("the search model's vectors are no means of token vectors, cosine %.3f", nearest)
        return None
    prompt = int(offsets[:, 1].max()) - len(_PROBE)

    def encode(texts: list[str], spans: list[Sequence[Span]]) -> tuple[Rows, list[LateVectors]]:
        items = _run(transformer, texts)
        rows = np.stack([item["sentence_embedding"].float().cpu().numpy() for item in items])
        return rows, [_parts(*_tokens(item, prompt), wanted) for item, wanted in zip(items, spans, strict=True)]

    return encode


def _run(transformer: Any, texts: list[str]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = transformer.encode_document(
        texts, output_value=None, processing_kwargs=_OFFSETS, batch_size=len(texts), show_progress_bar=False
    )
    return items


def _attended(item: dict[str, Any]) -> Rows:
    rows: Rows = item["token_embeddings"][item["attention_mask"].bool()].float().cpu().numpy()
    return rows


def _tokens(item: dict[str, Any], prompt: int) -> tuple[Rows, NDArray[np.int64]]:
    """Vectors of the tokens that stand for characters, and these, ``(start, end)``; without the model's own marks."""
    attended = item["attention_mask"].bool().cpu().numpy()
    offsets = item["offset_mapping"].cpu().numpy()[attended].astype(np.int64) - prompt
    real = (offsets[:, 1] > offsets[:, 0]) & (offsets[:, 0] >= 0)
    return _attended(item)[real], offsets[real]


def _parts(tokens: Rows, offsets: NDArray[np.int64], sentences: Sequence[Span]) -> LateVectors:
    sums = np.concatenate([np.zeros((1, tokens.shape[1]), np.float32), np.cumsum(tokens, axis=0, dtype=np.float32)])
    last = max(len(tokens) - WINDOW, 0)
    starts = np.array([*range(0, last, WINDOW), last])  # the last one reaches back, to be as long as the others
    windows = sums[np.minimum(starts + WINDOW, len(tokens))] - sums[starts]
    begins = np.searchsorted(offsets[:, 0], [start for start, _ in sentences])
    ends = np.searchsorted(offsets[:, 1], [end for _, end in sentences], side="right")
    read = ends > begins
    spans = tuple(span for span, whole in zip(sentences, read, strict=True) if whole)
    return LateVectors(encoded(windows), encoded(sums[ends[read]] - sums[begins[read]]), spans)
