"""When a training is looked at, and when it is over: decided from its history alone, so that a resumed run
decides as the killed one would have.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from p2m.training.schedule import Schedule
from p2m.types import Evaluation, Look

FEWEST = 3  # earlier trials without which none is said to fall behind
FIRST_LOOK = 200  # steps: two slow cores take these in two minutes
_NEAR = 0.02  # shares of steps that count as the same: looks are at whole steps
LEARNT_SHARE = 0.3  # of the first loss: when so much of it is gone, learning has begun


@dataclass(frozen=True, slots=True)
class Stopping:
    """What ends a training before its schedule does."""

    schedule: Schedule
    patience: int  # evaluations without a better score, once learning has begun
    floor: float | None = None  # a score that needs no learning; None: the student knew something before
    others: tuple[tuple[Look, ...], ...] = ()  # earlier trials of a search, to keep up with

    def is_over(self, history: Sequence[Evaluation]) -> bool:
        """Whether nothing more is to be gained, or all steps are done."""
        if not history:
            return False
        step = history[-1].step
        if step >= self.schedule.steps:
            return True
        if step < self.schedule.fewest_steps:
            return False
        return self.is_idle(history) or self.is_behind(history) or stale(history) >= self.patience

    def is_behind(self, history: Sequence[Evaluation]) -> bool:
        """Whether its best score is below the median of what the others' was at that share of their steps.

        The median rule of Vizier (Golovin et al., 2017).
        """
        if not history:
            return False
        share = history[-1].step / self.schedule.steps
        then = [max(each.score for each in seen) for one in self.others if (seen := until(one, share))]
        best = max(each.score for each in history)
        return len(then) >= FEWEST and best < statistics.median(then)

    def is_idle(self, history: Sequence[Evaluation]) -> bool:
        """Whether the student has learnt nothing so far that shows."""
        return self.floor is not None and max(each.score for each in history) <= self.floor


def until(looks: Sequence[Look], share: float) -> list[Look]:
    """What was seen when no more than that share of the steps was taken."""
    return [each for each in looks if each.share <= share + _NEAR]


def looks_of(history: Sequence[Evaluation], steps: int) -> tuple[Look, ...]:
    """How a training of so many steps in all went, as others are held against it."""
    best = -math.inf
    found = []
    for each in history:
        best = max(best, each.score)
        found.append(Look(each.step / steps, best))
    return tuple(found)


def stale(history: Sequence[Evaluation]) -> int:
    """Evaluations since the best one, or since learning began, whichever came later."""
    began = start_of_learning(history)
    if began is None:
        return 0
    best = max(range(len(history)), key=lambda i: (history[i].score, -i))
    return len(history) - 1 - max(best, began)


def start_of_learning(history: Sequence[Evaluation]) -> int | None:
    """Index of the first evaluation that shows learning; None where none does.

    It shows by a score above the first one, or by a loss that has lost a share of its first value. An
    evaluation before the first step is of a head that was solved, and so has learnt.
    """
    if history and history[0].step == 0:
        return 0
    for i, each in enumerate(history):
        if each.score > history[0].score or each.loss <= (1 - LEARNT_SHARE) * history[0].loss:
            return i
    return None


def evaluation_steps(schedule: Schedule, evaluations: int, *, early: bool) -> tuple[int, ...]:
    """Steps after which to evaluate, evenly spaced; `early`: once more where the first is far away."""
    every = max(1, math.ceil(schedule.steps / max(1, evaluations)))
    points = {*range(every, schedule.steps, every), schedule.steps}
    if early and every > FIRST_LOOK:
        points.add(FIRST_LOOK)
    return tuple(sorted(points))
