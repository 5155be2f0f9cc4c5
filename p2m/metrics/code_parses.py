"""code_parses: the share of answers that are code of the language, whether or not it does what is asked."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from p2m.metrics.mean import MeanOfRows
from p2m.types import Task, TaskType


@dataclass(frozen=True, slots=True)
class CodeParses(MeanOfRows):
    """Answers that the parser of this very Python takes; 0 to 1. Nothing is run; nothing said is no code."""

    name: ClassVar[str] = "code_parses"
    language: str = "python"  # the only one that can be parsed here

    def refusal(self, task: Task) -> str | None:
        if self.language.lower() != "python":
            return f"code_parses has a parser of Python alone, none of {self.language}"
        if task.type is not TaskType.TEXT_TO_TEXT:
            return f"code_parses judges text that a model writes, and this is {task.type.value}"
        return None

    def row(self, said: str, answers: Sequence[str]) -> float:
        return parses(said)


def parses(text: str) -> bool:
    """Whether it is Python, and says something."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that are code all the same
            return bool(ast.parse(text.strip()).body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
