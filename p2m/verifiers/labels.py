"""labels: the answer is one of the task's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from p2m.types import Example, Task, TaskType


@dataclass(frozen=True, slots=True)
class Labels:
    """Equality with a label as the task writes it; a task that names none is not held to any."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    @property
    def name(self) -> str:
        return "labels"

    def refusal(self, task: Task) -> str | None:
        if task.type is not TaskType.CLASSIFICATION:
            return f"labels are of a classification, and this is {task.type.value}"
        return None

    def fault(self, task: Task, row: Example) -> str | None:
        return (
            None if not task.labels or row.output in task.labels else f"{row.output!r} is none of the labels"
        )
