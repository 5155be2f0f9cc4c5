"""rung: what a candidate that is tuned says to the first fold of the rows after a sample of the rest.

Such candidates take long, so they are tried by successive halving (Jamieson and Talwalkar, 2016): all learn
from a small sample, and those that do better learn from larger ones.
"""

from __future__ import annotations

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.stages.folds import gathered, held_out, none
from p2m.stages.samples import FOLD, NEEDLESS, NO_FOLDS, drawn, samples, untried
from p2m.stages.tuned import tuned_and_asked
from p2m.students.base import Student, TunedStudent, labels_of
from p2m.types import Choosing, OutOfFold, Split, Survivors, Task, Training


@stage(version="1", kind="seeded", cpus="all")
def rung(
    task: Task,
    parts: Split,
    survivors: Survivors | None,
    *,
    name: str,
    student: Student,
    number: int,
    choosing: Choosing,
    metric: Metric,
    training: Training,
    seed: int,
    run: Run,
) -> OutOfFold:
    """Answers after sample `number`, from 1, or a note why there are none: the rows are too few, the student
    is not among the `survivors`, or the last sample is every row, so that smaller ones tell nothing.
    """
    assert isinstance(student, TunedStudent)
    labels, rows = labels_of(task, parts.train), parts.train
    if FOLD not in parts.folds:
        return none(name, NO_FOLDS)
    if why := untried(student, task, len(rows), max(1, len(labels))):
        return none(name, why)
    if survivors is not None and name not in survivors.students:
        return none(name, survivors.refused.get(name, "not tried"))
    outside, inside = held_out(parts, FOLD)
    sizes = samples(choosing, len(outside))
    if number < choosing.rungs and sizes[-1] == len(outside):
        return none(name, NEEDLESS)
    numbers = drawn(task, rows, outside, sizes[number - 1], seed)
    said = tuned_and_asked(
        task, parts, student, labels, numbers, inside, metric=metric, training=training, seed=seed, run=run
    )
    learnt = 0 if len(numbers) == len(outside) else len(numbers)
    return gathered(name, dict(zip(inside, said, strict=True)), [FOLD], learnt=learnt)
