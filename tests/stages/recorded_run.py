"""A run as a stage that asks a teacher is handed one, without a build around it."""

from __future__ import annotations

from dataclasses import dataclass

from p2m.engine.recording.ledger import Ledger
from tests.conftest import Here


@dataclass
class Recorded(Here):
    """A run with a ledger, and sums that are this process's own."""

    ledger: Ledger | None = None
    sums: dict[str, int] | None = None

    @property
    def recorder(self) -> Ledger:
        self.ledger = self.ledger or Ledger(self.folder / "ledger")
        return self.ledger

    def tally(self, name: str, amount: int) -> int:
        self.sums = self.sums if self.sums is not None else {}
        self.sums[name] = self.sums.get(name, 0) + amount
        return self.sums[name]
