"""How fast a job was over its time, kept small: passages done in each of at most 120 equal pieces of its work."""

from collections.abc import Mapping
from typing import Any

POINTS = 120
FIRST = 1.0
"""Seconds of work that a piece covers at first; pieces are merged in pairs when there would be too many."""


def added(series: Mapping[str, Any] | None, at: float, passages: int) -> dict[str, Any]:
    """With ``passages`` done ``at`` seconds into the work; what was given is left alone."""
    every = float(series["every"]) if series else FIRST
    counts = [int(count) for count in series["passages"]] if series else []
    while at / every >= POINTS:
        counts = [sum(counts[pair : pair + 2]) for pair in range(0, len(counts), 2)]
        every *= 2
    place = max(0, int(at / every))
    counts += [0] * (place + 1 - len(counts))
    counts[place] += passages
    return {"every": every, "passages": counts}


def rates(series: Mapping[str, Any] | None, points: int = 60) -> list[float]:
    """Passages a second, piece by piece, merged into at most ``points``; empty where nothing was counted."""
    if not series:
        return []
    every, counts = float(series["every"]), [int(count) for count in series["passages"]]
    step = -(-len(counts) // points)
    pieces = (counts[begin : begin + step] for begin in range(0, len(counts), step))
    return [round(sum(piece) / (every * len(piece)), 2) for piece in pieces]
