"""span: the answer stands in its text, letter by letter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from p2m.answers.canonical import stands_in
from p2m.types import Example, Task


@dataclass(frozen=True, slots=True)
class Span:
    """A student learns to point at a span, so an answer in other words teaches it nothing."""

    name: ClassVar[str] = "span"

    def refusal(self, task: Task) -> str | None:
        is_extractive = task.is_span or task.layout is not None
        return None if is_extractive else f"an answer is a span of a text, and this is {task.type.value}"

    def fault(self, task: Task, row: Example) -> str | None:
        if row.output and stands_in(task, row):
            return None
        return f"{row.output[:80]!r} does not stand in {task.context_field!r}"
