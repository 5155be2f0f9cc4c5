"""The curves and trade-offs of a report: values in, SVG out, in the colours of the page around them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from p2m.reporting.html import Safe
from p2m.reporting.pictures import BAD, FAINT, GRID, INK, MODEL, OTHER, drawn, fitted, tip
from p2m.types import Evaluation, Fit, Rung

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 440.0  # of every chart, in units of its view box, as all sizes here: small, to be read on a phone
_HEIGHT = 210
_LABELS = 150  # of a name beside a dot
# What a page calls the colours that pictures are drawn in; its own are light or dark.
_NAMES = {
    INK: "ink",
    FAINT: "soft",
    GRID: "line",
    MODEL: "model",
    OTHER: "other",
    BAD: "bad",
    "#ffffff": "card",
}


class Point(NamedTuple):
    """Something that costs and is worth something; `is_taken` sets it apart."""

    label: str
    cost: float
    value: float
    is_taken: bool


def _is_crowded(point: Point, points: Sequence[Point]) -> bool:
    """Whether the label of another point, right above this one, would be written over."""
    values, most = [each.value for each in points], max(each.cost for each in points)
    near = 0.15 * (max(values) - min(values)), 0.3 * most
    above = (each for each in points if (each.value, each.label) > (point.value, point.label))
    return any(
        each.value - point.value <= near[0] and abs(each.cost - point.cost) <= near[1] for each in above
    )


def tradeoff(points: Sequence[Point], *, title: str, unit: str) -> Safe:
    """Points by what they cost, from 0, and what they are worth; labels stand beside them."""
    most = max(point.cost for point in points)

    def paint(axes: Axes) -> None:
        for point in points:
            color = MODEL if point.is_taken else OTHER
            (dot,) = axes.plot(point.cost, point.value, "o", color=color, markersize=8, clip_on=False)
            dot.set_gid(tip(f"{point.label}: {point.value:.3f}, {point.cost:.1f} {unit}"))
            is_right = point.cost > most / 2
            offset = (-9 if is_right else 9, -13 if _is_crowded(point, points) else 5)
            axes.annotate(fitted(point.label, _LABELS), (point.cost, point.value), offset,
                          color=INK, textcoords="offset points",
                          horizontalalignment="right" if is_right else "left")  # fmt: skip
        axes.set_xlim(0, most * 1.05 or 1)
        axes.margins(y=0.25)
        axes.xaxis.set_major_formatter(f"{{x:g}} {unit}")
        axes.yaxis.set_major_formatter("{x:.2f}")
        axes.grid(axis="both")

    return _picture(paint, title)


def curve(points: Sequence[tuple[int, float]], *, title: str, color: str, floor: float | None = None) -> Safe:
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

    return _picture(paint, title)


def progress(history: Sequence[Evaluation]) -> Safe:
    """The primary metric on validation rows, over steps."""
    return curve(
        [(one.step, one.score) for one in history], title="score on validation", color=MODEL, floor=0
    )


def loss_steps(fit: Fit) -> list[int]:
    """The last step of each of the equal parts that losses are means of."""
    parts = len(fit.losses)
    return [round(fit.steps * (part + 1) / parts) for part in range(parts)]


def losses(fit: Fit) -> Safe:
    """The loss on training rows, over steps."""
    return curve(list(zip(loss_steps(fit), fit.losses, strict=True)), title="loss", color=BAD)


def ladder(rungs: Sequence[Rung], taken: str, *, metric: str) -> Safe:
    """Size across, metric up, each with its number, from 1; what ships in colour, what was dropped hollow."""
    made = [(number, each) for number, each in enumerate(rungs, 1) if each.score is not None]

    def paint(axes: Axes) -> None:
        for number, each in made:
            x, y = each.size_bytes / 1e6, each.score or 0.0
            color = MODEL if each.name == taken else OTHER if each.kept else BAD
            (dot,) = axes.plot(x, y, "o", color=color, markerfacecolor=color if each.kept else "white",
                               markersize=8, clip_on=False)  # fmt: skip
            dot.set_gid(tip(f"{number}, {each.name}: {y:.4f}, {x:.1f} MB"))
            axes.annotate(f"{number}", (x, y), (0, 8), color=INK, textcoords="offset points",
                          horizontalalignment="center")  # fmt: skip
        axes.set_xlim(0, 1.04 * max(each.size_bytes for _, each in made) / 1e6)
        axes.margins(y=0.2)
        axes.xaxis.set_major_formatter("{x:g} MB")
        axes.yaxis.set_major_formatter("{x:.3f}")
        axes.grid(axis="both")

    return _picture(paint, f"{metric} by size")


def _picture(paint: Callable[[Axes], None], title: str) -> Safe:
    found = drawn(paint, title=title, width=WIDTH, height=_HEIGHT, left=56, right=36, top=20, bottom=28)
    for color, name in _NAMES.items():
        found = found.replace(color, f"var(--{name})")
    return Safe(found)
