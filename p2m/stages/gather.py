"""gather: the shards of what a teacher wrote become one artifact."""

from __future__ import annotations

from p2m.engine.rows import joined
from p2m.engine.stage import stage
from p2m.teachers.base import Teacher
from p2m.types import Count, Examples, Task


@stage(version="1", kind="pure")
def gather(task: Task, *shards: Examples, teacher: Teacher) -> Examples:
    """The rows of all shards in their order, counted together."""
    rows = joined(*(shard.rows for shard in shards))
    counts: dict[str, Count] = {}
    for count in (count for shard in shards for count in shard.counts):
        known = counts.get(count.what)
        counts[count.what] = Count(count.what, known.rows + count.rows, known.example) if known else count
    ordered = sorted(counts.values(), key=lambda count: (-count.rows, count.what))
    return Examples(rows, counts=tuple(ordered), figures=teacher.figures(task, rows))
