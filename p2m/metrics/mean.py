"""What the metrics share that are a mean over rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any


class Mean:
    """A metric whose statistics are a figure of each row, float (rows, 1)."""

    __slots__ = ()

    def value(self, statistics: Any) -> float:
        return float(statistics.mean()) if len(statistics) else 0.0


class MeanOfRows(Mean, ABC):
    """One whose rows have their figures without each other."""

    __slots__ = ()

    @abstractmethod
    def row(self, said: str, answers: Sequence[str]) -> float:
        """The figure of a row, by its right answers."""

    def statistics(self, predictions: Sequence[str], references: Sequence[Sequence[str]]) -> Any:
        """The figure of each row, float (rows, 1)."""
        import numpy as np

        rows = [self.row(said, answers) for said, answers in zip(predictions, references, strict=True)]
        return np.array(rows, dtype=float).reshape(-1, 1)
