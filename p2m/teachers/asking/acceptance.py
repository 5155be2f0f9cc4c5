"""How much of what was made is kept, and the floor below which going on would only burn money."""

from __future__ import annotations

from collections import Counter
from math import sqrt

from p2m.teachers.chat import TeacherError

LEAST = 50  # finished items before a share says anything
_SURE = 2.0  # standard errors by which a share misses the floor before its end is known
_SHOWN = 5  # reasons
_SETTING = "generation.min_acceptance"


class Acceptance:
    """Counts what is kept and what is rejected, and why; told by the stage as items are finished.

    `floor` is the share that must be kept, 0 to 1; 0 never stops.
    """

    def __init__(self, floor: float) -> None:
        self._floor = floor
        self._examples: dict[str, str] = {}
        self.kept = 0
        self.reasons: Counter[str] = Counter()

    @property
    def finished(self) -> int:
        return self.kept + self.reasons.total()

    @property
    def share(self) -> float | None:
        """Kept, 0 to 1; None as long as nothing is finished."""
        return self.kept / self.finished if self.finished else None

    def keep(self, number: int = 1) -> None:
        self.kept += number

    def reject(self, reason: str, *, example: str = "") -> None:
        """Raises TeacherError where too little is kept for the rest to mend it, by all that was seen."""
        self.reasons[reason] += 1
        self._examples.setdefault(reason, example)
        if self.finished >= LEAST:
            self._hold(_SURE * sqrt(self._floor * (1 - self._floor) / self.finished))

    def end(self, floor: float | None = None) -> None:
        """Raises TeacherError where too little was kept of all; by another `floor`, if one is given."""
        self._floor = self._floor if floor is None else floor
        self._hold(0.0)

    def _hold(self, margin: float) -> None:
        if self.share is not None and self.share < self._floor - margin:
            raise TeacherError(self._missed(self.share))

    def _missed(self, share: float) -> str:
        commonest = "".join(
            f"\n    {reason} ({times})" + (f", e.g. {example}" if (example := self._examples[reason]) else "")
            for reason, times in self.reasons.most_common(_SHOWN)
        )
        return (
            f"of {self.finished} answers {self.kept} were kept ({share:.0%}), and {_SETTING} is"
            f" {self._floor:g}; the commonest reasons:{commonest}\n"
            "    what was answered is kept in the ledger; say in the prompt what an answer must be like, take"
            f" a stronger model (teacher.model=NAME), or go on all the same with {_SETTING}=0"
        )
