"""How much of what was made is kept, and the floor below which going on would only burn money."""

from __future__ import annotations

from collections import Counter

from p2m.teachers.chat import TeacherError

LEAST = 50  # finished items before a share says anything


class Acceptance:
    """Counts what is kept and what is rejected, and why; told by the stage as items are finished.

    Args:
        floor: share that must be kept, 0 to 1; 0 never stops.
        setting: how the recipe calls the floor.
    """

    def __init__(self, floor: float, *, setting: str = "generation.min_acceptance") -> None:
        self._floor, self._setting = floor, setting
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

    def reject(self, reason: str, number: int = 1) -> None:
        """Raises TeacherError where too little is kept."""
        self.reasons[reason] += number
        if self.finished < LEAST or self.kept >= self._floor * self.finished:
            return
        commonest = "; ".join(f"{reason} ({times})" for reason, times in self.reasons.most_common(3))
        raise TeacherError(
            f"of {self.finished} answers {self.kept} were kept ({self.kept / self.finished:.0%}), and"
            f" {self._setting} is {self._floor:g}; the commonest reasons: {commonest}\n"
            "    what was answered is kept in the ledger; say in the prompt what an answer must be like, take"
            f" a stronger model (teacher.model=NAME), or go on all the same with {self._setting}=0"
        )
