"""fold: what a student that is tuned says to one fold of the training rows, having learnt from the others."""

from __future__ import annotations

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.stages.folds import gathered, held_out, none
from p2m.stages.tuned import tuned_and_asked
from p2m.students.base import Student, TunedStudent, labels_of
from p2m.types import OutOfFold, Split, Task, Training, Winner


@stage(version="3", kind="seeded", cpus="all")
def fold(
    task: Task,
    parts: Split,
    winner: Winner | None,
    trial: OutOfFold | None,
    *,
    name: str,
    student: Student,
    number: int,
    metric: Metric,
    training: Training,
    seed: int,
    run: Run,
) -> OutOfFold:
    """Answers to the rows of fold `number`, for the verdict, or a note why there are none: folds do not judge
    the model, another student was taken, or the `trial` was on this fold.
    """
    assert isinstance(student, TunedStudent)
    if why := _unasked(parts, winner, trial, name, number):
        return none(name, why)
    outside, inside = held_out(parts, number)
    said = tuned_and_asked(
        task, parts, student, labels_of(task, parts.train), outside, inside, metric=metric,
        training=training, seed=seed, run=run,
    )  # fmt: skip
    return gathered(name, dict(zip(inside, said, strict=True)), [number])


def _unasked(parts: Split, winner: Winner | None, trial: OutOfFold | None, name: str, number: int) -> str:
    if winner is not None and winner.student != name:
        return f"{winner.student} was taken"
    if not parts.is_cross_validated or number not in parts.folds:
        return "the model is judged by rows that were set aside"
    is_known = trial is not None and not trial.learnt and number in trial.folds
    return "known from choosing" if is_known else ""
