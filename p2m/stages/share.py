"""share: the inputs that one shard of the answering takes."""

from __future__ import annotations

from p2m.engine.rows import joined, picked
from p2m.engine.stage import stage
from p2m.stages.merge import together
from p2m.types import Examples, Inputs


@stage(version="1", kind="pure")
def share(after: Examples | None, *inputs: Inputs, start: int, number: int) -> Inputs:
    """At most `number` of all inputs from place `start` on: further inputs leave full shares as they are.

    `after`, the answers to the share before, is only waited for. The figure `share` tells who answers them
    that these are not all. Where there is no input at all, what was spent says why.
    """
    rows = joined(*(part.rows for part in inputs))
    spent = None if rows else together(part.spent for part in inputs)
    mine = picked(rows, range(start, min(start + number, len(rows))))
    return Inputs(mine, figures={"share": 1.0}, spent=spent)
