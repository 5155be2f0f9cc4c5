"""json_validity: the share of answers that a JSON parser takes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from p2m.types import Task, TaskType


@dataclass(frozen=True, slots=True)
class JSONValidity:
    """Answers that are JSON (RFC 8259), of the wanted sort; whether what they say is right does not count;
    0 to 1. NaN, Infinity and text after the value are no JSON.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    sort: Literal["any", "object", "array"] = "any"

    @property
    def name(self) -> str:
        return "json_validity"

    def refusal(self, task: Task) -> str | None:
        if task.type is not TaskType.TEXT_TO_TEXT:
            return f"json_validity judges text that a model writes, and this is {task.type.value}"
        return None

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """Valid or not a row, float (rows, 1)."""
        import numpy as np

        return np.array([self._is_valid(said) for said in predictions], dtype=float).reshape(-1, 1)

    def value(self, statistics: Any) -> float:
        return float(statistics.mean()) if len(statistics) else 0.0

    def _is_valid(self, text: str) -> bool:
        try:
            found = json.loads(text, parse_constant=_refused)
        except (ValueError, RecursionError):
            return False
        return self.sort == "any" or isinstance(found, dict if self.sort == "object" else list)


def _refused(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")
