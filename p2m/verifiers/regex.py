"""regex: the answer, or an input field, has a form that a regular expression describes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from p2m.errors import nearest
from p2m.types import Example, Task


@dataclass(frozen=True, slots=True)
class Regex:
    """The whole text matches `pattern`, in Python's syntax; blanks at its ends aside."""

    name: ClassVar[str] = "regex"
    pattern: str
    field: str = ""  # an input field; "": the answer

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"{self.pattern!r} is no regular expression: {error}") from None

    def refusal(self, task: Task) -> str | None:
        names = [each.name for each in task.inputs]
        if not self.field or self.field in names:
            return None
        return f"the task has no input field {self.field!r}; {nearest(self.field, names)}"

    def fault(self, task: Task, row: Example) -> str | None:
        return self.unfit(task, row.input) if self.field else self._mismatch(row.output)

    def unfit(self, task: Task, values: dict[str, str]) -> str | None:
        return self._mismatch(values.get(self.field, "")) if self.field else None

    def _mismatch(self, text: str) -> str | None:
        if re.fullmatch(self.pattern, text.strip()):
            return None
        return f"{text.strip()[:80]!r} does not match {self.pattern!r}"
