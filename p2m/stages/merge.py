"""merge: rows of several steps become one artifact."""

from __future__ import annotations

from collections.abc import Iterable

from p2m.engine.stage import stage
from p2m.types import Examples, Spent

_OF_THE_ASKED = ("acceptance", "samples_a_row")  # figures of each row that was asked


@stage(version="3", kind="pure")
def merge(*parts: Examples) -> Examples:
    """Rows, counts and rejected rows of all parts in order; figures and what was spent are added up, and of
    what is told of each row that was asked, the mean."""
    figures: dict[str, float] = {}
    for part in parts:
        for name, value in part.figures.items():
            weight = part.figures.get("asked", 0.0) if name in _OF_THE_ASKED else 1.0
            figures[name] = figures.get(name, 0.0) + weight * value
    for name in figures.keys() & set(_OF_THE_ASKED):
        figures[name] /= max(1.0, figures.get("asked", 0.0))
    return Examples(
        tuple(row for part in parts for row in part.rows),
        tuple(count for part in parts for count in part.counts),
        figures,
        tuple(row for part in parts for row in part.rejected),
        together(part.spent for part in parts),
    )


def together(spent: Iterable[Spent | None]) -> Spent | None:
    """Everything that was spent; None where no teacher was asked."""
    known = [each for each in spent if each is not None]
    return sum(known[1:], known[0]) if known else None
