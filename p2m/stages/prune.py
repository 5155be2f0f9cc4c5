"""prune: a fitted student without what matters least in it, trained again for a while."""

from __future__ import annotations

from dataclasses import replace

from p2m.compression.base import Pruner
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.stages.rows import sample, weighs_labels
from p2m.students.base import Student, TunedStudent, labels_of
from p2m.training.base import fit, scheduled
from p2m.types import Pruned, Split, Task, Trained, Training


@stage(version="1", kind="seeded", cpus="all")
def prune(
    task: Task,
    parts: Split,
    trained: Trained,
    *,
    pruner: Pruner,
    student: Student,
    metric: Metric,
    training: Training,
    seed: int,
    run: Run,
) -> Pruned:
    """Nothing where another student was taken, where its model has no parts to take, or without validation
    rows: on rows that it was trained on again a loss would not show.

    Raises:
        DataError: there is nothing to learn from.
    """
    if trained.checkpoint is None:
        return Pruned(None)
    if not parts.validation:
        return Pruned(None, note="no validation rows to judge it by: give data.validation, or more rows")
    assert isinstance(student, TunedStudent)
    learner = student.restore(task, labels_of(task, parts.train), trained.checkpoint)
    if reason := pruner.unfit(learner.model):
        run.say(reason)
        return Pruned(None, note=reason)
    rows = sample(task, parts.train, pruner.rows, seed)
    taken = pruner.prune(learner, learner.encode(rows, max_length=training.max_length), device="cpu")
    run.say(taken)
    made = fit(
        learner, parts.train, parts.validation,
        student=student, training=_short(training, student, len(parts.train), pruner.recovery),
        metric=metric, seed=seed, run=run, balanced=weighs_labels(training, metric),
    )  # fmt: skip
    known = trained.fit.environment | made.fit.environment
    return Pruned(
        made.checkpoint,
        replace(trained.fit, parameters=made.fit.parameters, best=made.fit.best, environment=known),
        taken,
    )


def _short(training: Training, student: TunedStudent, rows: int, share: float) -> Training:
    """The training with that share of its steps."""
    whole = scheduled(training, student.pace, rows)
    epochs = share * whole.steps * whole.batch_size / rows
    return replace(training, epochs=epochs, batch_size=whole.batch_size, batch_tokens=None)
