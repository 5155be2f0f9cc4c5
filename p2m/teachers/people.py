"""People: they answer texts on a page (`p2m review data`); what they said lies in a file beside the recipe.

A build asks nobody: it takes the answers that are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from p2m.errors import StageError
from p2m.types import Example, Task, unkeyed


@dataclass(frozen=True, slots=True)
class People:
    """Answer the texts of `data.inputs`; write none themselves."""

    asks_people: ClassVar[bool] = True

    round: int = unkeyed(20)  # rows that the page asks about before it looks again which tell most

    def __post_init__(self) -> None:
        if not 1 <= self.round <= 1000:
            raise ValueError(f"round={self.round} is out of range: from 1 to 1000")

    def refusal(self, task: Task) -> str | None:
        """They write no rows."""
        return "people answer texts: name these as data.inputs"

    def generate(self, task: Task, number: int, *, seed: int, texts: Path | None) -> Iterator[Example]:
        raise StageError(f"{self.refusal(task)}")

    def figures(self, task: Task, rows: Sequence[Example]) -> dict[str, float]:
        return {}
