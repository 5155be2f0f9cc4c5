"""keep: what the next way of making a model smaller begins with."""

from __future__ import annotations

from p2m.engine.stage import stage
from p2m.stages.gating import holds
from p2m.types import Variant


@stage(version="1", kind="pure")
def keep(full: Variant, before: Variant | None, made: Variant, *, tolerance: float) -> Variant:
    """`made` where it loses at most `tolerance` of the metric to `full`, else `before`, or nothing."""
    return made if holds(full, made, tolerance) else before or Variant(None, made.name, note=made.note)
