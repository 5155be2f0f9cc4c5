"""train: a student that is tuned, fitted to the training rows and stopped by the recipe's primary metric."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.stages.rows import origin_of, weighs_labels
from p2m.students.base import Student, TunedStudent, labels_of
from p2m.training.base import fit
from p2m.types import Proposal, Remarker, Split, Task, Trained, Training, Winner


@stage(version="4", kind="seeded", cpus="all")
def train(
    task: Task,
    parts: Split,
    winner: Winner | None,
    proposal: Proposal | None,
    *,
    name: str,
    student: Student,
    metric: Metric,
    training: Training,
    seed: int,
    run: Run,
) -> Trained:
    """Fit the student as `training` has it, or a trial's `proposal`; nothing where another is the `winner`.

    A run that was killed goes on from its last evaluation.

    Raises:
        DataError: there is nothing to learn from.
        MissingWeights: the base model cannot be had.
    """
    if winner is not None and winner.student != name:
        return Trained(None)
    assert isinstance(student, TunedStudent)
    if proposal is not None:
        student, training = proposed(student, training, proposal)
        if not parts.validation:
            run.say("no validation rows to tell trials apart by")
            return Trained(None)
        run.say(", ".join(f"{name} {value}" for name, value in proposal.values.items()))
    if told := getattr(student, "download", ""):
        run.say(told)
    learner = student.prepare(task, labels_of(task, parts.train), seed=seed)
    for line in learner.remarks(parts.train) if isinstance(learner, Remarker) else ():
        run.say(line)
    trained = fit(
        learner, parts.train, parts.validation,
        student=student, training=training, metric=metric, seed=seed, run=run,
        balanced=weighs_labels(training, metric), others=proposal.others if proposal else (),
    )  # fmt: skip
    cut = learner.cut(parts.train, max_length=training.max_length)
    known = trained.fit.environment | origin_of(student)
    return replace(
        trained,
        fit=replace(
            trained.fit,
            rows=len(parts.train),
            cut=cut,
            environment=known,
            proposal=proposal.values if proposal else {},
        ),
    )


def proposed(student: TunedStudent, training: Training, proposal: Proposal) -> tuple[TunedStudent, Training]:
    """Student and training with what a trial sets."""
    ours: dict[str, Any] = {name: value for name, value in proposal.values.items() if hasattr(training, name)}
    own = {name: value for name, value in proposal.values.items() if name not in ours}
    return cast(TunedStudent, replace(cast(Any, student), **own)), replace(training, **ours)
