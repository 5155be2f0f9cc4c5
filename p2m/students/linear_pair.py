"""Two texts, each through frozen all-MiniLM-L6-v2, and logistic regression over how the two compare.

Whether two questions ask the same, or one sentence says what another one does: of both as one text a frozen
embedding hardly tells, and fine-tuning takes thousands of rows to learn it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from p2m.students import linear
from p2m.students.linear_minilm import LinearMiniLM
from p2m.types import Lesson, Task, TaskType


@dataclass(frozen=True)
class LinearPair(LinearMiniLM):
    """Distances, products and the cosine of two embeddings (Conneau et al., 2017, arXiv 1705.02364), without
    the embeddings themselves: of few rows what each text says for itself is learnt by heart.
    """

    compares: ClassVar[bool] = True

    def refusal(self, task: Task) -> str | None:
        if task.numbers:
            return f"it compares two texts, and {task.numbers[0]!r} is a number"
        if len(task.inputs) != 2 and not task.parts:
            return f"it compares two inputs, and the task has {len(task.inputs)}"
        if task.type is TaskType.CLASSIFICATION and task.none is not None:
            return f"it reads how inputs compare, and so cannot tell what fits no label ({task.none!r})"
        return super().refusal(task)

    def solve(self, lesson: Lesson, target: Path) -> int:
        (weights,) = linear.fitted([(lesson.vectors, 1.0)], lesson, strength=self.strength, label_weight=0.0)
        parts = [linear.Part(weights, 1.0)]
        return self.parameters + linear.write(
            lesson, parts, target, max_length=self.window, compares=self.compares
        )
