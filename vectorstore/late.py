"""Vectors of the parts of a text, for late interaction: how near does a question come to any one part?

They are made from the token vectors of the text's own passage through the model, so each has seen the whole text and
costs no further run. *Windows* are runs of :data:`WINDOW` tokens, one after the other; *sentences* are spans that
the caller names. A part is as wide as the text's own vector and lies in the same space. Kept as bytes, one number in
eight bits: a part has no length but a direction, so no scale is needed.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Span = tuple[int, int]
"""``(start, end)`` in characters."""
Codes = NDArray[np.int8]
"""Shape ``(n, dimension)``: directions, each stretched until its largest number is 127."""

WINDOW = 16
"""Tokens."""
_VERSION = 1
_HEAD = struct.Struct("<BxHHH")
"""Version, windows, sentences, dimension."""


@dataclass(frozen=True, slots=True)
class LateVectors:
    """The parts of one text: ``spans`` are the sentences', in order; one that the model did not read is left out."""

    windows: Codes
    sentences: Codes
    spans: tuple[Span, ...]

    def to_bytes(self) -> bytes:
        head = _HEAD.pack(_VERSION, len(self.windows), len(self.sentences), self.windows.shape[1])
        return b"".join((head, np.array(self.spans, "<u4").tobytes(), self.windows.tobytes(), self.sentences.tobytes()))

    @classmethod
    def from_bytes(cls, data: bytes) -> "LateVectors":
        """Raises ``ValueError`` where the bytes are not such vectors."""
        if len(data) < _HEAD.size:
            raise ValueError(f"{len(data)} bytes are no vectors of parts")
        version, windows, sentences, dimension = _HEAD.unpack_from(data)
        begin = _HEAD.size + 8 * sentences
        if version != _VERSION or len(data) != begin + (windows + sentences) * dimension:
            raise ValueError(f"{len(data)} bytes of version {version} are no vectors of parts")
        spans = np.frombuffer(data, "<u4", 2 * sentences, _HEAD.size).reshape(sentences, 2)
        codes = np.frombuffer(data, np.int8, offset=begin).reshape(windows + sentences, dimension)
        return cls(codes[:windows], codes[windows:], tuple((int(start), int(end)) for start, end in spans))


@dataclass(frozen=True, slots=True)
class LateScore:
    """The cosine of a question with the nearest ``window`` and the nearest ``sentence`` of a text."""

    window: float
    sentence: float


def encoded(rows: NDArray[np.float32]) -> Codes:
    """Rows of any length as codes; shape ``(n, dimension)``."""
    largest = np.abs(rows).max(axis=1, keepdims=True, initial=1e-12)
    codes: Codes = np.rint(rows * (127.0 / largest)).astype(np.int8)
    return codes


def unit(codes: Codes) -> NDArray[np.float32]:
    """Codes as float32 rows of unit length."""
    rows = codes.astype(np.float32)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return rows


def score(query: NDArray[np.float32], texts: Sequence[LateVectors]) -> list[LateScore]:
    """How near ``query`` (shape ``(dimension,)``, of unit length) comes to each of the texts.

    A text without sentences is measured by its windows.
    """
    if not texts:
        return []
    cosines = unit(np.concatenate([codes for text in texts for codes in (text.windows, text.sentences)])) @ query
    scores = []
    at = 0
    for text in texts:
        middle = at + len(text.windows)
        end = middle + len(text.sentences)
        window = float(cosines[at:middle].max())
        scores.append(LateScore(window, float(cosines[middle:end].max()) if end > middle else window))
        at = end
    return scores
