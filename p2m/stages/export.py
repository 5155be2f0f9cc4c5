"""export: the fitted student as the folder that is served, in full precision."""

from __future__ import annotations

from p2m.deploy.backends.onnx import ONNX
from p2m.deploy.base import Backend
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.stages.scoring import decide, fresh, scored
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
    backend: Backend = ONNX,
    metric: Metric,
    seed: int,
    run: Run,
) -> Variant:
    """Nothing where another student was taken. The encoder of a linear one was made smaller before.

    Raises:
        StageError: the exporter made nothing that can be opened.
    """
    linear = isinstance(student, LinearStudent)
    name = trained.fit.environment.get("precision", FULL) if linear else FULL
    if trained.checkpoint is None:
        return Variant(None, name)
    graphs, folder = fresh(run.folder / "graphs"), fresh(run.folder / "export")
    student.export(task, labels_of(task, parts.train), trained.checkpoint, graphs)
    backend.convert(graphs, folder)
    if not linear:
        decide(parts.validation, folder, backend=backend, metric=metric, run=run)
    return scored(task, parts, folder, name, trained.fit, backend=backend, metric=metric, seed=seed, run=run)
