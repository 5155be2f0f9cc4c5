"""A sweep's variants side by side: a table, a CSV file, and a picture of score against size."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from p2m.reporting.base import milliseconds, size, svg, table
from p2m.types import Score

CSV, PICTURE, TEXT = "leaderboard.csv", "leaderboard.svg", "leaderboard.txt"


@dataclass(frozen=True, slots=True)
class Entry:
    """One variant of a sweep, as built."""

    variant: str
    scores: tuple[Score, ...]  # the primary metric first
    size_bytes: int
    parameters: int
    latency_p95: float  # seconds
    ship: bool
    seconds: float  # of building it, reused steps included as nothing
    folder: str


def ranked(entries: Sequence[Entry]) -> list[Entry]:
    """Best first: those that meet their contract, then by primary metric, then the smaller, then by name."""
    return sorted(entries, key=lambda e: (not e.ship, -e.scores[0].value, e.size_bytes, e.variant))


def as_text(entries: Sequence[Entry]) -> str:
    """The table for a terminal, best variant first."""
    if not entries:
        return "no variant was built"
    names = [score.metric for score in entries[0].scores]
    header = (
        "variant",
        names[0],
        "95% interval",
        *names[1:],
        "size",
        "parameters",
        "p95",
        "verdict",
        "built in",
    )
    return table([_cells(entry, names) for entry in ranked(entries)], header=header)


def as_csv(entries: Sequence[Entry]) -> str:
    """The same with plain numbers: bytes, seconds, and each metric with its interval."""
    names = list(dict.fromkeys(score.metric for entry in entries for score in entry.scores))
    columns = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    fixed = ("rows", "size_bytes", "parameters", "latency_p95_seconds", "ship", "build_seconds", "folder")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["variant", *columns, *fixed])
    for entry in ranked(entries):
        found = {score.metric: (score.value, score.low, score.high) for score in entry.scores}
        values = [f"{number:.6f}" for name in names for number in found.get(name, ())]
        values = values if len(values) == len(columns) else _padded(found, names)
        tail = (entry.scores[0].rows, entry.size_bytes, entry.parameters, f"{entry.latency_p95:.6f}")
        writer.writerow([entry.variant, *values, *tail, entry.ship, f"{entry.seconds:.3f}", entry.folder])
    return out.getvalue()


def as_picture(entries: Sequence[Entry]) -> str:
    """Score with its interval (up) against size in MB (across); those that fall short are grey."""
    width, height, left, bottom = 760.0, 420.0, 60.0, 370.0
    right, top = width - 30, 44.0
    across = svg.ticks(0, max(entry.size_bytes for entry in entries) / 1e6, 6)
    up = svg.ticks(min(e.scores[0].low for e in entries), max(e.scores[0].high for e in entries), 5)

    def x(entry: Entry) -> float:
        return left + (right - left) * entry.size_bytes / 1e6 / across[-1]

    def y(value: float) -> float:
        return bottom - (bottom - top) * (value - up[0]) / (up[-1] - up[0])

    metric = entries[0].scores[0].metric
    parts = [
        svg.bar(0, 0, width, height, fill="#ffffff"),
        svg.text(left, 24, f"{metric} by size", size=15, bold=True),
    ]
    for value in up:
        parts += [svg.line(left, y(value), right, y(value)),
                  svg.text(left - 8, y(value) + 4, f"{value:g}", anchor="end", fill=svg.FAINT)]  # fmt: skip
    for value in across:
        place = left + (right - left) * value / across[-1]
        parts.append(svg.text(place, bottom + 20, f"{value:g}", anchor="middle", fill=svg.FAINT))
    parts.append(svg.text(right, bottom + 40, "MB", anchor="end", fill=svg.FAINT))
    labelled: list[tuple[float, float]] = []
    for entry in ranked(entries):
        parts += _point(entry, x(entry), y, labelled, right)
    return svg.picture(width, height, parts, title=f"{metric} of {len(entries)} variants by size")


def write(entries: Sequence[Entry], folder: Path) -> None:
    """Write the table, the CSV file and the picture into `folder`, replacing those of an earlier call."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {TEXT: as_text(entries) + "\n", CSV: as_csv(entries), PICTURE: as_picture(entries) + "\n"}
    for name, content in contents.items():
        beside = folder / f".{name}.{os.getpid()}"
        beside.write_text(content, encoding="utf-8")
        beside.replace(folder / name)  # a reader never sees half a file


def _cells(entry: Entry, names: Sequence[str]) -> list[str]:
    first, values = entry.scores[0], {score.metric: score.value for score in entry.scores}
    return [
        entry.variant,
        f"{first.value:.3f}",
        f"[{first.low:.3f}, {first.high:.3f}]",
        *(f"{values[name]:.3f}" if name in values else "" for name in names[1:]),
        size(entry.size_bytes),
        f"{entry.parameters / 1e6:.1f}M",
        milliseconds(entry.latency_p95),
        "SHIP" if entry.ship else "falls short",
        f"{entry.seconds:.0f} s",
    ]


def _padded(found: dict[str, tuple[float, float, float]], names: Sequence[str]) -> list[str]:
    """Values by column, empty where a variant lacks the metric."""
    return [
        f"{number:.6f}" if name in found else "" for name in names for number in found.get(name, (0.0,) * 3)
    ]


def _point(
    entry: Entry, x: float, y: Callable[[float], float], labelled: list[tuple[float, float]], right: float
) -> list[str]:
    """A variant's dot, interval and name; a name gives way downward to those that were placed before it."""
    score = entry.scores[0]
    color = svg.MODEL if entry.ship else svg.OTHER
    tip = f"{entry.variant}: {score.value:.3f} [{score.low:.3f}, {score.high:.3f}], {size(entry.size_bytes)}"
    name = svg.fitted(entry.variant, 220)
    while any(abs(x - place) < 6 for place, _ in labelled):
        x += 7  # intervals of one size stand side by side
    after = x + 240 <= right
    height = y(score.value) + 4
    while any(abs(height - other) < 14 and abs(x - place) < 240 for place, other in labelled):
        height += 14
    labelled.append((x, height))
    return [
        svg.line(x, y(score.low), x, y(score.high), stroke=color, width=1.5),
        svg.line(x - 4, y(score.low), x + 4, y(score.low), stroke=color, width=1.5),
        svg.line(x - 4, y(score.high), x + 4, y(score.high), stroke=color, width=1.5),
        svg.dot(x, y(score.value), 5, fill=color, tip=tip),
        svg.text(x + 9 if after else x - 9, height, name, anchor="start" if after else "end"),
    ]
