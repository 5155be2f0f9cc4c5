"""train_taught: as `train`, of a student that learns from a teacher's logits beside the rows' own answers."""

from __future__ import annotations

from dataclasses import replace

from p2m.engine.handles import Run
from p2m.engine.rows import joined
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.stages.rows import origin_of
from p2m.stages.taught import fit_taught
from p2m.stages.train import proposed
from p2m.students.base import Student, TunedStudent, labels_of
from p2m.types import Distilling, Proposal, Softened, Split, Task, Trained, Training, Winner


@stage(version="1", kind="seeded", cpus="all")
def train_taught(
    task: Task,
    parts: Split,
    softened: Softened,
    winner: Winner | None,
    proposal: Proposal | None,
    *,
    name: str,
    student: Student,
    distil: Distilling,
    metric: Metric,
    training: Training,
    seed: int,
    run: Run,
) -> Trained:
    """Fit the student as `training` has it, or a trial's `proposal`; nothing where another is the `winner`.

    Raises:
        DataError: there is nothing to learn from, or the teacher writes other tokens than the student.
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
    if told := getattr(student, "download", ""):
        run.say(told)
    labels = labels_of(task, parts.train)
    learner = student.prepare(task, labels, seed=seed)
    trained = fit_taught(
        learner, parts.train, parts.validation, softened,
        student=student, distil=distil, training=training, metric=metric, seed=seed, run=run,
        others=proposal.others if proposal else (),
    )  # fmt: skip
    rows = joined(parts.train, softened.texts)
    how = f"{softened.teacher}, alpha {distil.alpha:g}, temperature {distil.temperature:g}"
    if softened.texts:
        how += f"; {len(softened.texts):,} texts without an answer by it alone"
    known = trained.fit.environment | origin_of(student) | {"taught by": how}
    cut = learner.cut(rows, max_length=training.max_length)
    values = proposal.values if proposal else {}
    return replace(
        trained, fit=replace(trained.fit, rows=len(rows), cut=cut, proposal=values, environment=known)
    )
