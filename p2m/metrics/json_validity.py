"""json_validity: the share of answers that a JSON parser takes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from p2m.metrics.mean import MeanOfRows
from p2m.types import Task, TaskType


@dataclass(frozen=True, slots=True)
class JSONValidity(MeanOfRows):
    """Answers that are JSON (RFC 8259), of the wanted sort; whether what they say is right does not count;
    0 to 1. NaN, Infinity and text after the value are no JSON.
    """

    name: ClassVar[str] = "json_validity"
    sort: Literal["any", "object", "array"] = "any"

    def refusal(self, task: Task) -> str | None:
        if task.type is not TaskType.TEXT_TO_TEXT:
            return f"json_validity judges text that a model writes, and this is {task.type.value}"
        return None

    def row(self, said: str, answers: Sequence[str]) -> float:
        try:
            found = json.loads(said, parse_constant=_refused)
        except (ValueError, RecursionError):
            return False
        return self.sort == "any" or isinstance(found, dict if self.sort == "object" else list)


def _refused(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")
