"""weigh: what a linear student over an encoder is worth, on a sample of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.sizes import folder_size, show_size
from p2m.stages.embed import embed
from p2m.stages.lessons import Material, picked, solve_and_ask
from p2m.stages.rows import sample
from p2m.stages.scoring import MAX_ROWS
from p2m.students.base import LinearStudent, Student, dealt
from p2m.types import Encoder, Example, Split, Task, Weighed, Weighing, merit

LEARNT = 2000  # rows that a student learns from, to be asked about others
FOLDS = 4  # of these, where there are no validation rows


@stage(version="1", kind="seeded", cpus="all")
def weigh(
    task: Task,
    parts: Split,
    encoder: Encoder,
    before: Weighed | None,
    *,
    student: Student,
    metric: Metric,
    seed: int,
    run: Run,
) -> Weighed:
    """`before`, and this encoder after it: by validation rows, out of fold where there are none.

    The sample is the same for every encoder.
    """
    assert isinstance(student, LinearStudent)
    rows = tuple(sample(task, parts.train, LEARNT, seed))
    held = tuple(sample(task, parts.validation, MAX_ROWS, seed))
    small = replace(parts, train=rows, validation=held, test=(), folds=())
    is_pooled = student.encoder is not None and student.encoder.is_pooled
    vectors = embed(task, small, encoder, pairs=False, run=run) if is_pooled else None
    material = Material(task, small, encoder, vectors)
    asked, said = _asked(student, material, metric, run)
    score = merit(metric, metric.value(metric.statistics(said, [row.answers for row in asked])))
    size = folder_size(encoder.folder)
    run.say(f"{encoder.precision}: {metric.name} {score:.4f}, {show_size(size)}")
    tried = before.tried if before else ()
    judged = f"{len(asked):,} {'validation rows' if held else 'training rows, out of fold'}"
    return Weighed((*tried, Weighing(encoder.precision, score, size)), judged)


def _asked(
    student: LinearStudent, material: Material, metric: Metric, run: Run
) -> tuple[Sequence[Example], list[str]]:
    """Rows that were not learnt from, and what is said to them."""
    parts = material.parts
    rows, vectors = parts.train, material.vectors("train", student)

    def ask(learnt: tuple[Sequence[Example], Any], asked: tuple[Sequence[Example], Any]) -> list[str]:
        folder = run.folder / "weighed"
        answers = solve_and_ask(student, material, learnt, asked, metric=metric, folder=folder)
        return [each.output for each in answers]

    if parts.validation:
        return parts.validation, ask(
            (rows, vectors), (parts.validation, material.vectors("validation", student))
        )
    found: list[tuple[Example, str]] = []
    folds = dealt(rows, FOLDS)
    for fold in sorted(set(folds)) if len(set(folds)) > 1 else ():
        outside = [n for n, one in enumerate(folds) if one != fold]
        inside = picked(rows, vectors, [n for n, one in enumerate(folds) if one == fold])
        found += zip(inside[0], ask(picked(rows, vectors, outside), inside), strict=True)
    return [row for row, _ in found], [text for _, text in found]
