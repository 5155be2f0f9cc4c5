"""What a student family is to the stages: the Protocols, and the labels that a classifier tells apart."""

from collections.abc import Sequence

from p2m.types import Example, Learner, Student, Task, TaskType

__all__ = ["Learner", "Student", "labels_of"]


def labels_of(task: Task, rows: Sequence[Example]) -> tuple[str, ...]:
    """The task's labels, else those of the training rows, sorted; () for tasks that have none."""
    if task.type is not TaskType.CLASSIFICATION:
        return ()
    return task.labels or tuple(sorted({row.output for row in rows}))
