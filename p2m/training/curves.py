"""Small pictures of how a training goes, for a line of progress."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

_BARS = "▁▂▃▄▅▆▇█"
WIDTH = 12  # of a picture, at most


def means(values: Sequence[float], parts: int) -> list[float]:
    """Of so many equal parts of the values, or of fewer where these are few."""
    parts = min(parts, len(values))
    bounds = [len(values) * i // parts for i in range(parts + 1)] if parts else []
    return [sum(values[a:b]) / (b - a) for a, b in pairwise(bounds)]


def sparkline(values: Sequence[float]) -> str:
    """`▇▅▃▂▁`: the lowest and the highest value of all take the whole height."""
    known = means(values, WIDTH)
    if len(known) < 2:
        return ""
    low, high = min(known), max(known)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((each - low) * scale)] for each in known)
