"""Rows that are not used, counted by reason, each reason with a row to look at."""

from __future__ import annotations

from collections.abc import Sequence

from p2m.types import Count, Rejected


def counted(rejected: Sequence[Rejected]) -> tuple[Count, ...]:
    """The commonest reason first; what follows its colon is of one row alone."""
    counts: dict[str, int] = {}
    samples: dict[str, str] = {}
    for row in rejected:
        reason = row.reason.partition(": ")[0]
        counts[reason] = counts.get(reason, 0) + 1
        samples.setdefault(reason, shown(row))
    ordered = sorted(counts, key=lambda reason: (-counts[reason], reason))
    return tuple(Count(f"rejected: {reason}", counts[reason], samples[reason]) for reason in ordered)


def shown(row: Rejected) -> str:
    """A rejected row on one line."""
    text = " / ".join(" ".join(value.split())[:120] for value in row.input.values())
    said = f" -> {' '.join(row.output.split())[:80]}" if row.output else ""
    detail = row.reason.partition(": ")[2]
    return f"{text}{said}" + (f" ({detail[:120]})" if detail else "")
