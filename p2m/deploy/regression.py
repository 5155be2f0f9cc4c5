"""What a verdict says of a model beside the bundle that it must not be worse than."""

from __future__ import annotations

from p2m.deploy.beside import FEW_ROWS
from p2m.types import Held

WORSE = "worse than"  # how a line begins that keeps a model from shipping
_CHANCE = 0.05  # one-sided p at which it is taken to be worse


def held_line(held: Held, metric: str) -> tuple[str, str]:
    """The line on it, and what it comes to: "", "warning" or "short"."""
    seen = held.beside
    if seen is None:
        return held.note, "warning" if held.is_open else ""
    figures = (
        f"{metric} {seen.student:.2f}, {held.note} {seen.value:.2f}:"
        f" {held.won} won, {held.lost} lost, p {p_value(seen.worse)} of its being worse"
    )
    if seen.worse < _CHANCE and seen.rows >= FEW_ROWS:
        return f"{WORSE} {seen.name} by more than chance: {figures}", "short"
    behind = seen.worse < seen.better
    line = f"{'behind' if behind else 'not behind'} {seen.name}: {figures}"
    return line, "warning" if behind and held.lost > held.won else ""


def p_value(value: float) -> str:
    """A probability, as it is told."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
