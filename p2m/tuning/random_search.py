"""Random search (Bergstra and Bengio, 2012)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from p2m.tuning.space import drawn
from p2m.types import Dimension, Trial


@dataclass(frozen=True)
class RandomSearch:
    """Every trial by itself: what the others came to decides nothing, so all may run side by side."""

    looks_back: ClassVar[bool] = False

    def refusal(self) -> str | None:
        return None

    def propose(
        self, space: Mapping[str, Dimension], earlier: Sequence[Trial], *, number: int, seed: int
    ) -> dict[str, int | float | str]:
        """Values for the trial of that number."""
        return drawn(space, number=number, seed=seed)
