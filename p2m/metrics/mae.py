"""mae: how far numbers are from the right ones, on the average; lower is better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from p2m.metrics.answers import number_pairs
from p2m.metrics.mean import Mean
from p2m.types import Task, TaskType


@dataclass(frozen=True, slots=True)
class MAE(Mean):
    """Mean absolute error, in the units of the answers, from 0 on.

    What is no number is as wrong as the right numbers lie apart.
    """

    name: ClassVar[str] = "mae"
    lower_is_better: ClassVar[bool] = True

    def refusal(self, task: Task) -> str | None:
        if task.type is not TaskType.REGRESSION:
            return f"mae compares numbers, and this is {task.type.value}: use another metric"
        return None

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """The error of each row, float (rows, 1)."""
        import numpy as np

        found = number_pairs(predictions, references)
        right = found[:, 1]
        worst = float(np.ptp(right)) if len(right) else 0.0
        errors = np.abs(found[:, 0] - right)
        return np.where(np.isnan(errors), worst, errors).reshape(-1, 1)
