"""cross_validate: what a candidate says to training rows that it has not learnt from, to choose by.

A linear student is solved for every fold. One that is tuned by gradient descent takes minutes, so it is tried
on one fold, and only where there are rows enough for its many weights to tell.
"""

from __future__ import annotations

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.stages.folds import answered_by_linear, answered_by_tuned, none
from p2m.stages.lessons import Material
from p2m.students.base import LinearStudent, Student, TunedStudent
from p2m.types import Embeddings, Encoder, OutOfFold, Split, Task, Training

MANY_ROWS = 2000  # training rows from which one fold tells enough
FEWEST_ROWS = 500  # training rows below which frozen embeddings are not beaten by tuning them
FEWEST_PER_LABEL = 20


@stage(version="1", kind="seeded", cpus="all")
def cross_validate(
    task: Task,
    parts: Split,
    encoder: Encoder | None,
    embeddings: Embeddings | None,
    *,
    name: str,
    student: Student,
    metric: Metric,
    training: Training,
    seed: int,
    run: Run,
) -> OutOfFold:
    """Answers to held-out folds, or a note why the candidate was not tried."""
    material = Material(task, parts, encoder, embeddings)
    rows, labels = len(parts.train), max(1, len(material.labels))
    if not parts.folds:
        return none(name, "there is nothing to choose by: no folds")
    every = tuple(sorted(set(parts.folds)))
    if isinstance(student, LinearStudent):
        folds = every if rows <= MANY_ROWS else every[:1]
        return answered_by_linear(name, student, material, folds, metric=metric, run=run)
    assert isinstance(student, TunedStudent)
    if why := untried(student, rows, labels):
        return none(name, why)
    return answered_by_tuned(
        name, student, material, every[:1], metric=metric, training=training, seed=seed, run=run
    )


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
