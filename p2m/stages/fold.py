"""fold: one fold of the cross-validation that estimates the chosen student where no rows can be set aside."""

from __future__ import annotations

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.stages.folds import answered_by_linear, answered_by_tuned, none
from p2m.stages.lessons import Material
from p2m.students.base import LinearStudent, Student, TunedStudent
from p2m.types import Choice, Embeddings, Encoder, OutOfFold, Split, Task, Training


@stage(version="1", kind="seeded", cpus="all")
def fold(
    task: Task,
    parts: Split,
    choice: Choice,
    encoder: Encoder | None,
    embeddings: Embeddings | None,
    *tried: OutOfFold,
    number: int,
    students: dict[str, Student],
    metric: Metric,
    training: Training,
    seed: int,
    run: Run,
) -> OutOfFold:
    """What the chosen student says to the rows of fold `number`; at once where it was tried on that fold."""
    if not parts.is_cross_validated or number not in parts.folds:
        return none(choice.student, "the model is judged by rows that were set aside")
    for each in tried:
        if each.student == choice.student and number in each.folds:
            return none(choice.student, "known from choosing")
    material = Material(task, parts, encoder, embeddings)
    student = students[choice.student]
    if isinstance(student, LinearStudent):
        return answered_by_linear(choice.student, student, material, [number], metric=metric, run=run)
    assert isinstance(student, TunedStudent)
    return answered_by_tuned(
        choice.student, student, material, [number], metric=metric, training=training, seed=seed, run=run
    )
