"""attributes: in which ways inputs differ, and what each label means, before a teacher writes any."""

from __future__ import annotations

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.teachers.asking.asker import Asker, Put
from p2m.teachers.chat import Ask, ChatTeacher
from p2m.teachers.craft.attributes import (
    attributes_ask,
    distinct,
    labels_asks,
    read_attributes,
    read_labels,
)
from p2m.teachers.craft.replies import Said, said
from p2m.teachers.craft.rows import told_labels
from p2m.types import Attribute, Attributes, Caps, Examples, Passed, Task


@stage(version="1", kind="seeded")
def attributes(
    task: Task,
    passed: Passed | None,
    shown: Examples | None,
    *,
    teacher: ChatTeacher,
    given: dict[str, tuple[str, ...]],
    caps: Caps,
    run: Run,
) -> Attributes:
    """Those `given`, else those that the teacher proposes, asked once; of a classification what labels mean.

    Labels that the task does not name are those of `shown`, the user's rows.

    A teacher that proposes none leaves inputs to vary by examples and texts alone, which is said.
    """
    own = tuple(Attribute(name, distinct(values)) for name, values in given.items())
    labels = told_labels(task, shown)
    asks = ([] if own else [attributes_ask(task, labels)]) + labels_asks(task, labels)
    asker = Asker(teacher, run, caps)

    async def work(ask: Ask, put: Put) -> Said:
        return await said(put, ask, teacher=teacher)

    replies = asker.each(asks, work, what="plans") if asks else []
    if faults := [reply.fault for reply in replies if reply is not None and reply.fault]:
        run.say(f"{len(faults)} of {len(asks)} questions about the task without an answer: {faults[0]}")
    values = [reply.value for reply in replies if reply is not None and not reply.fault]
    proposed = [each for value in values for each in read_attributes(value)]
    meanings: dict[str, str] = {}
    for value in values:
        meanings |= read_labels(value, labels)
    return Attributes(own or tuple(proposed), meanings, asker.spent)
