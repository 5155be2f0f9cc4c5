"""annealed: high first and low later, as the paper of Prompt2Model describes it (arXiv 2308.12261, 2.3)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Annealed:
    """From `high` down to `low`, in proportion."""

    high: float = 1.2  # 0 to 2
    low: float = 0.4  # 0 to 2

    def at(self, share: float) -> float:
        return round(self.high + (self.low - self.high) * share, 3)
