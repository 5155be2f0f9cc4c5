"""language: inputs are in a language that the task speaks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from p2m.parsing.language import SURE, guess
from p2m.types import Example, Task


@dataclass(frozen=True, slots=True)
class Language:
    """By script and stop words, so a text that speaks plainly for another language alone is refused.

    Names, numbers and texts of a few words tell nothing and are let pass. The answer is not looked at: a
    translation is in another language.
    """

    name: ClassVar[str] = "language"
    languages: tuple[str, ...] = ()  # ISO 639-1; (): those of the task
    sure: float = SURE  # 0 to 1: how likely another language must be

    def __post_init__(self) -> None:
        if not 0 < self.sure <= 1:
            raise ValueError(f"sure is a likelihood above 0 and at most 1, not {self.sure:g}")

    def refusal(self, task: Task) -> str | None:
        return None

    def fault(self, task: Task, row: Example) -> str | None:
        return self.unfit(task, row.input)

    def unfit(self, task: Task, values: dict[str, str]) -> str | None:
        wanted = self.languages or task.spoken
        found = guess("\n".join(values.values())[:4000], sure=self.sure)
        if not found or found in {code.partition("-")[0] for code in wanted}:
            return None
        return f"the input is in {found!r}, and the task in {', '.join(wanted)}"
