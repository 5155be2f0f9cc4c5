"""Rows that are not used, counted by reason, each reason with a row to look at."""

from __future__ import annotations

from collections.abc import Sequence

from p2m.sizes import on_a_line
from p2m.types import Count, Rejected


def counted(rejected: Sequence[Rejected], what: str = "rejected") -> tuple[Count, ...]:
    """`what: reason`, the commonest first; what follows the colon of a reason is of one row alone."""
    counts: dict[str, int] = {}
    samples: dict[str, str] = {}
    for row in rejected:
        reason = row.reason.partition(": ")[0]
        counts[reason] = counts.get(reason, 0) + 1
        samples.setdefault(reason, shown(row))
    ordered = sorted(counts, key=lambda reason: (-counts[reason], reason))
    return tuple(Count(f"{what}: {reason}", counts[reason], samples[reason]) for reason in ordered)


def shown(row: Rejected) -> str:
    """A rejected row on one line."""
    detail = row.reason.partition(": ")[2]
    return on_a_line(row.input, row.output) + (f" ({detail[:120]})" if detail else "")
