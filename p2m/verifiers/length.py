"""length: inputs and answers are neither empty nor endless."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from p2m.types import Example, Task


@dataclass(frozen=True, slots=True)
class Length:
    """Characters, of each input field and of the answer, blanks at the ends aside."""

    name: ClassVar[str] = "length"
    shortest_input: int = 1
    longest_input: int = 20_000
    shortest_output: int = 1
    longest_output: int = 4_000

    def refusal(self, task: Task) -> str | None:
        return None

    def unfit(self, task: Task, values: dict[str, str]) -> str | None:
        for name, text in values.items():
            if wrong := _outside(text, self.shortest_input, self.longest_input):
                return f"{name!r} has {wrong}"
        return None

    def fault(self, task: Task, row: Example) -> str | None:
        if unfit := self.unfit(task, row.input):
            return unfit
        wrong = _outside(row.output, self.shortest_output, self.longest_output)
        return f"the answer has {wrong}" if wrong else None


def _outside(text: str, shortest: int, longest: int) -> str:
    size = len(text.strip())
    if size < shortest:
        return f"{size} characters, fewer than {shortest}"
    return f"{size} characters, more than {longest}" if size > longest else ""
