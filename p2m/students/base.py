"""What a student family is to the stages: the Protocols, the labels of a classifier, and answers to known
vectors.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from p2m.deploy.serving.linear import LinearHead
from p2m.deploy.serving.rows import Answer, joined, labelled
from p2m.students.lengths import longer
from p2m.students.linear import label_words
from p2m.types import (
    BaseEncoder,
    Example,
    Learner,
    Lesson,
    LinearStudent,
    Student,
    Task,
    TaskType,
    TunedStudent,
)

__all__ = [
    "BaseEncoder",
    "Learner",
    "Lesson",
    "LinearStudent",
    "Student",
    "TunedStudent",
    "label_words",
    "labels_of",
    "linear_answers",
    "longer",
]


def labels_of(task: Task, rows: Sequence[Example]) -> tuple[str, ...]:
    """The task's labels, else those of the training rows, sorted; () for tasks that have none."""
    if task.type is not TaskType.CLASSIFICATION:
        return ()
    return task.labels or tuple(sorted({row.output for row in rows}))


def linear_answers(
    folder: Path, task: Task, labels: Sequence[str], rows: Sequence[Example], vectors: Any
) -> list[Answer]:
    """What a solved linear student says to rows whose embeddings, (rows, dimensions), are known already."""
    fields = tuple(each.name for each in task.inputs)
    texts = [joined(row.input, fields) for row in rows]
    return labelled(LinearHead(folder, len(labels)).logits(texts, vectors), labels)
