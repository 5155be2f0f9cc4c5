"""spearman: whether rows with larger numbers are given larger numbers, whatever the scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from p2m.metrics.answers import number_pairs
from p2m.types import Task, TaskType


@dataclass(frozen=True, slots=True)
class Spearman:
    """Correlation of ranks (Spearman, 1904), those of equal numbers averaged; -1 to 1.

    It is 0 where all that was said, or all that is right, is one number. What is no number ranks in the
    middle.
    """

    name: ClassVar[str] = "spearman"

    def refusal(self, task: Task) -> str | None:
        if task.type is not TaskType.REGRESSION:
            return (
                f"spearman compares the order of numbers, and this is {task.type.value}: use another metric"
            )
        return None

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """What was said and what is right, float (rows, 2)."""
        import numpy as np

        found = number_pairs(predictions, references)
        said = found[:, 0]
        middle = np.median(said[~np.isnan(said)]) if (~np.isnan(said)).any() else 0.0
        return np.where(np.isnan(found), middle, found)

    def value(self, statistics: Any) -> float:
        import numpy as np

        if len(statistics) < 2:
            return 0.0
        said, right = (_ranks(statistics[:, column]) for column in (0, 1))
        spread = float(np.sqrt((said @ said) * (right @ right)))
        return float(said @ right) / spread if spread else 0.0


def _ranks(values: Any) -> Any:
    """Ranks about their mean."""
    import numpy as np

    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum() - (counts - 1) / 2)[places]
    return ranks - ranks.mean()
