"""merge: rows of several steps become one artifact."""

from __future__ import annotations

from collections.abc import Iterable

from p2m.engine.rows import joined
from p2m.engine.stage import stage
from p2m.types import Examples, Spent


@stage(version="2", kind="pure")
def merge(*parts: Examples) -> Examples:
    """Rows, counts and rejected rows of all parts in order; figures and what was spent are added up."""
    figures: dict[str, float] = {}
    for part in parts:
        for name, value in part.figures.items():
            figures[name] = figures.get(name, 0.0) + value
    return Examples(
        joined(*(part.rows for part in parts)),
        tuple(count for part in parts for count in part.counts),
        figures,
        joined(*(part.rejected for part in parts)),
        together(part.spent for part in parts),
    )


def together(spent: Iterable[Spent | None]) -> Spent | None:
    """Everything that was spent; None where no teacher was asked."""
    known = [each for each in spent if each is not None]
    return sum(known[1:], known[0]) if known else None
