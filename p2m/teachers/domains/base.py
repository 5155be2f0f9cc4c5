"""What the domains of the embedded teacher share: they write rows by rule, and answer nobody else's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from p2m.types import Example, Task


class RuleTeacher(ABC):
    """A teacher for one kind of task whose labels are right by construction.

    A domain's class is a frozen dataclass; a field that `Embedded` has too takes its value from there, any
    other needs a default.
    """

    __slots__ = ()

    knows: ClassVar[str]  # the kind of task in a few words, for the refusal of another

    @abstractmethod
    def matches(self, task: Task) -> bool:
        """Whether the task is of the kind that this domain knows."""

    def refusal(self, task: Task) -> str | None:
        """Why no rows can be written for `task`; None where they can."""
        return None if self.matches(task) else not_known((self.knows,), task)

    @abstractmethod
    def generate(self, task: Task, number: int, *, seed: int, texts: Path | None) -> Iterator[Example]:
        """Yield `number` rows in the task's own field names; the first n do not depend on `number`."""

    @abstractmethod
    def figures(self, task: Task, rows: Sequence[Example]) -> dict[str, float]:
        """Counts for the data report."""


def not_known(known: Sequence[str], task: Task) -> str:
    """The refusal of a task that is none of those `known`."""
    names = ", ".join(field.name for field in task.inputs)
    kind = "extractive" if task.is_span else task.type.value
    return (
        f"the embedded teacher knows {' and '.join(known)}; this task is none of them:"
        f" {kind}, from {names or 'nothing'} to {task.output.name}, language {task.language!r}"
    )


def in_fields_of(task: Task, row: Example, names: Mapping[str, str]) -> Example:
    """The row with its input fields renamed by `names`, in the order of the task's."""
    filled = {names[name]: text for name, text in row.input.items()}
    return replace(row, input={field.name: filled[field.name] for field in task.inputs})
