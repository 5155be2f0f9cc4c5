"""accuracy: the share of rows with the right label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from p2m.types import Task, TaskType


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Equality of labels, blanks at the ends aside: a label in another case is another label; 0 to 1."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    @property
    def name(self) -> str:
        return "accuracy"

    def refusal(self, task: Task) -> str | None:
        if task.type is not TaskType.CLASSIFICATION:
            return f"accuracy compares labels, and this is {task.type.value}: use exact_match"
        return None

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """Right or wrong a row, float (rows, 1)."""
        import numpy as np

        right = [
            said.strip() in {answer.strip() for answer in answers}
            for said, answers in zip(predictions, references, strict=True)
        ]
        return np.array(right, dtype=float).reshape(-1, 1)

    def value(self, statistics: Any) -> float:
        return float(statistics.mean()) if len(statistics) else 0.0
