"""pick: of the variants of the model the smallest that keeps the metric."""

from __future__ import annotations

from p2m.engine.stage import stage
from p2m.errors import StageError
from p2m.stages.gating import gated, warnings
from p2m.types import Exported, Task, Variant


@stage(version="1", kind="pure")
def pick(task: Task, *variants: Variant, tolerance: float, max_size: int | None) -> Exported:
    """The smallest variant that loses at most `tolerance` of the metric to the first, the exported model.

    Where only a variant that loses more is within `max_size`, the first one stays, and the gate says so: a
    model that is small and wrong is no model.

    Raises:
        StageError: there is no variant.
    """
    made = [each for each in variants if each.model is not None]
    if not made:
        raise StageError("no student was exported")
    found = tuple(gated(each, made, tolerance, max_size) for each in made)
    best = min((each for each in found if each.kept), key=lambda each: (each.size_bytes, each.name))
    taken = next(each for each in made if each.name == best.name)
    assert taken.model is not None
    return Exported(
        taken.model, taken.name, taken.fit.parameters, taken.size_bytes, found,
        warnings(task, taken.fit), taken.fit,
    )  # fmt: skip
