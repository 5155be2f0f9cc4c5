"""examine-judged: the teacher answers the rows that judge the model, so that both stand side by side."""

from __future__ import annotations

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.evaluation.base import matched
from p2m.stages.rows import sample
from p2m.teachers.chat import ChatTeacher, named
from p2m.teachers.craft.examination import examined, joined
from p2m.types import Caps, Examined, Examples, Split, Task

_OWN = "the rows that judge are labelled by the teacher itself; give data.test"


@stage(version="1", kind="seeded")
def examine_judged(
    task: Task,
    parts: Split,
    before: Examined | None,
    shown: Examples | None,
    *,
    teacher: ChatTeacher,
    number: int,
    caps: Caps,
    seed: int,
    run: Run,
) -> Examined:
    """What `before` lacks of at most `number` judged rows, with what it has; nothing is asked twice.

    Rows that the teacher itself labelled are not put to it: it would agree with itself.
    """
    if parts.evidence == "synthetic":
        return joined(before, Examined(named(teacher), note=_OWN))
    known = matched(parts.judged, before) if before else {}
    rest = [row for place, row in enumerate(parts.judged) if place not in known]
    asked = sample(task, rest, max(0, number - len(known)), seed)
    return joined(before, examined(task, asked, shown, teacher=teacher, caps=caps, run=run))
