"""rising: low first and high later, as the code of Prompt2Model does it, against its paper."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rising:
    """From `low` up to `high`, in proportion."""

    low: float = 0.4  # 0 to 2
    high: float = 1.2  # 0 to 2

    def at(self, share: float) -> float:
        return round(self.low + (self.high - self.low) * share, 3)
