"""linear_rung: what a linear candidate says after the samples that others are tried on, to hold them against.

It takes seconds, so it learns from every sample.
"""

from __future__ import annotations

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.stages.folds import gathered, held_out, none
from p2m.stages.lessons import Material, few_of, picked, solve_and_ask
from p2m.stages.samples import FOLD, NEEDLESS, NO_FOLDS, drawn, samples
from p2m.students.base import LinearStudent, Student
from p2m.types import Choosing, Embeddings, Encoder, OutOfFold, Split, Task


@stage(version="1", kind="seeded", cpus="all")
def linear_rung(
    task: Task,
    parts: Split,
    encoder: Encoder | None,
    embeddings: Embeddings | None,
    *,
    name: str,
    student: Student,
    number: int,
    choosing: Choosing,
    metric: Metric,
    seed: int,
    run: Run,
) -> OutOfFold:
    """Answers after sample `number`, from 1, to the first fold; none where samples are every row."""
    assert isinstance(student, LinearStudent)
    if FOLD not in parts.folds:
        return none(name, NO_FOLDS)
    outside, inside = held_out(parts, FOLD)
    sizes = samples(choosing, len(outside))
    if sizes[-1] == len(outside):
        return none(name, NEEDLESS)
    numbers = few_of(task, parts.train, drawn(task, parts.train, outside, sizes[number - 1], seed))
    material = Material(task, parts, encoder, embeddings)
    rows, vectors = parts.train, material.vectors("train", student)
    answers = solve_and_ask(
        student, material, picked(rows, vectors, numbers), picked(rows, vectors, inside), metric=metric,
        folder=run.folder / "solved",
    )  # fmt: skip
    found = {row: (one.output, one.score) for row, one in zip(inside, answers, strict=True)}
    return gathered(name, found, [FOLD], learnt=len(numbers))
