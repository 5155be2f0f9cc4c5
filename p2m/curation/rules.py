"""What a rule of curation is: for each row why it goes, and "" where it stays."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from p2m.engine.rows import mapped, picked
from p2m.sizes import on_a_line
from p2m.types import Count, Example, Task

ORIGINS = ("user", "retrieved", "generated")  # the more trusted first; a row's source begins with its origin


@dataclass(frozen=True, slots=True)
class Sifted:
    """The rows that stay, and how many went for each reason."""

    rows: tuple[Example, ...]
    dropped: tuple[Count, ...]


def sift(rows: Sequence[Example], reasons: Sequence[str]) -> Sifted:
    """Apply a rule's answer; the commonest reason first, each with one of its rows to look at."""
    counts = Counter(reasons)
    kept = array("q", (number for number, reason in enumerate(reasons) if not reason))
    ordered = sorted(set(counts) - {""}, key=lambda reason: (-counts[reason], reason))
    return Sifted(
        picked(rows, kept),
        tuple(
            Count(f"dropped: {reason}", counts[reason], shown(rows[reasons.index(reason)]))
            for reason in ordered
        ),
    )


def from_origin(rows: Sequence[Example], origin: str) -> tuple[Example, ...]:
    """The rows with their origin before their source: "generated:embedded:qa.people", "user"."""
    marked = (origin, f"{origin}:")

    def told(row: Example) -> Example:
        if row.source == marked[0] or row.source.startswith(marked[1]):
            return row
        return replace(row, source=f"{origin}:{row.source}" if row.source else origin)

    return mapped(told, rows)


def origin(row: Example) -> str:
    """Where a curated row came from, one of `ORIGINS`."""
    head = row.source.partition(":")[0]
    return head if head in ORIGINS else "user"


def inputs(task: Task, row: Example) -> tuple[str, ...]:
    """The row's input texts in the order of the task's fields; "" for one that is missing."""
    return tuple(row.input.get(entry.name, "") for entry in task.inputs)


def shown(row: Example, limit: int = 160) -> str:
    """A row on one line, for reports."""
    return on_a_line(row.input, row.output, limit)
