"""mcc: how far labels and right labels go together, chance and common labels taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from p2m.metrics.macro_f1 import MacroF1, counts
from p2m.types import Task, TaskType


@dataclass(frozen=True, slots=True)
class MCC:
    """Matthews' correlation of any number of labels (Matthews, 1975; Gorodkin, 2004); -1 to 1.

    It is 0 where one label alone was given or is right.
    """

    name: ClassVar[str] = "mcc"

    def refusal(self, task: Task) -> str | None:
        if task.type is not TaskType.CLASSIFICATION:
            return f"mcc compares one label a row, and this is {task.type.value}: use another metric"
        return None

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """Numbers of the predicted and the right label, int (rows, 2)."""
        return MacroF1().statistics(predictions, references)

    def value(self, statistics: Any) -> float:
        import numpy as np

        rows = len(statistics)
        if not rows:
            return 0.0
        hits, given, true = counts(statistics).astype(float)
        spread = (rows * rows - given @ given) * (rows * rows - true @ true)
        return float((hits.sum() * rows - given @ true) / np.sqrt(spread)) if spread > 0 else 0.0
