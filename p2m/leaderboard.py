"""A sweep's variants side by side: a table, a CSV file, JSON, and a picture of score against size.

Variants that are not built yet are listed below those that are; variants that differ in the seed alone are
summed up below the table.
"""

from __future__ import annotations

import csv
import io
import json
import os
import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from p2m.reporting.base import count, milliseconds, svg, table
from p2m.sizes import show_size
from p2m.types import Decision, Score

CSV, PICTURE, TEXT, DATA = "leaderboard.csv", "leaderboard.svg", "leaderboard.txt", "leaderboard.json"
SEED = "seed="
REASON_WIDTH = 100  # characters of a shown reason


@dataclass(frozen=True, slots=True)
class Entry:
    """One variant of a sweep, as built."""

    variant: str
    scores: tuple[Score, ...]  # the primary metric first
    size_bytes: int
    parameters: int
    latency_p95: float  # seconds
    decision: Decision
    seconds: float  # of building it, reused steps included as nothing
    folder: str
    overrides: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()  # what the verdict says against it

    @property
    def ship(self) -> bool:
        return self.decision is Decision.SHIP


@dataclass(frozen=True, slots=True)
class Pending:
    """One variant without a model: still to come, or failed."""

    variant: str
    state: str  # waiting, building, failed
    reason: str = ""  # of a failure

    def __str__(self) -> str:
        text = " ".join(f"{self.state}: {self.reason}".split()) if self.reason else self.state
        return text if len(text) <= REASON_WIDTH else text[: REASON_WIDTH - 1] + "…"


@dataclass(frozen=True, slots=True)
class Group:
    """Variants that differ in the seed alone: the primary metric's mean and spread over them."""

    overrides: tuple[str, ...]  # what they have in common
    seeds: int
    metric: str
    mean: float
    spread: float  # the sample's standard deviation

    def __str__(self) -> str:
        name = ",".join(self.overrides) or "the recipe"
        return f"{name} over {self.seeds} seeds: {self.metric} {self.mean:.3f} ± {self.spread:.3f}"


def entry_of(data: Mapping[str, Any]) -> Entry:
    """The entry that `asdict` made plain, for instance back from JSON."""
    scores = tuple(Score(**score) for score in data["scores"])
    return Entry(
        **{
            **data,
            "scores": scores,
            "decision": Decision(data["decision"]),
            "overrides": tuple(data["overrides"]),
            "doubts": tuple(data["doubts"]),
        }
    )


def over_seeds(entries: Sequence[Entry]) -> list[Group]:
    """A group for every set of two or more variants that differ in the seed alone, best mean first."""
    sets: dict[tuple[str, ...], list[Score]] = {}
    for entry in entries:
        rest = tuple(text for text in entry.overrides if not text.startswith(SEED))
        if len(rest) < len(entry.overrides):
            sets.setdefault(rest, []).append(entry.scores[0])
    groups = []
    for rest, scores in sets.items():
        values = [score.value for score in scores]
        if len(values) > 1 and len({score.metric for score in scores}) == 1:
            mean, spread = statistics.fmean(values), statistics.stdev(values)
            groups.append(Group(rest, len(values), scores[0].metric, mean, spread))
    return sorted(groups, key=lambda group: (-group.mean, group.overrides))


def ranked(entries: Sequence[Entry]) -> list[Entry]:
    """Best first: those that meet their contract, then by primary metric, then the smaller, then by name."""
    return sorted(entries, key=lambda e: (not e.ship, -e.scores[0].value, e.size_bytes, e.variant))


def as_text(entries: Sequence[Entry], pending: Sequence[Pending] = ()) -> str:
    """The verdicts and the table, best variant first, then what has no model, then means over seeds."""
    lines = [_verdicts(entries), _table(entries)] if entries else []
    if pending:
        width = max(len(each.variant) for each in pending)
        lines += [f"{each.variant:<{width}}  {each}" for each in pending]
    lines += [str(group) for group in over_seeds(entries)]
    return "\n".join(lines) if lines else "no variant was built"


def _verdicts(entries: Sequence[Entry]) -> str:
    """How many variants may ship, and what is said against the best one."""
    counts = Counter(entry.decision for entry in entries)
    told = ", ".join(f"{counts[each]} {each}" for each in Decision if counts[each])
    best = ranked(entries)[0]
    return "\n".join([told, *(f"  {best.variant}: {line}" for line in best.doubts)])


def best_line(entries: Sequence[Entry]) -> str:
    """The best variant so far, in a line."""
    if not entries:
        return "no variant is built yet"
    best = ranked(entries)[0]
    first = best.scores[0]
    figures = f"{first.metric} {first.value:.3f} [{first.low:.3f}, {first.high:.3f}]"
    return f"best of {len(entries)}: {best.variant}  {figures}  {show_size(best.size_bytes)}  {best.decision}"


def _table(entries: Sequence[Entry]) -> str:
    names = [score.metric for score in entries[0].scores]
    figures = ("size", "parameters", "p95", "verdict", "built in")
    header = ("variant", names[0], "95% interval", *names[1:], *figures)
    return table([_cells(entry, names) for entry in ranked(entries)], header=header)


def as_data(entries: Sequence[Entry], pending: Sequence[Pending] = ()) -> dict[str, Any]:
    """Everything as plain data, best variant first."""
    return {
        "entries": [asdict(entry) for entry in ranked(entries)],
        "pending": [asdict(each) for each in pending],
        "over_seeds": [asdict(group) for group in over_seeds(entries)],
    }


def as_csv(entries: Sequence[Entry], pending: Sequence[Pending] = ()) -> str:
    """The same with plain numbers: bytes, seconds, each metric with its interval; blank without a model."""
    names = list(dict.fromkeys(score.metric for entry in entries for score in entry.scores))
    columns = [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    fixed = ("rows", "size_bytes", "parameters", "latency_p95_seconds", "verdict", "build_seconds", "folder")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["variant", *columns, *fixed, "state"])
    for entry in ranked(entries):
        found = {score.metric: (score.value, score.low, score.high) for score in entry.scores}
        values = [f"{number:.6f}" for name in names for number in found.get(name, ())]
        values = values if len(values) == len(columns) else _padded(found, names)
        tail = (entry.scores[0].rows, entry.size_bytes, entry.parameters, f"{entry.latency_p95:.6f}")
        end = (entry.decision, f"{entry.seconds:.3f}", entry.folder, "done")
        writer.writerow([entry.variant, *values, *tail, *end])
    for each in pending:
        writer.writerow([each.variant, *[""] * (len(columns) + len(fixed)), str(each)])
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


def write(entries: Sequence[Entry], folder: Path, pending: Sequence[Pending] = ()) -> None:
    """Write table, CSV, JSON and picture into `folder`, each in one rename over that of an earlier call."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {
        TEXT: as_text(entries, pending) + "\n",
        CSV: as_csv(entries, pending),
        DATA: json.dumps(as_data(entries, pending), indent=1, ensure_ascii=False) + "\n",
    }
    if entries:
        contents[PICTURE] = as_picture(entries) + "\n"
    else:
        (folder / PICTURE).unlink(missing_ok=True)  # of an earlier call, with other variants
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
        show_size(entry.size_bytes),
        count(entry.parameters),
        milliseconds(entry.latency_p95),
        str(entry.decision),
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
    interval = f"[{score.low:.3f}, {score.high:.3f}]"
    tip = f"{entry.variant}: {score.value:.3f} {interval}, {show_size(entry.size_bytes)}"
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
