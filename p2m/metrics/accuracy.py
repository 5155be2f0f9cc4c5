"""accuracy: the share of rows with the right label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from p2m.metrics.mean import MeanOfRows
from p2m.types import Task, TaskType


@dataclass(frozen=True, slots=True)
class Accuracy(MeanOfRows):
    """Equality of labels, blanks at the ends aside: a label in another case is another label; 0 to 1."""

    name: ClassVar[str] = "accuracy"

    def refusal(self, task: Task) -> str | None:
        if task.type is not TaskType.CLASSIFICATION:
            return f"accuracy compares labels, and this is {task.type.value}: use exact_match"
        return None

    def row(self, said: str, answers: Sequence[str]) -> float:
        return said.strip() in {answer.strip() for answer in answers}
