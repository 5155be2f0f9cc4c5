"""The charts of a report: values in, SVG out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from p2m.reporting import svg
from p2m.types import Evaluated, Evaluation, Judged

WIDTH = 560  # pixels, of every chart
_LABELS = 190  # pixels, left of horizontal bars
_VALUES = 100  # pixels, right of the longest bar
_ROW = 26  # pixels, of a horizontal bar


class Bar(NamedTuple):
    """A horizontal bar; `low` and `high` draw an interval where they differ."""

    label: str
    value: float
    shown: str
    color: str = svg.MODEL
    low: float = 0.0
    high: float = 0.0


def bars(rows: Sequence[Bar], *, title: str, top: float | None = None) -> str:
    """Horizontal bars from 0 to `top` (the largest value where None), labels left, values right."""
    most = top or max([*(max(row.value, row.high) for row in rows), 1e-9])
    span = WIDTH - _LABELS - _VALUES
    parts = []
    for place, row in enumerate(rows):
        y = 6 + place * _ROW
        wide = span * row.value / most
        parts.append(svg.text(_LABELS - 8, y + 15, svg.fitted(row.label, _LABELS - 12), anchor="end"))
        parts.append(svg.bar(_LABELS, y + 2, wide, _ROW - 8, fill=row.color, tip=f"{row.label}: {row.shown}"))
        end = wide
        if row.high > row.low:
            low, high = (_LABELS + span * edge / most for edge in (row.low, row.high))
            parts.append(svg.whisker(low, high, y + _ROW / 2 - 2))
            end = max(wide, high - _LABELS)
        parts.append(svg.text(_LABELS + end + 6, y + 15, row.shown, fill=svg.FAINT))
    return svg.picture(WIDTH, 12 + len(rows) * _ROW, parts, title=title)


def scores(evaluated: Evaluated) -> str:
    """The model's primary metric with its interval, beside baselines and teacher."""
    primary = evaluated.scores[0]
    rows = [
        Bar("this model", primary.value, f"{primary.value:.3f}", svg.MODEL, primary.low, primary.high),
        *(
            Bar(name, value, f"{value:.3f}", svg.OTHER)
            for name, value in sorted(evaluated.baselines.items(), key=lambda item: (-item[1], item[0]))
        ),
    ]
    if evaluated.teacher is not None:
        rows.append(Bar("teacher", evaluated.teacher, f"{evaluated.teacher:.3f}", svg.TEACHER))
    return bars(rows, title=f"{primary.metric} of the model, of baselines and of the teacher", top=1.0)


def curve(
    points: Sequence[tuple[float, float]], *, title: str, color: str, floor: float | None = None
) -> str:
    """A line over training steps; the vertical axis starts at `floor`, at the least value where None."""
    values = [value for _, value in points]
    vertical = svg.ticks(min(values) if floor is None else floor, max(values), 4)
    across = svg.ticks(0, max(step for step, _ in points), 5)
    left, right, top, bottom = 46.0, WIDTH - 16.0, 10.0, 168.0

    def at(step: float, value: float) -> tuple[float, float]:
        x = left + (right - left) * step / across[-1]
        return x, bottom - (bottom - top) * (value - vertical[0]) / (vertical[-1] - vertical[0])

    placed = [at(step, value) for step, value in points]
    parts = []
    for value in vertical:
        y = at(0, value)[1]
        parts += [
            svg.line(left, y, right, y),
            svg.text(left - 6, y + 4, f"{value:g}", anchor="end", fill=svg.FAINT),
        ]
    parts += [
        svg.text(at(step, vertical[0])[0], bottom + 18, f"{step:g}", anchor="middle", fill=svg.FAINT)
        for step in across
    ]
    parts.append(svg.path(placed, stroke=color))
    parts += [
        svg.dot(x, y, 3.5, fill=color, tip=f"step {step:g}: {value:.4f}")
        for (x, y), (step, value) in zip(placed, points, strict=True)
    ]
    return svg.picture(WIDTH, bottom + 26, parts, title=title)


def training(history: Sequence[Evaluation]) -> tuple[str, str]:
    """The primary metric on validation rows, and the loss, over steps."""
    return (
        curve(
            [(one.step, one.score) for one in history],
            title="score on validation",
            color=svg.MODEL,
            floor=0.0,
        ),
        curve([(one.step, one.loss) for one in history], title="loss", color=svg.BAD),
    )


def shares(counts: Counter[str], *, title: str, most: int = 20) -> str:
    """The commonest values of a distribution and, as one bar, the others."""
    total = max(1, counts.total())
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rows = [Bar(name, count, f"{count:,} ({count / total:.1%})") for name, count in ordered[:most]]
    if len(ordered) > most:
        rest = sum(count for _, count in ordered[most:])
        rows.append(Bar(f"{len(ordered) - most} others", rest, f"{rest:,} ({rest / total:.1%})", svg.OTHER))
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
    cell = max(20.0, min(44.0, (WIDTH - 150) / len(labels)))
    left, top = 140.0, 96.0
    totals = Counter(row.output for row in rows)
    parts = []
    for down, right in enumerate(labels):
        y = top + down * cell
        parts.append(svg.text(left - 8, y + cell / 2 + 4, svg.fitted(right, left - 12), anchor="end"))
        x = left + down * cell + cell / 2
        name = svg.text(0, 0, svg.fitted(right, 92))
        parts.append(f'<g transform="translate({x:.1f} {top - 8:.1f}) rotate(-50)">{name}</g>')
        for across, said in enumerate(labels):
            count = counts[right, said]
            share = count / max(1, totals[right])
            x = left + across * cell
            color = svg.MODEL if right == said else svg.BAD
            tip = f"{right} taken for {said}: {count}"
            parts.append(svg.bar(x + 1, y + 1, cell - 2, cell - 2, fill="#f3f5f8"))
            shade = svg.bar(x + 1, y + 1, cell - 2, cell - 2, fill=color, tip=tip)
            parts.append(f'<g opacity="{share:.3f}">{shade}</g>')
            if count:
                ink = "#ffffff" if share > 0.5 else svg.INK
                parts.append(
                    svg.text(x + cell / 2, y + cell / 2 + 4, str(count), anchor="middle", fill=ink, size=11)
                )
    size = left + len(labels) * cell + 60
    return svg.picture(
        size, top + len(labels) * cell + 8, parts, title="right labels down, predicted ones across"
    )


def calibration(rows: Sequence[Judged], bins: int = 5) -> str:
    """How often the model is right, by how sure it says it is."""
    drawn = []
    for place in range(bins):
        low, high = place / bins, (place + 1) / bins
        inside = [
            row.correct for row in rows if low <= row.confidence < high or (high == 1 == row.confidence)
        ]
        mean = sum(inside) / len(inside) if inside else 0.0
        shown = f"{mean:.2f} of {len(inside):,}" if inside else "no row"
        drawn.append(Bar(f"sure {low:.0%} to {high:.0%}", mean, shown))
    return bars(drawn, title="share of right answers by confidence", top=1.15)
