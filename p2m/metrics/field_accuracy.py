"""field_accuracy: of records, the share of the fields that are right."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from p2m.deploy.serving.shapes import record_in
from p2m.metrics.text import collapse, normalise
from p2m.types import Task, TaskType


@dataclass(frozen=True, slots=True)
class FieldAccuracy:
    """The share of right fields over all rows, null being a value as any other; 0 to 1.

    Texts are compared as exact_match compares them, numbers as numbers, lists without their order. Of several
    right records the one counts that shares most.
    """

    name: ClassVar[str] = "field_accuracy"
    normalisation: Literal["squad", "blanks"] = "squad"

    def refusal(self, task: Task) -> str | None:
        if task.type is not TaskType.RECORDS:
            return f"field_accuracy compares records, and this is {task.type.value}: use exact_match"
        return None

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """Right fields and all fields a row, int (rows, 2)."""
        import numpy as np

        same = normalise if self.normalisation == "squad" else collapse
        rows = [
            max((_counts(said, answer, same) for answer in answers), key=lambda each: each[0] / each[1])
            for said, answers in zip(predictions, references, strict=True)
        ]
        return np.array(rows, dtype=np.int64).reshape(-1, 2)

    def value(self, statistics: Any) -> float:
        return float(statistics[:, 0].sum() / statistics[:, 1].sum()) if len(statistics) else 0.0


def fields_right(said: str, answer: str, same: Callable[[str], str]) -> list[bool] | None:
    """Of each field of two records whether it is the same; None where the second is no JSON object."""
    right, found = record_in(answer), record_in(said)
    if right is None:
        return None
    names = dict.fromkeys([*right, *(found or {})])
    return [found is not None and _equal(found.get(name), right.get(name), same) for name in names]


def _counts(said: str, answer: str, same: Callable[[str], str]) -> tuple[int, int]:
    found = fields_right(said, answer, same)
    if not found:
        return int(same(said) == same(answer)), 1
    return sum(found), len(found)


def _equal(one: Any, other: Any, same: Callable[[str], str]) -> bool:
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    if isinstance(one, list) and isinstance(other, list):
        return {same(str(each)) for each in one} == {same(str(each)) for each in other}
    return type(one) is type(other) and same(str(one)) == same(str(other))
