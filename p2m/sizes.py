"""Bytes, weights, money and long texts as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def show_size(number: int) -> str:
    """`1.2 GB`: in the decimal unit that suits the number of bytes."""
    for scale, unit in _UNITS:
        if number >= scale:
            return f"{number / scale:.1f} {unit}"
    return f"{number} B"


def folder_size(folder: Path) -> int:
    """Bytes of all files below it."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def count(number: int) -> str:
    """A number of weights: in millions, unless there are few."""
    return f"{number / 1e6:.1f}M" if number >= 100_000 else f"{number:,}"


def dollars(amount: float) -> str:
    """USD without the unit: cents, of small sums two digits that tell."""
    return f"{amount:,.2f}" if amount >= 0.1 or not amount else f"{amount:.2g}"


def short(text: str, most: int = 80) -> str:
    """A text on one line, and where it has more than `most` characters its beginning."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"


def on_a_line(given: Mapping[str, str], output: str = "", most: int = 160) -> str:
    """A row to look at, of an input or output that is long its beginning."""
    text = short(" / ".join(given.values()), most)
    return f"{text} -> {short(output, most)}" if output else text
