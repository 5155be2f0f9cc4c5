"""export_pruned: a pruned student as ONNX graphs in full precision."""

from __future__ import annotations

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.stages.scoring import fresh, scored
from p2m.students.base import Student, labels_of
from p2m.types import Pruned, Split, Task, Variant


@stage(version="1", kind="seeded", cpus="all")
def export_pruned(
    task: Task,
    parts: Split,
    pruned: Pruned,
    *,
    name: str,
    student: Student,
    metric: Metric | None,
    seed: int,
    run: Run,
) -> Variant:
    """Nothing where nothing was pruned. Without a `metric` it is not scored.

    Raises:
        StageError: the exporter made nothing that can be opened.
    """
    if pruned.checkpoint is None:
        return Variant(None, name, note=pruned.note)
    folder = fresh(run.folder / "export")
    student.export(task, labels_of(task, parts.train), pruned.checkpoint, folder)
    return scored(task, parts, folder, name, pruned.fit, metric=metric, seed=seed, run=run)
