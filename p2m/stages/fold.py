"""fold: what a student that is tuned says to one fold of the training rows, having learnt from the others."""

from __future__ import annotations

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.stages.folds import gathered, held_out, none
from p2m.stages.rows import weighs_labels
from p2m.students.base import Student, TunedStudent, labels_of
from p2m.training.base import fit, predicted
from p2m.types import OutOfFold, Split, Task, Training, Winner

FEWEST_ROWS = 500  # training rows below which frozen embeddings are not beaten by tuning them
FEWEST_PER_LABEL = 20


@stage(version="2", kind="seeded", cpus="all")
def fold(
    task: Task,
    parts: Split,
    winner: Winner | None,
    trial: OutOfFold | None,
    *,
    name: str,
    student: Student,
    number: int,
    is_trial: bool,
    metric: Metric,
    training: Training,
    seed: int,
    run: Run,
) -> OutOfFold:
    """Answers to the rows of fold `number`, or a note why there are none.

    A step that `is_trial` is one to choose by: it takes minutes, so it is made only where there are rows
    enough for many weights to tell. Others are for the verdict: of the winner, where folds judge it,
    and not again where the `trial` was on this fold.
    """
    assert isinstance(student, TunedStudent)
    labels, rows = labels_of(task, parts.train), parts.train
    if is_trial:
        why = _untried(parts, student, labels, number)
    else:
        why = _unasked(parts, winner, trial, name, number)
    if why:
        return none(name, why)
    outside, inside = held_out(parts, number)
    if told := getattr(student, "download", ""):
        run.say(told)
    trained = fit(
        student.prepare(task, labels, seed=seed), [rows[row] for row in outside], parts.validation,
        student=student, training=training, metric=metric, seed=seed, run=run,
        balanced=weighs_labels(training, metric),
    )  # fmt: skip
    assert trained.checkpoint is not None
    learner = student.restore(task, labels, trained.checkpoint)
    said = predicted(learner, [rows[row] for row in inside], training=training, run=run)
    return gathered(name, dict(zip(inside, said, strict=True)), [number])


def untried(student: TunedStudent, rows: int, labels: int) -> str:
    """Why a student that is tuned is no candidate for so many rows and labels; "" where it is one."""
    if student.pace.from_scratch:
        return "not tried: from scratch, labels are learnt from tens of thousands of rows at best"
    fewest = max(FEWEST_ROWS, FEWEST_PER_LABEL * labels)
    if rows < fewest:
        return (
            f"not tried: {rows} rows of {labels} labels are too few for fine-tuning to beat frozen embeddings"
            f" (from {fewest} rows on)"
        )
    return ""


def _untried(parts: Split, student: TunedStudent, labels: tuple[str, ...], number: int) -> str:
    if number not in parts.folds:
        return "there is nothing to choose by: no folds"
    return untried(student, len(parts.train), max(1, len(labels)))


def _unasked(parts: Split, winner: Winner | None, trial: OutOfFold | None, name: str, number: int) -> str:
    if winner is not None and winner.student != name:
        return f"{winner.student} was taken"
    if not parts.is_cross_validated or number not in parts.folds:
        return "the model is judged by rows that were set aside"
    return "known from choosing" if trial is not None and number in trial.folds else ""
