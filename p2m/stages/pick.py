"""pick: of the variants of the model the smallest that keeps the metric."""

from __future__ import annotations

from p2m.engine.stage import stage
from p2m.stages.gating import exported_of, gated, taken
from p2m.types import Exported, Task, Variant


@stage(version="1", kind="pure")
def pick(task: Task, *variants: Variant, tolerance: float, max_size: int | None) -> Exported:
    """The smallest variant that loses at most `tolerance` of the metric to the first, the exported model.

    Where only a variant that loses more is within `max_size`, the first one stays, and the gate says so: a
    model that is small and wrong is no model.

    Raises:
        StageError: there is no variant.
    """
    made = exported_of(variants)
    found = tuple(gated(each, made, tolerance, max_size) for each in made)
    best = min((each for each in found if each.kept), key=lambda each: (each.size_bytes, each.name))
    return taken(task, made, found, best)
