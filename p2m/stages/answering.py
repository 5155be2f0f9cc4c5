"""What an exported model says to rows, what a student said out of fold, and how right each answer is."""

from __future__ import annotations

from collections.abc import Sequence

from p2m.deploy.base import Backend, open_model
from p2m.deploy.serving.rows import Answer
from p2m.engine.handles import Run
from p2m.engine.slots import processors
from p2m.metrics.base import Metric, number_pairs
from p2m.stages.folds import joined_folds
from p2m.types import Example, Exported, OutOfFold, Task, TaskType, Winner, merit

_CHUNK = 200  # rows between two reports of progress; of many rows more are of one length and go together


def answers_of(
    exported: Exported, backend: Backend, rows: Sequence[Example], run: Run, what: str
) -> list[Answer]:
    """What the exported model says to each row."""
    predictor = open_model(exported.model, backend, threads=run.device.threads or processors())
    found: list[Answer] = []
    for start in range(0, len(rows), _CHUNK):
        chunk = [row.input for row in rows[start : start + _CHUNK]]
        found += predictor.predict(chunk, batch_size=len(chunk))
        run.progress(len(found), len(rows), f"{what} rows answered")
    return found


def out_of_fold(folds: Sequence[OutOfFold], winner: Winner) -> OutOfFold | None:
    """What the chosen student said to training rows that it had not learnt from; None where to none."""
    return joined_folds(each for each in folds if each.student == winner.student)


def correct(task: Task, primary: Metric, said: Sequence[str], rows: Sequence[Example]) -> list[float]:
    """How right each answer is, 0 to 1: the primary metric of the row alone.

    A number is as right as its error is small beside the spread of the right ones: one standard deviation is
    0. Of a rate of errors it is what that leaves of 1.
    """
    import numpy as np

    right = [row.answers for row in rows]
    if task.type is not TaskType.REGRESSION:
        statistics = primary.statistics(said, right)
        values = [primary.value(statistics[number : number + 1]) for number in range(len(rows))]
        return values if merit(primary, 1) > 0 else [max(0.0, 1 - value) for value in values]
    pairs = number_pairs(said, right)
    spread = float(np.std(pairs[:, 1])) or 1.0
    errors = np.nan_to_num(np.abs(pairs[:, 0] - pairs[:, 1]) / spread, nan=1.0)
    return [max(0.0, 1 - float(error)) for error in errors]
