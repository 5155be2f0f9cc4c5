"""Which rows may judge: where folds of the training rows do, not those that people judged in service.

These are no sample of what is asked there, so a model that learns from them would seem worse for it.
"""

from __future__ import annotations

from dataclasses import replace

from p2m.types import FEEDBACK, Split


def fair(parts: Split) -> list[int]:
    """Numbers of those rows of `parts.judged` that figures rest on; all, where there are no others."""
    every = list(range(len(parts.judged)))
    if not parts.is_cross_validated:
        return every
    return [row for row in every if parts.train[row].source != FEEDBACK] or every


def only(parts: Split, places: list[int]) -> Split:
    """The parts with no other judged rows than those."""
    if len(places) == len(parts.judged):
        return parts
    train = tuple(parts.train[place] for place in places)
    return replace(parts, train=train, folds=tuple(parts.folds[place] for place in places))
