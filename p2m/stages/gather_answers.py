"""gather_answers: what a teacher answered in shards becomes what it would have been in one step."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from p2m.engine.stage import stage
from p2m.sizes import on_a_line
from p2m.stages.merge import merge
from p2m.stages.rejects import counted, shown
from p2m.teachers.asking.acceptance import Acceptance
from p2m.types import Count, Examples, Rejected


@stage(version="1", kind="pure")
def gather_answers(*shards: Examples, floor: float) -> Examples:
    """Rows in the order of the inputs, counted together, and what was spent on them.

    Raises:
        TeacherError: fewer rows than the share `floor` of all can be used.
    """
    made = merge(*shards)
    unfit: list[Rejected] = []
    refused: list[Rejected] = []
    for shard in shards:  # of which the inputs that were not asked stand first
        unasked = len(shard.rejected) + len(shard.rows) - int(shard.figures["asked"])
        unfit += shard.rejected[:unasked]
        refused += shard.rejected[unasked:]
    acceptance = Acceptance(0.0)
    acceptance.keep(len(made.rows))
    for each in refused:
        acceptance.reject(each.reason.partition(": ")[0], example=shown(each))
    acceptance.end(floor)
    rejected = (*unfit, *refused)
    example = on_a_line(made.rows[0].input, made.rows[0].output) if made.rows else ""
    limits: Counter[str] = Counter()
    for count in made.counts:
        if count.what.startswith("not asked: "):
            limits[count.what] += count.rows
    counts = (
        Count("answered by the teacher", len(made.rows), example),
        *counted(rejected),
        *(Count(what, rows) for what, rows in limits.items()),
    )
    return replace(made, counts=counts, rejected=rejected)
