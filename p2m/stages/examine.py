"""examine: a teacher answers rows whose answers are known, before anything is made by it."""

from __future__ import annotations

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.stages.rows import sample
from p2m.teachers.chat import ChatTeacher
from p2m.teachers.craft.examination import examined
from p2m.types import Caps, Examined, Examples, Task


@stage(version="1", kind="seeded")
def examine(
    task: Task,
    rows: Examples,
    shown: Examples | None,
    *,
    teacher: ChatTeacher,
    number: int,
    caps: Caps,
    seed: int,
    run: Run,
) -> Examined:
    """At most `number` rows, drawn by `seed`, are put to it as the rows are that it labels for training.

    `shown` are the rows that prompts for training rows show; those that are asked about are left out.
    Where a cap ends it early, `Examined` has what was answered until then, and `Spent.stopped` the cap.
    """
    asked = sample(task, rows.rows, number, seed)
    return examined(task, asked, shown, teacher=teacher, caps=caps, run=run)
