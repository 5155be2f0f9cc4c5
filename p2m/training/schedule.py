"""How long and how fast a student is tuned: what the recipe says, else what suits rows and student.

Few rows are passed over often, for learning takes a number of steps before it shows at all; many rows a few
times. Pure, so that a plan can say the same before anything runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from p2m.types import Pace, Training, TunedStudent

_BATCHES = ((200, 8), (2000, 16))  # below so many rows, so many a step
_BATCH = 32
_LENGTH = 32.0  # tokens of a row, where nobody has counted them


@dataclass(frozen=True, slots=True)
class Schedule:
    """A training, resolved."""

    steps: int  # of the optimiser
    batch_size: int  # rows a step; about so many, where tokens are counted
    learning_rate: float  # at its highest
    fewest_steps: int  # before which nothing is stopped early

    @property
    def rows(self) -> int:
        """Row passes in all."""
        return self.steps * self.batch_size


def scheduled(training: Training, pace: Pace, rows: int, length: float = _LENGTH) -> Schedule:
    """The schedule for `rows` training features of `length` tokens on the average.

    Where the recipe says how long a student from scratch is trained, half of that is given it to begin.
    """
    batch = training.batch_size or next((size for below, size in _BATCHES if rows < below), _BATCH)
    if training.batch_tokens:
        batch = max(1, round(training.batch_tokens / length))
    fewest = pace.fewest_steps
    if training.epochs is not None:
        steps = max(1, math.ceil(rows * training.epochs / batch))
        if pace.from_scratch:
            fewest = max(fewest, steps // 2)
    else:
        steps = max(fewest, math.ceil(rows * pace.epochs / batch))
    rate = training.learning_rate or pace.learning_rate
    return Schedule(steps, batch, rate, min(steps, fewest))


def planned(student: TunedStudent, training: Training, rows: int) -> Schedule:
    """The schedule as far as it is known before the rows are encoded."""
    made = getattr(student, "features", None)
    return scheduled(training, student.pace, made(rows) if made else rows)
