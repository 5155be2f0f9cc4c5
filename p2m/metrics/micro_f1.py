"""micro_f1: F1 over all labels of all rows, so that a common label counts more than a rare one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from p2m.metrics.answers import label_set, nearest_set
from p2m.types import Task, TaskType


@dataclass(frozen=True, slots=True)
class MicroF1:
    """Twice the labels that were rightly given, over all that were given and all that are right; 0 to 1.

    Rows without a label count only by what is wrongly given to them; where there is no label at all, it is 1.
    """

    name: ClassVar[str] = "micro_f1"

    def refusal(self, task: Task) -> str | None:
        if task.type is not TaskType.MULTI_LABEL:
            return f"micro_f1 compares sets of labels, and this is {task.type.value}: use another metric"
        return None

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """Labels that are shared, given and right a row, int (rows, 3)."""
        import numpy as np

        found = []
        for text, answers in zip(predictions, references, strict=True):
            said = label_set(text)
            right = nearest_set(said, answers)
            found.append((len(said & right), len(said), len(right)))
        return np.array(found, dtype=np.int64).reshape(-1, 3)

    def value(self, statistics: Any) -> float:
        if not len(statistics):
            return 0.0
        shared, said, right = (int(each) for each in statistics.sum(axis=0))
        return 2 * shared / (said + right) if said + right else 1.0
