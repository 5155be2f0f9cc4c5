"""train: the chosen student, fitted to the rows, stopped by the recipe's primary metric."""

from __future__ import annotations

from collections.abc import Sequence

from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.students.base import Student, labels_of
from p2m.training.base import fit
from p2m.types import Choice, Run, Split, Task, Trained, Training


@stage(version="1", kind="seeded", cpus="all")
def train(
    task: Task,
    parts: Split,
    choice: Choice,
    *,
    students: dict[str, Student],
    metric: Metric,
    training: Training,
    seed: int,
    run: Run,
) -> Trained:
    """Fit `choice.student`; a run that was killed goes on from its last evaluation.

    Raises:
        DataError: there is nothing to learn from or to stop by.
        MissingWeights: the base model cannot be had.
    """
    learner = students[choice.student].prepare(task, labels_of(task, parts.train), seed=seed)

    def score(predictions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
        return metric.value(metric.statistics(predictions, references))

    return fit(learner, parts.train, parts.validation, training=training, score=score, seed=seed, run=run)
