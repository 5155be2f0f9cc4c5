"""judge: how good free text is, in the eyes of a teacher that grades it without knowing whose it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from p2m.metrics.mean import MeanOfRows
from p2m.types import Task, TaskType


@dataclass(frozen=True, slots=True)
class Judge(MeanOfRows):
    """Mean grade, from 0 (all grades the lowest) to 1.

    Its statistics are of grades, not of answers: a step of its own asks for them, two requests a row.
    """

    name: ClassVar[str] = "judge"
    asks_teacher: ClassVar[bool] = True  # answers alone are not enough to compute it

    rubric: str = ""  # what a good answer is; "": what the prompt says
    rows: int = 100  # of those that judge the model, drawn by seed

    def refusal(self, task: Task) -> str | None:
        if task.type is not TaskType.TEXT_TO_TEXT:
            return (
                f"judge grades free text, and the answers of {task.type.value} are right or wrong without it"
            )
        return None

    def row(self, said: str, answers: Sequence[str]) -> float:
        """A grade, e.g. "4.5", as a share of the highest one, which `answers` holds."""
        return (float(said) - 1) / (float(answers[0]) - 1)
