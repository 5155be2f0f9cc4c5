"""cross_validate: what a linear student says to training rows that it has not learnt from, fold by fold."""

from __future__ import annotations

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.stages.folds import gathered, held_out, none
from p2m.stages.lessons import Material, few_of, picked, solve_and_ask
from p2m.students.base import LinearStudent, Student
from p2m.types import Embeddings, Encoder, OutOfFold, Split, Task, TaskType

MANY_ROWS = 2000  # training rows from which one fold tells enough to choose by


@stage(version="2", kind="seeded", cpus="all")
def cross_validate(
    task: Task,
    parts: Split,
    encoder: Encoder | None,
    embeddings: Embeddings | None,
    *,
    name: str,
    student: Student,
    to_choose: bool,
    metric: Metric,
    run: Run,
) -> OutOfFold:
    """Answers to all folds where they judge the model or rows are few, else to the first, as to texts, of
    which a rival is tuned for no other one; `to_choose`: even where rows were set aside to judge by.
    """
    assert isinstance(student, LinearStudent)
    if not parts.folds:
        return none(name, "there is nothing to choose by: no folds")
    if not to_choose and not parts.is_cross_validated:
        return none(name, "the model is judged by rows that were set aside")
    material = Material(task, parts, encoder, embeddings)
    rows, vectors = parts.train, material.vectors("train", student)
    every = tuple(sorted(set(parts.folds)))
    is_quick = task.type is not TaskType.TEXT_TO_TEXT and len(rows) <= MANY_ROWS
    folds = every if parts.is_cross_validated or is_quick else every[:1]
    found: dict[int, tuple[str, float]] = {}
    for done, fold in enumerate(folds, start=1):
        outside, inside = held_out(parts, fold)
        learnt = few_of(task, rows, outside)
        answers = solve_and_ask(
            student, material, picked(rows, vectors, learnt), picked(rows, vectors, inside),
            metric=metric, folder=run.folder / f"fold-{fold}",
        )  # fmt: skip
        found |= {row: (one.output, one.score) for row, one in zip(inside, answers, strict=True)}
        run.progress(done, len(folds), "folds")
    return gathered(name, found, folds)
