"""export: the fitted student as ONNX graphs in full precision, which are served as they are or converted."""

from __future__ import annotations

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.stages.scoring import fresh, scored
from p2m.students.base import LinearStudent, Student, labels_of
from p2m.types import Split, Task, Trained, Variant

FULL = "fp32"


@stage(version="1", kind="seeded", cpus="all")
def export(
    task: Task,
    parts: Split,
    trained: Trained,
    *,
    student: Student,
    metric: Metric | None,
    seed: int,
    run: Run,
) -> Variant:
    """Nothing where another student was taken. The encoder of a linear one was made smaller before.

    Without a `metric` it is not scored: another backend's folder is made of it.

    Raises:
        StageError: the exporter made nothing that can be opened.
    """
    linear = isinstance(student, LinearStudent)
    name = trained.fit.environment.get("precision", FULL) if linear else FULL
    if trained.checkpoint is None:
        return Variant(None, name)
    folder = fresh(run.folder / "export")
    student.export(task, labels_of(task, parts.train), trained.checkpoint, folder)
    return scored(task, parts, folder, name, trained.fit, metric=metric, seed=seed, run=run)
