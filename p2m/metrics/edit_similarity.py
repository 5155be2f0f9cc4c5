"""edit_similarity: how little of an answer would have to be typed anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from p2m.metrics.edits import distance
from p2m.metrics.text import collapse, no_text
from p2m.types import Task


@dataclass(frozen=True, slots=True)
class EditSimilarity:
    """1 less the edits of characters over the length of the longer text, best over the right answers, mean
    over rows; 0 to 1. Surplus blanks do not count.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    @property
    def name(self) -> str:
        return "edit_similarity"

    def refusal(self, task: Task) -> str | None:
        return no_text("edit_similarity", task)

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """Similarity a row, float (rows, 1)."""
        import numpy as np

        scores = [
            max((_similarity(collapse(said), collapse(answer)) for answer in answers), default=0.0)
            for said, answers in zip(predictions, references, strict=True)
        ]
        return np.array(scores, dtype=float).reshape(-1, 1)

    def value(self, statistics: Any) -> float:
        return float(statistics.mean()) if len(statistics) else 0.0


def _similarity(said: str, answer: str) -> float:
    longest = max(len(said), len(answer))
    return 1 - distance(said, answer) / longest if longest else 1.0
