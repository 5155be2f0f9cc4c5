"""convert: exported graphs in the format of another backend."""

from __future__ import annotations

from p2m.deploy.base import Backend
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.stages.scoring import fresh, scored
from p2m.types import FormatBackend, Split, Task, Variant


@stage(version="1", kind="seeded", cpus="all")
def convert(
    task: Task,
    parts: Split,
    made: Variant,
    *,
    backend: Backend,
    precision: str,
    metric: Metric,
    seed: int,
    run: Run,
) -> Variant:
    """Nothing where another student was taken. `precision` is the backend's own; "" keeps that of the graphs.

    Raises:
        StageError: the backend made nothing that can be opened.
    """
    name = f"{backend.name} {precision or made.name}"
    if made.model is None:
        return Variant(None, name)
    folder = fresh(run.folder / "converted")
    if isinstance(backend, FormatBackend):
        backend.convert(made.model, folder, precision=precision)
    else:
        backend.convert(made.model, folder)
    return scored(task, parts, folder, name, made.fit, backend=backend, metric=metric, seed=seed, run=run)
