"""The examination of a teacher: each row is put to it as the rows are that it labels, and once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from p2m.engine.handles import Run
from p2m.teachers.asking.asker import Asker, Put
from p2m.teachers.chat import Ask, ChatTeacher, Reply, named
from p2m.teachers.craft.answers import Answer, Answering, answering
from p2m.teachers.craft.rows import known, told_labels
from p2m.types import Caps, Examined, Example, Examples, Task


@dataclass(frozen=True, slots=True)
class _Told:
    answer: Answer
    seconds: tuple[float, ...]  # of each request that it took, but for those that came in a batch


def examined(
    task: Task,
    rows: Sequence[Example],
    shown: Examples | None,
    *,
    teacher: ChatTeacher,
    caps: Caps,
    run: Run,
) -> Examined:
    """The teacher's answers to the rows; its prompt shows other rows of `shown`, and none of these."""
    asker = Asker(teacher, run, caps)
    questions = _questions(task, rows, shown)

    async def work(row: Example, put: Put) -> _Told:
        seconds: list[float] = []

        async def timed(ask: Ask, *, sample: int = 0) -> Reply:
            reply = await put(ask, sample=sample)
            if not reply.is_batch:
                seconds.append(reply.seconds)
            return reply

        return _Told(await questions.answer(timed, row.input, teacher=teacher), tuple(seconds))

    found = asker.each(rows, work, what="rows examined") if rows else []
    told = [(row.input, each) for row, each in zip(rows, found, strict=True) if each is not None]
    return Examined(
        teacher=named(teacher),
        inputs=tuple(values for values, _ in told),
        answers=tuple(each.answer.text for _, each in told),
        faults=tuple(each.answer.fault for _, each in told),
        seconds=tuple(one for _, each in told for one in each.seconds),
        cost=None if asker.spent.cost is None or not told else asker.spent.cost / len(told),
        spent=asker.spent,
        note=asker.spent.stopped if rows and not told else "",
    )


def joined(before: Examined | None, more: Examined) -> Examined:
    """Both examinations of one teacher as one; what was spent is what `more` spent."""
    if before is None:
        return more
    asked = [each for each in (before, more) if each.inputs]
    costs = [each.cost * len(each.inputs) for each in asked if each.cost is not None]
    rows = sum(len(each.inputs) for each in asked)
    return Examined(
        more.teacher,
        (*before.inputs, *more.inputs),
        (*before.answers, *more.answers),
        (*before.faults, *more.faults),
        (*before.seconds, *more.seconds),
        sum(costs) / rows if costs and len(costs) == len(asked) else None,
        more.spent,
        "" if before.inputs or more.inputs else more.note or before.note,
    )


def _questions(task: Task, rows: Sequence[Example], shown: Examples | None) -> Answering:
    """As training rows are asked for; a row that is asked about is no example, for that would answer it."""
    there = known(task, shown)
    asked = {tuple(sorted(row.input.items())) for row in rows}
    others = tuple(row for row in there if tuple(sorted(row.input.items())) not in asked)
    labels = told_labels(task, Examples((*(shown.rows if shown else ()), *rows)))
    return answering(replace(task, labels=labels, demonstrations=()), Examples(others), None)
