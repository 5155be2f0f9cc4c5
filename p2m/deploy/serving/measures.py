"""Numbers and choices of a row as features of a linear model: no words, so neither TF-IDF nor an encoder."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .rows import number_of

MEASURES = "measures"  # their block in terms.json
RANGE = "range"

# A choice is [field, value]: 1 where the field has it. A stretch is [field, low, high]: how much of it a
# number has passed, 0 to 1; those of a field lie side by side, so their weighted sum is piecewise linear. A
# range is [field, low, high, "range"]: all of a field's stretches as one, which counts as much as they do
# together, so that a straight line costs less than any other. A product is [field, low, high, field, low,
# high]: how far both numbers have come, multiplied.
Measure = Sequence[Any]


class Measures:
    """The measures of a block, which take places from `first` on."""

    def __init__(self, measures: Sequence[Measure], first: int = 0) -> None:
        """Raises ValueError where one is neither a choice nor a stretch, a range or a product."""
        self._choices: dict[str, dict[str, int]] = {}
        self._stretches: dict[str, list[tuple[int, float, float]]] = {}
        self._ranges: list[tuple[int, str, float, float]] = []
        self._products: list[tuple[int, Any, Any]] = []
        for place, (name, *what) in enumerate(measures, first):
            if len(what) == 5:
                low, high, other, *ends = what
                self._products.append((place, (name, low, high), (other, *ends)))
            elif len(what) == 3:
                low, high, _ = what
                self._ranges.append((place, name, low, high))
            elif len(what) == 1:
                self._choices.setdefault(name, {})[what[0]] = place
            else:
                low, high = what
                self._stretches.setdefault(name, []).append((place, low, high))
        self._share = 1 / math.sqrt(max(1, len(self._choices.keys() | self._stretches.keys())))

    def of(self, row: Mapping[str, str]) -> tuple[list[int], list[float]]:
        """Places and values of a row's measures, which are together about as long as a block of terms."""
        places, values = [], []
        for name, known in self._choices.items():
            if (place := known.get(row[name].strip())) is not None:
                places.append(place)
                values.append(self._share)
        for name, stretches in self._stretches.items():
            if (number := number_of(row[name])) is None:
                continue
            share = self._share / math.sqrt(len(stretches))
            for place, low, high in stretches:
                places.append(place)
                values.append(share * _passed(number, low, high))
        for place, name, low, high in self._ranges:
            if (number := number_of(row[name])) is not None:
                places.append(place)
                values.append(self._share * _passed(number, low, high))
        for place, *pair in self._products:
            ways = [
                _passed(number, *ends) for name, *ends in pair if (number := number_of(row[name])) is not None
            ]
            if len(ways) == len(pair):
                places.append(place)
                values.append(math.prod(ways) / math.sqrt(len(self._products)))
        return places, values


def _passed(number: float, low: float, high: float) -> float:
    """How much of the way a number has come, 0 to 1."""
    return min(1.0, max(0.0, (number - low) / (high - low)))
