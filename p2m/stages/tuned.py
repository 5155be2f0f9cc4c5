"""A student that is tuned, fitted to some of the training rows and asked about others."""

from __future__ import annotations

from collections.abc import Sequence

from p2m.engine.handles import Run
from p2m.metrics.base import Metric
from p2m.stages.rows import weighs_labels
from p2m.students.base import TunedStudent
from p2m.training.base import fit, predicted
from p2m.types import Split, Task, Training


def tuned_and_asked(
    task: Task, parts: Split, student: TunedStudent, labels: tuple[str, ...], outside: Sequence[int],
    inside: Sequence[int], *, metric: Metric, training: Training, seed: int, run: Run,
) -> list[tuple[str, float]]:  # fmt: skip
    """What a student says to the rows `inside`, each with its score, having learnt from those `outside`."""
    rows = parts.train
    if told := getattr(student, "download", ""):
        run.say(told)
    trained = fit(
        student.prepare(task, labels, seed=seed), [rows[row] for row in outside], parts.validation,
        student=student, training=training, metric=metric, seed=seed, run=run,
        balanced=weighs_labels(training, metric),
    )  # fmt: skip
    assert trained.checkpoint is not None
    learner = student.restore(task, labels, trained.checkpoint)
    return predicted(learner, [rows[row] for row in inside], training=training, run=run)
