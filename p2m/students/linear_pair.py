"""Two texts, each through frozen all-MiniLM-L6-v2, and logistic regression over how the two compare.

Or one text with each of its options: then the weights are the same for all options, whatever their place.

Whether two questions ask the same, or one sentence says what another one does: of both as one text a frozen
embedding hardly tells, and fine-tuning takes thousands of rows to learn it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from p2m.students import linear
from p2m.students.linear_minilm import LinearMiniLM
from p2m.students.solver import UNSEEN, Weights, solved
from p2m.students.strengths import STRENGTHS
from p2m.types import Lesson, Task, TaskType


@dataclass(frozen=True)
class LinearPair(LinearMiniLM):
    """Distances, products and the cosine of two embeddings (Conneau et al., 2017, arXiv 1705.02364), without
    the embeddings themselves: of few rows what each text says for itself is learnt by heart.
    """

    compares: ClassVar[bool] = True

    def refusal(self, task: Task) -> str | None:
        if task.options:
            return super().refusal(task)
        if apart := [*task.numbers, *task.dates]:
            return f"it compares two texts, and {apart[0]!r} is a number or a date"
        if len(task.inputs) != 2 and not task.parts:
            return f"it compares two inputs, and the task has {len(task.inputs)}"
        if task.type is TaskType.CLASSIFICATION and task.none is not None:
            return f"it reads how inputs compare, and so cannot tell what fits no label ({task.none!r})"
        return super().refusal(task)

    def solve(self, lesson: Lesson, target: Path) -> int:
        if lesson.task.options:
            weights = _of_options(lesson, self.strength or STRENGTHS[0])
        else:
            parts_of = [(lesson.vectors, 1.0)]
            lesson, (weights,) = linear.fitted(parts_of, lesson, strength=self.strength, label_weight=0.0)
        parts = [linear.Part(weights, 1.0)]
        return self.parameters + linear.write(
            lesson, parts, target, max_length=self.window, compares=self.compares
        )


def _of_options(lesson: Lesson, strength: float) -> Weights:
    """Logistic regression of the right options against the others, as a map of all options to all labels."""
    import numpy as np

    options = list(lesson.task.options)
    features = lesson.vectors.reshape(len(lesson.rows) * len(options), -1)
    answers = ["+" if row.output == label else "-" for row in lesson.rows for label in options]
    one = solved(features, answers, ("-", "+"), strength=strength, balanced=False)
    width = features.shape[1]
    matrix = np.zeros((width * len(options), len(lesson.labels)))
    bias = np.full(len(lesson.labels), UNSEEN)
    for place, label in enumerate(options):
        column = lesson.labels.index(label)
        matrix[place * width : (place + 1) * width, column] = one.matrix[:, 1] - one.matrix[:, 0]
        bias[column] = 0.0
    return Weights(matrix, bias)
