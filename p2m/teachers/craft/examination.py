"""The examination of a teacher: each row is put to it as the rows are that it labels, and once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from p2m.engine.handles import Run
from p2m.teachers.asking.asker import Asker, Put
from p2m.teachers.chat import Ask, ChatTeacher, Outcome, Turn
from p2m.types import Caps, Examined, Task


@dataclass(frozen=True, slots=True)
class _Told:
    answer: str  # "" where there is none
    fault: str  # why there is none
    seconds: float | None  # of the reply; None of one that came in a batch


def examined(
    task: Task, inputs: Sequence[dict[str, str]], *, teacher: ChatTeacher, caps: Caps, run: Run
) -> Examined:
    """The teacher's answers to the inputs, and what one takes in seconds and USD."""
    asker = Asker(teacher, run, caps)

    async def work(values: dict[str, str], put: Put) -> _Told:
        return await _told(task, values, put)

    found = asker.each(inputs, work, what="rows examined")
    told = [(values, each) for values, each in zip(inputs, found, strict=True) if each is not None]
    return Examined(
        teacher=f"{teacher.provider} {teacher.model}",
        inputs=tuple(values for values, _ in told),
        answers=tuple(each.answer for _, each in told),
        faults=tuple(each.fault for _, each in told),
        seconds=tuple(each.seconds for _, each in told if each.seconds is not None),
        spent=asker.spent,
        note=asker.spent.stopped if inputs and not told else "",
    )


def joined(before: Examined | None, more: Examined) -> Examined:
    """Both examinations of one teacher as one."""
    if before is None:
        return more
    spent = [each.spent for each in (before, more) if each.spent is not None]
    return Examined(
        more.teacher,
        (*before.inputs, *more.inputs),
        (*before.answers, *more.answers),
        (*before.faults, *more.faults),
        (*before.seconds, *more.seconds),
        sum(spent[1:], spent[0]) if spent else None,
        "" if before.inputs or more.inputs else more.note or before.note,
    )


async def _told(task: Task, values: Mapping[str, str], put: Put) -> _Told:
    fields = "\n".join(f"{each.name}: {values.get(each.name, '')}" for each in task.inputs)
    reply = await put(Ask(task.instruction, (Turn("user", fields),)))
    seconds = None if reply.is_batch else reply.seconds
    if reply.outcome is not Outcome.ANSWERED:
        return _Told("", reply.outcome, seconds)
    return _Told(reply.text.strip(), "" if reply.text.strip() else "nothing was answered", seconds)
