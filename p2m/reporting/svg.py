"""Pictures as SVG text, drawn by hand: no plotting library, the same bytes everywhere, sharp at any size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape

INK, FAINT, GRID = "#1f2933", "#66727f", "#e3e8ee"
MODEL, OTHER, TEACHER, BAD = "#2467b3", "#a9b4c0", "#2c8a57", "#c0463b"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_CHARACTER = 6.3  # mean width of a character at 12 pixels, in pixels


def picture(width: float, height: float, parts: Iterable[str], *, title: str) -> str:
    """One SVG document, `width` by `height` pixels; the title is what a screen reader says."""
    body = "\n".join(part for part in parts if part)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(width)} {_n(height)}" width="{_n(width)}"'
        f' height="{_n(height)}" role="img" font-family="{FONT}" font-size="12">\n'
        f"<title>{escape(title)}</title>\n{body}\n</svg>"
    )


def text(
    x: float,
    y: float,
    content: str,
    *,
    anchor: str = "start",
    fill: str = INK,
    size: int = 12,
    bold: bool = False,
) -> str:
    """`y` is the base line; `anchor` is start, middle or end."""
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}" fill="{fill}" font-size="{size}"{weight}>'
        f"{escape(content)}</text>"
    )


def line(x1: float, y1: float, x2: float, y2: float, *, stroke: str = GRID, width: float = 1) -> str:
    return (
        f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}" stroke="{stroke}"'
        f' stroke-width="{_n(width)}"/>'
    )


def bar(x: float, y: float, width: float, height: float, *, fill: str, tip: str = "") -> str:
    """A rectangle with rounded corners; `tip` shows on hovering."""
    shape = (
        f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(max(0.0, width))}" height="{_n(max(0.0, height))}"'
        f' rx="2" fill="{fill}"'
    )
    return f"{shape}><title>{escape(tip)}</title></rect>" if tip else f"{shape}/>"


def dot(x: float, y: float, radius: float, *, fill: str, tip: str = "") -> str:
    shape = f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" fill="{fill}"'
    return f"{shape}><title>{escape(tip)}</title></circle>" if tip else f"{shape}/>"


def path(points: Sequence[tuple[float, float]], *, stroke: str) -> str:
    joined = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
    return f'<polyline points="{joined}" fill="none" stroke="{stroke}" stroke-width="2"/>'


def whisker(low: float, high: float, y: float, *, stroke: str = INK) -> str:
    """A horizontal interval at height `y`, in pixels."""
    ends = (line(end, y - 4, end, y + 4, stroke=stroke, width=1.5) for end in (low, high))
    return "".join((line(low, y, high, y, stroke=stroke, width=1.5), *ends))


def ticks(low: float, high: float, number: int = 5) -> list[float]:
    """About `number` round values that span [low, high], ascending."""
    if high - low < 1e-9 * max(1.0, abs(low), abs(high)):  # a flat line, or noise in the last digits
        high = low + 1.0
    rough = (high - low) / max(1, number)
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next((scale * factor for factor in (1, 2, 2.5, 5) if scale * factor >= rough - 1e-12), scale * 10)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(step * place, 12) for place in range(first, last + 1)]


def fitted(content: str, pixels: float) -> str:
    """`content` on one line, cut with an ellipsis where it would be wider than `pixels` at 12 pixels."""
    flat = " ".join(content.split())
    most = max(2, int(pixels / _CHARACTER))
    return flat if len(flat) <= most else flat[: most - 1].rstrip() + "…"


def _n(number: float) -> str:
    """A coordinate with at most two decimals."""
    return f"{number:.2f}".rstrip("0").rstrip(".") or "0"
