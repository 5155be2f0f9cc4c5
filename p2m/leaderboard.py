"""A sweep's variants side by side: a table, a CSV file, JSON, and a picture of score against size.

Variants that are not built yet are listed below those that are; variants that differ in the seed alone are
summed up below the table.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from p2m.engine.files import disk
from p2m.reporting.base import milliseconds, pictures, table
from p2m.sizes import count, short, show_size
from p2m.types import Decision, Score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CSV, PICTURE, TEXT, DATA = "leaderboard.csv", "leaderboard.svg", "leaderboard.txt", "leaderboard.json"
SEED = "seed="
REASON_WIDTH = 100  # characters of a shown reason
_HEIGHT, _NAMES, _LINE = 320, 450, 16  # of the picture's axes, of the names beside them, of a name


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
        return short(f"{self.state}: {self.reason}" if self.reason else self.state, REASON_WIDTH)


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
            ahead = replace(scores[0], value=mean).ahead(0.0)
            groups.append((-ahead, Group(rest, len(values), scores[0].metric, mean, spread)))
    return [group for _, group in sorted(groups, key=lambda each: (each[0], each[1].overrides))]


def ranked(entries: Sequence[Entry]) -> list[Entry]:
    """Best first: those that meet their contract, then by primary metric, then the smaller, then by name."""
    return sorted(entries, key=lambda e: (not e.ship, -e.scores[0].ahead(0.0), e.size_bytes, e.variant))


def as_text(entries: Sequence[Entry], pending: Sequence[Pending] = ()) -> str:
    """The verdicts and the table, best variant first, then what has no model, then means over seeds."""
    lines = [_verdicts(entries), _table(entries)] if entries else []
    if pending:
        width = max(len(each.variant) for each in pending)
        lines += [f"{each.variant:<{width}}  {each}" for each in pending]
    lines += [str(group) for group in over_seeds(entries)]
    if entries and not pictures.can_draw():
        lines.append(pictures.WITHOUT)
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
        found = {s.metric: [f"{number:.6f}" for number in (s.value, s.low, s.high)] for s in entry.scores}
        values = [text for name in names for text in found.get(name, [""] * 3)]
        tail = (entry.scores[0].rows, entry.size_bytes, entry.parameters, f"{entry.latency_p95:.6f}")
        end = (entry.decision, f"{entry.seconds:.3f}", entry.folder, "done")
        writer.writerow([entry.variant, *values, *tail, *end])
    for each in pending:
        writer.writerow([each.variant, *[""] * (len(columns) + len(fixed)), str(each)])
    return out.getvalue()


def as_picture(entries: Sequence[Entry]) -> str:
    """Score with its interval (up) against size in MB (across); those that fall short are grey.

    Names stand beside the axes, in the order of their scores, each with a line to its dot.
    """
    metric = entries[0].scores[0].metric
    ordered = sorted(ranked(entries), key=lambda entry: -entry.scores[0].value)
    inside = max(_HEIGHT, _LINE * len(ordered))

    def paint(axes: Axes) -> None:
        axes.set_title(f"{metric} by size", loc="left", fontsize=15, fontweight="bold", pad=14)
        axes.set_xlabel("MB", loc="right", color=pictures.FAINT)
        axes.grid(axis="y")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter("{x:g}")
        across = _beside_each_other([entry.size_bytes / 1e6 for entry in ordered])
        for entry, x in zip(ordered, across, strict=True):
            _dot(axes, entry, x)
        axes.set_xlim(0, 1.04 * max(*across, 1e-6))
        low, high = axes.get_ylim()
        heights = [(entry.scores[0].value - low) / (high - low) * inside for entry in ordered]
        for entry, x, height in zip(ordered, across, _apart(heights, inside), strict=True):
            name = f"{entry.scores[0].value:.3f} {entry.variant}"
            axes.annotate(pictures.fitted(name, _NAMES - 30), (x, entry.scores[0].value),
                          (1.03, height / inside), textcoords="axes fraction", verticalalignment="center",
                          arrowprops={"arrowstyle": "-", "color": pictures.OTHER, "linewidth": 0.6,
                                      "relpos": (0, 0.5), "shrinkA": 2, "shrinkB": 7})  # fmt: skip

    title = f"{metric} of {len(entries)} variants by size"
    return pictures.drawn(paint, title=title, width=960, height=inside + 90, left=60, right=_NAMES, top=44,
                          bottom=46)  # fmt: skip


def _dot(axes: Axes, entry: Entry, x: float) -> None:
    """A variant's score and interval, `x` MB across."""
    score = entry.scores[0]
    color = pictures.MODEL if entry.ship else pictures.OTHER
    axes.plot((x, x), (score.low, score.high), "_-", color=color, markersize=8)
    (dot,) = axes.plot(x, score.value, "o", color=color, markersize=8)
    told = f"{score.value:.3f} [{score.low:.3f}, {score.high:.3f}], {show_size(entry.size_bytes)}"
    dot.set_gid(pictures.tip(f"{entry.variant}: {told}"))


def _beside_each_other(values: Sequence[float]) -> list[float]:
    """`values`, those moved up a little that hide an earlier one: together by half the range at most."""
    step = max(values) * min(1 / 60, 0.5 / len(values))
    placed: list[float] = []
    for value in values:
        while any(abs(value - other) < 0.9 * step for other in placed):
            value += step
        placed.append(value)
    return placed


def _apart(heights: Sequence[float], top: float) -> list[float]:
    """Falling heights, moved so that each is a line below the one before and all are within 0 and `top`."""
    placed: list[float] = []
    for height in heights:
        placed.append(min(height, placed[-1] - _LINE if placed else top))
    return [max(height, _LINE * (len(placed) - 1 - n)) for n, height in enumerate(placed)]


def write(entries: Sequence[Entry], folder: Path, pending: Sequence[Pending] = ()) -> None:
    """Write table, CSV, JSON and picture into `folder`, each in one rename over that of an earlier call."""
    folder.mkdir(parents=True, exist_ok=True)
    data = json.dumps(as_data(entries, pending), indent=1, ensure_ascii=False) + "\n"
    contents = {TEXT: as_text(entries, pending) + "\n", CSV: as_csv(entries, pending)}
    if not entries or not pictures.can_draw():
        (folder / PICTURE).unlink(missing_ok=True)  # of an earlier call
    elif not _is_drawn(folder, json.loads(data)["entries"]):
        contents[PICTURE] = as_picture(entries) + "\n"
    contents[DATA] = data  # last: it tells the next call what the picture shows
    for name, content in contents.items():
        disk.replace(folder / name, content.encode(), durable=False)


def _is_drawn(folder: Path, entries: list[dict[str, Any]]) -> bool:
    """Whether the picture there shows these entries, and need not be drawn again."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        drawn = json.loads((folder / DATA).read_text(encoding="utf-8"))["entries"]
        return (folder / PICTURE).exists() and bool(drawn == entries)
    return False


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
