"""judge: how good free text is, in the eyes of a teacher that grades it without knowing whose it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from p2m.types import Task, TaskType


@dataclass(frozen=True, slots=True)
class Judge:
    """Mean grade, from 0 (all grades the lowest) to 1.

    Its statistics are of grades, not of answers: a step of its own asks for them, two requests a row.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}
    asks_teacher: ClassVar[bool] = True  # answers alone are not enough to compute it

    rubric: str = ""  # what a good answer is; "": what the prompt says
    rows: int = 100  # of those that judge the model, drawn by seed

    @property
    def name(self) -> str:
        return "judge"

    def refusal(self, task: Task) -> str | None:
        if task.type is not TaskType.TEXT_TO_TEXT:
            return (
                f"judge grades free text, and the answers of {task.type.value} are right or wrong without it"
            )
        return None

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """Grades as shares of the highest, float (rows, 1); `predictions` are grades, e.g. "4.5", and
        `references` the highest grade.
        """
        import numpy as np

        shares = [
            (float(grade) - 1) / (float(highest[0]) - 1)
            for grade, highest in zip(predictions, references, strict=True)
        ]
        return np.array(shares, dtype=float).reshape(-1, 1)

    def value(self, statistics: Any) -> float:
        return float(statistics.mean()) if len(statistics) else 0.0
