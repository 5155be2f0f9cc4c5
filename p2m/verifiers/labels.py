"""labels: the answer is one of the task's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from p2m.answers.canonical import labels_in
from p2m.types import Example, Task


@dataclass(frozen=True, slots=True)
class Labels:
    """Equality with a label as the task writes it; a task that names none is not held to any."""

    name: ClassVar[str] = "labels"

    def refusal(self, task: Task) -> str | None:
        if not task.type.is_labelled:
            return f"labels are of a classification, and this is {task.type.value}"
        return None

    def fault(self, task: Task, row: Example) -> str | None:
        labels = (*task.labels, *([task.none] if task.none is not None else []))
        wrong = [each for each in labels_in(task, row.output) if task.labels and each not in labels]
        return f"{wrong[0]!r} is none of the labels" if wrong else None
