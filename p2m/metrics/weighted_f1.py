"""weighted_f1: the mean F1 of the labels, each counting by the rows in which it is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from p2m.metrics.macro_f1 import MacroF1, counts
from p2m.types import Task


@dataclass(frozen=True, slots=True)
class WeightedF1:
    """Mean of the labels' F1, weighted by how often each is right; 0 to 1.

    Of several right labels, and of lists of labels, as macro_f1. Where no row has a right label, it is 1 if
    none was given, else 0.
    """

    name: ClassVar[str] = "weighted_f1"

    def refusal(self, task: Task) -> str | None:
        if not task.type.is_labelled:
            return f"weighted_f1 averages over labels, and this is {task.type.value}: use token_f1"
        return None

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """As macro_f1's: int (rows, 2), or of lists of labels bool (rows, 3 labels)."""
        return MacroF1().statistics(predictions, references)

    def value(self, statistics: Any) -> float:
        import numpy as np

        if not len(statistics):
            return 0.0
        shared, held, right = counts(statistics)
        if not right.sum():
            return float(not held.sum())
        both = np.maximum(held + right, 1)
        return float((2 * shared / both) @ right / right.sum())
