"""Bytes, weights and money as people read them."""

from __future__ import annotations

_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def show_size(number: int) -> str:
    """`1.2 GB`: in the decimal unit that suits the number of bytes."""
    for scale, unit in _UNITS:
        if number >= scale:
            return f"{number / scale:.1f} {unit}"
    return f"{number} B"


def count(number: int) -> str:
    """A number of weights: in millions, unless there are few."""
    return f"{number / 1e6:.1f}M" if number >= 100_000 else f"{number:,}"


def dollars(amount: float) -> str:
    """USD without the unit: cents, of small sums two digits that tell."""
    return f"{amount:,.2f}" if amount >= 0.1 or not amount else f"{amount:.2g}"
