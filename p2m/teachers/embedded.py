"""The teacher that travels with p2m: rows by rule, with no key, no network and no model.

It knows a few families of tasks, each a folder or module beside this one with the same three functions:
`matches(task)`, `generate(...)` and `figures(rows)`. Labels are right by construction, and whatever the
user asks beyond those families is refused before anything is spent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from p2m.errors import StageError
from p2m.types import Example, Task

KNOWN = (
    "reading comprehension (a question and a passage in, a span of the passage out) and temporal expressions"
)


@dataclass(frozen=True, slots=True)
class Embedded:
    """Writes rows for the tasks it knows; cannot answer rows that others wrote."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    text_share: float = (
        0.5  # of reading comprehension rows, where the recipe brings texts: made from them, 0 to 1
    )

    def __post_init__(self) -> None:
        if not 0.0 <= self.text_share <= 1.0:
            raise ValueError(f"text_share is {self.text_share}, expected 0 to 1")

    @property
    def can_answer(self) -> bool:
        return False

    def refusal(self, task: Task) -> str | None:
        """Why no rows can be written for `task`; None where they can."""
        if task.language != "en":
            return f"the embedded teacher writes English only, not {task.language!r}"
        if _family(task) is None:
            return f"the embedded teacher knows {KNOWN}; this task is neither: {_describe(task)}"
        return None

    def generate(self, task: Task, number: int, *, seed: int, texts: Path | None) -> Iterator[Example]:
        """Yield `number` rows in the task's own field names; the first n do not depend on `number`.

        Raises:
            StageError: the task is of no family known here.
            DataError: `texts` holds no text that questions can be made of.
        """
        family = _family(task)
        if family == "qa":
            from p2m.teachers import qa

            rows = qa.generate(number, seed, texts=texts, text_share=self.text_share)
            names = {"question": _question_field(task), "context": task.context_field}
        elif family == "temporal":
            from p2m.teachers import temporal

            rows, names = temporal.generate(number, seed), {}
        else:
            raise StageError(self.refusal(task) or "no family fits")
        for row in islice(rows, number):
            yield _renamed(row, names, task)

    def answer(self, task: Task, inputs: Sequence[Mapping[str, str]]) -> list[str]:
        """Never possible: rows come with their answers, or not at all."""
        raise StageError("the embedded teacher cannot answer foreign rows; name another teacher")

    def figures(self, task: Task, rows: Sequence[Example]) -> dict[str, float]:
        """Counts for the data report, by the family that wrote the rows."""
        family = _family(task)
        if family == "qa":
            from p2m.teachers import qa

            return qa.figures(rows)
        if family == "temporal":
            from p2m.teachers import temporal

            return temporal.figures(rows)
        return {}


def _family(task: Task) -> str | None:
    """The family of rules that fits the task, the more particular one first."""
    from p2m.teachers import qa, temporal

    if temporal.matches(task):
        return "temporal"
    return "qa" if qa.matches(task) else None


def _question_field(task: Task) -> str:
    """The input that is not the passage."""
    return next(field.name for field in task.inputs if field.name != task.context_field)


def _renamed(row: Example, names: Mapping[str, str], task: Task) -> Example:
    """The row with its fields called, and ordered, as the task does."""
    if not names and len(row.input) == len(task.inputs) == 1:
        names = {next(iter(row.input)): task.inputs[0].name}
    filled = {names.get(name, name): text for name, text in row.input.items()}
    order = [field.name for field in task.inputs if field.name in filled]
    return replace(row, input={name: filled[name] for name in order} if len(order) == len(filled) else filled)


def _describe(task: Task) -> str:
    names = ", ".join(field.name for field in task.inputs)
    kind = "extractive" if task.is_span else task.type.value
    return f"{kind}, from {names or 'nothing'} to {task.output.name}"
