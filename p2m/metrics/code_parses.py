"""code_parses: the share of answers that are code of the language, whether or not it does what is asked."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from p2m.types import Task, TaskType


@dataclass(frozen=True, slots=True)
class CodeParses:
    """Answers that the parser of this very Python takes; 0 to 1. Nothing is run; nothing said is no code."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    language: str = "python"  # the only one that can be parsed here

    @property
    def name(self) -> str:
        return "code_parses"

    def refusal(self, task: Task) -> str | None:
        if self.language.lower() != "python":
            return f"code_parses has a parser of Python alone, none of {self.language}"
        if task.type is not TaskType.TEXT_TO_TEXT:
            return f"code_parses judges text that a model writes, and this is {task.type.value}"
        return None

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """Code or not a row, float (rows, 1)."""
        import numpy as np

        return np.array([parses(said) for said in predictions], dtype=float).reshape(-1, 1)

    def value(self, statistics: Any) -> float:
        return float(statistics.mean()) if len(statistics) else 0.0


def parses(text: str) -> bool:
    """Whether it is Python, and says something."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes that are code all the same
            return bool(ast.parse(text.strip()).body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
