"""annealed: high first and low later, as the paper of Prompt2Model describes it (arXiv 2308.12261, 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Annealed:
    """From `high` down to `low`, in proportion."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    high: float = 1.2  # 0 to 2
    low: float = 0.4  # 0 to 2

    def at(self, share: float) -> float:
        return round(self.high + (self.low - self.high) * share, 3)
