"""What a rule of curation is: for each row why it goes, and "" where it stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from p2m.types import Count, Example, Task

ORIGINS = ("user", "retrieved", "generated")  # the more trusted first; a row's source begins with its origin


@dataclass(frozen=True, slots=True)
class Sifted:
    """The rows that stay, and how many went for each reason."""

    rows: tuple[Example, ...]
    dropped: tuple[Count, ...]


def sift(rows: Sequence[Example], reasons: Sequence[str]) -> Sifted:
    """Apply a rule's answer; the commonest reason first, each with one of its rows to look at."""
    counts: dict[str, int] = {}
    samples: dict[str, str] = {}
    for row, reason in zip(rows, reasons, strict=True):
        if reason:
            counts[reason] = counts.get(reason, 0) + 1
            samples.setdefault(reason, shown(row))
    kept = tuple(row for row, reason in zip(rows, reasons, strict=True) if not reason)
    ordered = sorted(counts, key=lambda reason: (-counts[reason], reason))
    return Sifted(
        kept, tuple(Count(f"dropped: {reason}", counts[reason], samples[reason]) for reason in ordered)
    )


def from_origin(rows: Sequence[Example], origin: str) -> list[Example]:
    """The rows with their origin before their source: "generated:embedded:qa.people", "user"."""
    marked = (origin, f"{origin}:")
    return [
        row
        if row.source == marked[0] or row.source.startswith(marked[1])
        else replace(row, source=f"{origin}:{row.source}" if row.source else origin)
        for row in rows
    ]


def origin(row: Example) -> str:
    """Where a curated row came from, one of `ORIGINS`."""
    head = row.source.partition(":")[0]
    return head if head in ORIGINS else "user"


def inputs(task: Task, row: Example) -> tuple[str, ...]:
    """The row's input texts in the order of the task's fields; "" for one that is missing."""
    return tuple(row.input.get(entry.name, "") for entry in task.inputs)


def shown(row: Example, limit: int = 160) -> str:
    """A row on one line, for reports."""
    text = " / ".join(" ".join(value.split()) for value in row.input.values())
    head = text if len(text) <= limit else text[: limit - 1].rstrip() + "…"
    return f"{head} -> {' '.join(row.output.split())[:limit]}"
