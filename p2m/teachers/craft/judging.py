"""Judging: several answers to one input, side by side and without their authors, each with a grade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from p2m.teachers.asking.asker import Put
from p2m.teachers.chat import Ask, ChatTeacher, Turn
from p2m.teachers.craft.described import described, record, words
from p2m.teachers.craft.fence import fenced
from p2m.teachers.craft.replies import said
from p2m.types import Task

HIGHEST = 5  # grade; the lowest is 1
_MAX_TOKENS = 512


@dataclass(frozen=True, slots=True)
class Grading:
    """All that the questions of one step have in common."""

    task: Task
    rubric: str  # what a good answer is; "": what the task says

    def ask(self, row: Mapping[str, str], answers: Sequence[str]) -> Ask:
        """The question about answers in this order."""
        common: dict[str, Any] = {"task": described(self.task)}
        if self.rubric:
            common["rubric"] = self.rubric
        numbered = [{"number": number, "answer": text} for number, text in enumerate(answers, start=1)]
        grade = {"type": "integer", "enum": list(range(1, HIGHEST + 1))}
        grades = {_key(number): grade for number in range(len(answers))}
        return Ask(
            system=f"{words('judge')}\n{fenced(common)}",
            turns=(
                Turn("user", f"Grade these answers.\n{fenced({'input': dict(row), 'answers': numbered})}"),
            ),
            schema=record(grades),
            max_tokens=_MAX_TOKENS,
            temperature=0.0,
        )

    async def grades(
        self, put: Put, row: Mapping[str, str], answers: Sequence[str], *, teacher: ChatTeacher
    ) -> list[int]:
        """A grade for each answer, 1 to 5; none where the judge gave no such grades."""
        found = await said(put, self.ask(row, answers), teacher=teacher)
        return [] if found.fault else [int(found.value[_key(number)]) for number in range(len(answers))]


def _key(number: int) -> str:
    return f"answer_{number + 1}"
