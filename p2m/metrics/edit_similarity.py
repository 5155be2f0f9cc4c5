"""edit_similarity: how little of an answer would have to be typed anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from p2m.metrics.edits import distance
from p2m.metrics.mean import MeanOfRows
from p2m.metrics.text import collapse, no_text
from p2m.types import Task


@dataclass(frozen=True, slots=True)
class EditSimilarity(MeanOfRows):
    """1 less the edits of characters over the length of the longer text, best over the right answers, mean
    over rows; 0 to 1. Surplus blanks do not count.
    """

    name: ClassVar[str] = "edit_similarity"

    def refusal(self, task: Task) -> str | None:
        return no_text("edit_similarity", task)

    def row(self, said: str, answers: Sequence[str]) -> float:
        return max((_similarity(collapse(said), collapse(answer)) for answer in answers), default=0.0)


def _similarity(said: str, answer: str) -> float:
    longest = max(len(said), len(answer))
    return 1 - distance(said, answer) / longest if longest else 1.0
