"""The charts of a report: values in, SVG out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from p2m.reporting.pictures import BAD, FAINT, INK, MODEL, OTHER, TEACHER, drawn, fitted, tip, width_of
from p2m.types import Evaluated, Evaluation, Fit, Judged, Rung

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 560.0  # of every chart, in units of its view box, as all sizes here
_LABELS = 190  # left of horizontal bars
_ROW = 26  # height of a horizontal bar and its gap
_NAMES = 300  # right of the picture of a ladder
_LINE = 22  # height of a name there


class Bar(NamedTuple):
    """A horizontal bar; `low` and `high` draw an interval where they differ."""

    label: str
    value: float
    shown: str
    color: str = MODEL
    low: float = 0.0
    high: float = 0.0


class Point(NamedTuple):
    """Something that costs and is worth something; `is_taken` sets it apart."""

    label: str
    cost: float
    value: float
    is_taken: bool


def tradeoff(points: Sequence[Point], *, title: str, unit: str) -> str:
    """Points by what they cost, from 0, and what they are worth; labels stand beside them."""
    most = max(point.cost for point in points)

    def paint(axes: Axes) -> None:
        for point in points:
            color = MODEL if point.is_taken else OTHER
            (dot,) = axes.plot(point.cost, point.value, "o", color=color, markersize=8, clip_on=False)
            dot.set_gid(tip(f"{point.label}: {point.value:.3f}, {point.cost:.1f} {unit}"))
            is_right = point.cost > most / 2
            axes.annotate(fitted(point.label, _LABELS), (point.cost, point.value), (-9 if is_right else 9, 5),
                          color=INK, textcoords="offset points",
                          horizontalalignment="right" if is_right else "left")  # fmt: skip
        axes.set_xlim(0, most * 1.05 or 1)
        axes.margins(y=0.25)
        axes.xaxis.set_major_formatter(f"{{x:g}} {unit}")
        axes.yaxis.set_major_formatter("{x:.2f}")
        axes.grid(axis="both")

    return drawn(paint, title=title, width=WIDTH, height=200, left=60, right=36, top=12, bottom=28)


def bars(rows: Sequence[Bar], *, title: str, top: float = 1e-9) -> str:
    """Horizontal bars from 0 to `top`, or to the largest value if larger; labels left, values right."""

    def paint(axes: Axes) -> None:
        axes.set(xlim=(0, max([top, *(max(row.value, row.high) for row in rows)])), xticks=[])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks(range(len(rows)), [fitted(row.label, _LABELS - 12) for row in rows], color=INK)
        for place, row in enumerate(rows):
            (bar,) = axes.barh(place, max(0.0, row.value), height=0.7, color=row.color, clip_on=False)
            bar.set_gid(tip(f"{row.label}: {row.shown}"))
            low, end = max(0.0, row.low), max(0.0, row.value, row.high)
            if row.high > row.low:
                axes.plot((low, row.high), (place, place), "|-", color=INK, clip_on=False)
            axes.annotate(row.shown, (end, place), (6, 0), color=FAINT, textcoords="offset points",
                          verticalalignment="center_baseline")  # fmt: skip

    right = 16 + max((width_of(row.shown) for row in rows), default=0)
    return drawn(paint, title=title, width=WIDTH, height=12 + len(rows) * _ROW, left=_LABELS, right=right)


def scores(evaluated: Evaluated) -> str:
    """The model's primary metric with its interval, beside baselines and teacher."""
    primary = evaluated.scores[0]
    rows = [
        Bar("this model", primary.value, f"{primary.value:.3f}", MODEL, primary.low, primary.high),
        *(
            Bar(name, value, f"{value:.3f}", OTHER)
            for name, value in sorted(evaluated.baselines.items(), key=lambda item: (-item[1], item[0]))
        ),
    ]
    if evaluated.teacher is not None:
        some = "" if evaluated.teacher.rows == primary.rows else f", on {evaluated.teacher.rows:,} rows"
        rows.append(Bar(f"teacher{some}", evaluated.teacher.value, f"{evaluated.teacher.value:.3f}", TEACHER))
    return bars(rows, title=f"{primary.metric} of the model, of baselines and of the teacher", top=1.0)


def curve(points: Sequence[tuple[int, float]], *, title: str, color: str, floor: float | None = None) -> str:
    """A line over training steps; the vertical axis starts at `floor` or below, where that is given."""
    steps, values = zip(*points, strict=True)

    def paint(axes: Axes) -> None:
        axes.plot(steps, values, color=color, linewidth=2, clip_on=False)
        for step, value in points:
            (dot,) = axes.plot(step, value, "o", color=color, clip_on=False)
            dot.set_gid(tip(f"step {step:,}: {value:.4f}"))
        axes.set_xlim(0, max(1, *steps))
        if floor is not None:
            axes.set_ylim(bottom=min(floor, *values))
        axes.locator_params("x", integer=True)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.grid(axis="y")

    return drawn(paint, title=title, width=WIDTH, height=200, left=60, right=36, top=12, bottom=28)


def progress(history: Sequence[Evaluation]) -> str:
    """The primary metric on validation rows, over steps."""
    return curve(
        [(one.step, one.score) for one in history], title="score on validation", color=MODEL, floor=0
    )


def losses(fit: Fit) -> str:
    """The loss on training rows, over steps: means of equal parts."""
    parts = len(fit.losses)
    points = [(round(fit.steps * (i + 1) / parts), loss) for i, loss in enumerate(fit.losses)]
    return curve(points, title="loss", color=BAD)


def shares(counts: Counter[str], *, title: str, most: int = 20) -> str:
    """The commonest values of a distribution and, as one bar, the others."""
    total = max(1, counts.total())
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rows = [Bar(name, count, f"{count:,} ({count / total:.1%})") for name, count in ordered[:most]]
    if len(ordered) > most:
        rest = sum(count for _, count in ordered[most:])
        rows.append(Bar(f"{len(ordered) - most} others", rest, f"{rest:,} ({rest / total:.1%})", OTHER))
    return bars(rows, title=title)


def histogram(values: Sequence[int], *, title: str, unit: str) -> str:
    """Whole numbers in at most 16 equal bins; the last one takes what lies beyond the 99th percentile."""
    ordered = sorted(values)
    last = max(1, ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))])
    width = max(1, -(-(last + 1) // 16))
    counts = Counter(min(value, last) // width for value in values)
    rows = []
    for place in range(last // width + 1):
        low, high = place * width, place * width + width - 1
        name = f"{low}" if low == high else f"{low} to {high}"
        name = f"{low} or more" if place == last // width and ordered[-1] > high else name
        rows.append(Bar(f"{name} {unit}", counts[place], f"{counts[place]:,}"))
    return bars(rows, title=title)


def confusion(rows: Sequence[Judged], labels: Sequence[str]) -> str:
    """Right labels down, predicted ones across; a cell's shade is its share of the right label's rows."""
    counts = Counter((row.output, row.predicted) for row in rows)
    totals = Counter(row.output for row in rows)
    cell = max(20.0, min(44.0, (WIDTH - 250) / len(labels)))
    edge, numbers = cell * len(labels), range(len(labels))

    def paint(axes: Axes) -> None:
        axes.set(xlim=(0, len(labels)), ylim=(len(labels), 0), facecolor="#f3f5f8")
        middles = [number + 0.5 for number in numbers]
        axes.set_yticks(middles, [fitted(label, 158) for label in labels], color=INK)
        axes.xaxis.tick_top()
        axes.set_xticks(middles, [fitted(label, 108) for label in labels], color=INK, rotation=50,
                        horizontalalignment="left", rotation_mode="anchor")  # fmt: skip
        axes.tick_params(top=False)
        axes.hlines(numbers, 0, len(labels), color="white")
        axes.vlines(numbers, 0, len(labels), color="white")
        for (right, said), count in counts.items():
            down, across, share = labels.index(right), labels.index(said), count / totals[right]
            color = MODEL if right == said else BAD
            (shade,) = axes.bar(across + 0.5, 1, 0.94, down, color=color, alpha=share)
            shade.set_gid(tip(f"{right} taken for {said}: {count:,}"))
            axes.text(across + 0.5, down + 0.5, f"{count}", color="white" if share > 0.5 else INK,
                      fontsize=min(11, 1.5 * cell / len(f"{count}")), horizontalalignment="center",
                      verticalalignment="center_baseline")  # fmt: skip

    title = "right labels down, predicted ones across"
    return drawn(paint, title=title, width=max(WIDTH, edge + 250), height=edge + 104, left=170,
                 right=max(80, WIDTH - 170 - edge), top=96, bottom=8)  # fmt: skip


def calibration(rows: Sequence[Judged], bins: int = 5) -> str:
    """How often the model is right, by how sure it says it is."""
    shares = []
    for place in range(bins):
        low, high = place / bins, (place + 1) / bins
        inside = [row.correct for row in rows if low <= row.confidence < (high if high < 1 else 2)]
        mean = sum(inside) / len(inside) if inside else 0.0
        shown = f"{mean:.2f} of {len(inside):,}" if inside else "no row"
        shares.append(Bar(f"sure {low:.0%} to {high:.0%}", mean, shown))
    return bars(shares, title="share of right answers by confidence", top=1.0)


def errors(rows: Sequence[Judged], bins: int = 5) -> str:
    """How many of the wrong answers, by how sure the model says it is."""
    found = []
    for place in reversed(range(bins)):
        low, high = place / bins, (place + 1) / bins
        inside = sum(low <= row.confidence < (high if high < 1 else 2) for row in rows)
        found.append(Bar(f"sure {low:.0%} to {high:.0%}", inside, f"{inside:,}", BAD))
    return bars(found, title="wrong answers by confidence")


def ladder(rungs: Sequence[Rung], taken: str, *, metric: str) -> str:
    """Size across, metric up; what ships in colour, what was dropped hollow, each with its name."""
    made = [each for each in rungs if each.score is not None]
    below = sorted(made, key=lambda each: (each.score or 0.0, each.name), reverse=True)

    def paint(axes: Axes) -> None:
        for number, each in enumerate(below):
            place = 1 - (number + 0.5) / len(below)
            x, y = each.size_bytes / 1e6, each.score or 0.0
            color = MODEL if each.name == taken else OTHER if each.kept else BAD
            (dot,) = axes.plot(x, y, "o", color=color, markerfacecolor=color if each.kept else "white",
                               markersize=8, clip_on=False)  # fmt: skip
            dot.set_gid(tip(f"{each.name}: {y:.4f}, {x:.1f} MB"))
            axes.annotate(fitted(f"{each.name} {x:.1f} MB", _NAMES - 24), (x, y), (1.04, place),
                          textcoords="axes fraction", verticalalignment="center", color=INK,
                          arrowprops={"arrowstyle": "-", "color": OTHER, "linewidth": 0.6,
                                      "relpos": (0, 0.5), "shrinkB": 6})  # fmt: skip
        axes.set_xlim(0, 1.04 * max(each.size_bytes for each in made) / 1e6)
        axes.set_xlabel("MB", color=FAINT)
        axes.set_ylabel(metric, color=FAINT)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.grid(axis="both")

    height = max(240.0, 60 + _LINE * len(made))
    return drawn(paint, title=f"{metric} by size", width=WIDTH + _NAMES, height=height, left=64,
                 right=_NAMES, top=14, bottom=44)  # fmt: skip
