"""Pictures as SVG, drawn by matplotlib: the same data give the same bytes, sharp at any size."""

from __future__ import annotations

import io
import re
import unicodedata
import warnings
from collections.abc import Callable
from html import escape
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, FAINT, GRID = "#1f2933", "#66727f", "#e3e8ee"
MODEL, OTHER, BAD = "#2467b3", "#a9b4c0", "#c0463b"
WITHOUT = "no picture without matplotlib: pip install 'p2m[train]'"
_DPI = 72  # one point of matplotlib's is one unit of the view box
_STYLE = {  # over matplotlib's own defaults, whatever its user has set
    "figure.dpi": _DPI, "font.family": ["DejaVu Sans", "sans-serif"], "font.sans-serif": ["DejaVu Sans"],
    "font.size": 12, "text.color": INK, "text.parse_math": False, "svg.fonttype": "none",
    "axes.spines.left": False, "axes.spines.right": False, "axes.spines.top": False,
    "axes.spines.bottom": False, "axes.facecolor": "none", "axes.axisbelow": True, "grid.color": GRID,
    "xtick.bottom": False, "ytick.left": False, "xtick.labelcolor": FAINT, "ytick.labelcolor": FAINT,
}  # fmt: skip
_UNSAID = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_WIDE, _BROAD, _NARROW = 12.0, 9.0, 7.2  # of a character at 12 pixels, in pixels
_JOINERS = "\u200c\u200d"  # not printable, but part of how a word is spelt


def can_draw() -> bool:
    """Whether matplotlib is installed; does not import it."""
    return find_spec("matplotlib") is not None


def drawn(
    paint: Callable[[Axes], None],
    *,
    title: str,
    width: float,
    height: float,
    left: float,
    right: float,
    top: float = 6,
    bottom: float = 6,
) -> str:
    """One SVG element: what `paint` draws on axes that leave these margins, all in units of the view box.

    The title is what a screen reader says, and keeps ids apart from those of a page's other pictures.
    """
    import matplotlib
    from matplotlib.figure import Figure

    defaults = {name: value for name, value in matplotlib.rcParamsDefault.items() if name != "backend"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of glyphs that its font lacks: the reader's has them
        with matplotlib.rc_context({**defaults, **_STYLE, "svg.hashsalt": f"p2m {title}"}):
            figure = Figure(figsize=(width / _DPI, height / _DPI))
            inside = (width - left - right) / width, (height - top - bottom) / height
            paint(figure.add_axes((left / width, bottom / height, *inside)))
            out = io.StringIO()
            figure.savefig(out, format="svg", metadata=_UNSAID)
    return _element(out.getvalue(), title, f"0 0 {width:g} {height:g}")


def _element(document: str, title: str, box: str) -> str:
    """A document of matplotlib's as an element of a page: its size is free, its tips show on hovering."""
    content = document[document.index(">", document.index("<svg")) + 1 :].rstrip()
    content = re.sub(r"\s*<!--.*?-->", "", content, flags=re.DOTALL)
    content = re.sub(r'<g id="tip: ([^"]*)">', r"<g><title>\1</title>", content)
    content = re.sub(r'<g id="[^"]*"', "<g", content)  # the same in every picture, and used by nothing
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' viewBox="{box}" role="img" aria-label="{escape(title)}">\n<title>{escape(title)}</title>{content}'
    )


def tip(content: str) -> str:
    """The `gid` of what shows `content` when it is pointed at."""
    return f"tip: {printable(content)}"


def printable(content: str) -> str:
    """`content` on one line, without characters that XML or a terminal would stumble over."""
    return " ".join("".join(c if c.isprintable() or c in _JOINERS else " " for c in content).split())


def fitted(content: str, pixels: float) -> str:
    """`content` on one line, its middle left out where it would be wider than `pixels` at 12 pixels."""
    shown = flat = printable(content)
    kept = min(len(flat), int(pixels))
    while width_of(shown) > pixels:
        kept -= 1
        shown = f"{flat[: (kept + 1) // 2]}…{flat[len(flat) - kept // 2 :]}"
    return shown


def width_of(content: str) -> float:
    """About how wide a text is at 12 pixels, in pixels; fonts differ."""
    return sum(map(_width, content))


def _width(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    if character in "mwMW@%—" or unicodedata.east_asian_width(character) in "WF":
        return _WIDE
    return _BROAD if character.isupper() else _NARROW
