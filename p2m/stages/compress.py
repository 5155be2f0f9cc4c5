"""compress: an exported student made smaller in one way."""

from __future__ import annotations

from p2m.compression.base import Compressor
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.sizes import folder_size
from p2m.stages.compressing import compressed, lineage, unfit
from p2m.stages.scoring import scored
from p2m.types import Split, Task, Variant


@stage(version="3", kind="seeded", cpus="all")
def compress(
    task: Task,
    parts: Split,
    full: Variant,
    *,
    compressor: Compressor,
    metric: Metric | None,
    seed: int,
    name: str = "",
    run: Run,
) -> Variant:
    """Nothing where there is nothing to make smaller; without a `metric`, not scored (`export`).

    A way of a ladder has a `name`, goes on from any variant, and must make it smaller.

    Raises:
        StageError: the compressor made nothing that can be opened.
    """
    called = lineage(full.name, name) if name else compressor.name
    if full.model is None:
        return Variant(None, called)
    if reason := unfit(full.model, compressor):
        run.say(reason)
        return Variant(None, called, note=reason)
    folder = compressed(task, parts, full.model, compressor, seed=seed, run=run)
    size = folder_size(folder)
    if name and size >= full.size_bytes:
        return Variant(None, called, note=f"not smaller than {full.name}")
    return scored(task, parts, folder, called, full.fit, metric=metric, seed=seed, run=run)
