"""merge: the rows of several catalogues become one artifact."""

from __future__ import annotations

from p2m.engine.stage import stage
from p2m.types import Examples


@stage(version="1", kind="pure")
def merge(*parts: Examples) -> Examples:
    """The rows and counts of all parts in order; figures of one name are added."""
    figures: dict[str, float] = {}
    for part in parts:
        for name, value in part.figures.items():
            figures[name] = figures.get(name, 0.0) + value
    rows = tuple(row for part in parts for row in part.rows)
    return Examples(rows, tuple(count for part in parts for count in part.counts), figures)
