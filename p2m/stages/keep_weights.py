"""keep_weights: the weights that the next pruning begins with."""

from __future__ import annotations

from p2m.engine.stage import stage
from p2m.stages.gating import holds
from p2m.types import Pruned, Trained, Variant


@stage(version="1", kind="pure")
def keep_weights(
    full: Variant, made: Variant, before: Trained, pruned: Pruned, *, tolerance: float
) -> Trained:
    """Those that were pruned where they lose at most `tolerance` of the metric to `full`, else `before`."""
    return Trained(pruned.checkpoint, pruned.fit) if holds(full, made, tolerance) else before
