"""answer: a teacher answers inputs, each as often as it takes to be sure, and what cannot be used is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.errors import StageError
from p2m.stages.rejects import counted
from p2m.teachers.asking.asker import Asker, Put
from p2m.teachers.base import ChatTeacher
from p2m.teachers.craft.answers import Answer, Answering, answering
from p2m.teachers.craft.votes import Poll
from p2m.types import (
    Attributes,
    Caps,
    Count,
    Example,
    Examples,
    Inputs,
    Passed,
    Rejected,
    Task,
    TaskType,
    Unanswered,
    Verifier,
)

_SURE = 3.0  # standard errors by which acceptance must miss its floor to end a step before its end


@stage(version="1", kind="seeded")
def answer(
    task: Task,
    passed: Passed | None,
    attributes: Attributes | None,
    shown: Examples | None,
    *inputs: Inputs,
    teacher: ChatTeacher,
    samples: int,
    agreement: float,
    verifiers: tuple[Verifier, ...],
    floor: float,
    caps: Caps,
    run: Run,
) -> Examples:
    """Every input with the answer that most of at most `samples` give, where they are `agreement` of them.

    A label that an input was written for counts as one opinion more. Asking stops as soon as no further
    sample can change the outcome. Every input that was asked is kept or rejected, with its reason.

    Raises:
        StageError: fewer rows than the share `floor` can be used.
    """
    rows = [row for part in inputs for row in part.rows]
    panel = _Panel(
        answering(task, shown, attributes), teacher, samples, agreement,
        tuple(each for each in verifiers if each.refusal(task) is None), floor,
    )  # fmt: skip
    asker = Asker(teacher, run, caps)
    told = [each for each in asker.each(rows, panel.ask, what="rows answered") if each is not None]
    kept = tuple(each for each in told if isinstance(each, Example))
    rejected = tuple(each for each in told if isinstance(each, Rejected))
    if told and len(kept) < floor * len(told):
        raise StageError(_hardly(len(told), len(kept), floor, rejected))
    counts = [Count("answered by the teacher", len(kept), _example(kept)), *counted(rejected)]
    if len(told) < len(rows):
        counts.append(Count(f"not asked: {asker.spent.stopped}", len(rows) - len(told)))
        run.say(f"{len(rows) - len(told)} of {len(rows)} inputs not asked: {asker.spent.stopped}")
    figures = {
        "asked": float(len(told)),
        "acceptance": len(kept) / max(1, len(told)),
        "samples_a_row": panel.samples_asked / max(1, len(told)),
    }
    return Examples(kept, tuple(counts), figures, rejected, asker.spent)


@dataclass
class _Panel:
    """How each row is asked, and what was asked so far."""

    answering: Answering
    teacher: ChatTeacher
    samples: int
    agreement: float
    verifiers: tuple[Verifier, ...]
    floor: float
    samples_asked: int = 0
    kept: int = 0
    rejected: list[Rejected] = field(default_factory=list)

    async def ask(self, row: Unanswered, put: Put) -> Example | Rejected:
        task = self.answering.task
        aim = row.aim if task.type is TaskType.CLASSIFICATION else ""
        poll = Poll(task, self.samples, self.agreement, aim)
        answers: list[Answer] = []
        while not poll.is_decided(answers):
            answers.append(
                await self.answering.answer(put, row.input, teacher=self.teacher, sample=len(answers))
            )
            self.samples_asked += 1
        return self._noted(self._judged(row, poll, answers))

    def _judged(self, row: Unanswered, poll: Poll, answers: Sequence[Answer]) -> Example | Rejected:
        """The row as it is used, or why it is not."""
        decided = poll.decided(answers)
        first = next((each.text for each in answers if not each.fault), "")
        if decided.fault:
            return Rejected(row.input, first, decided.fault)
        source = f"teacher:{self.teacher.model}"
        made = Example(row.input, decided.answer, (), source, row.group, decided.votes)
        for verifier in self.verifiers:
            if fault := verifier.fault(poll.task, made):
                return Rejected(row.input, decided.answer, f"{verifier.name}: {fault}")
        return made

    def _noted(self, made: Example | Rejected) -> Example | Rejected:
        """Count it, and end the step where what is rejected is surely too much."""
        if isinstance(made, Example):
            self.kept += 1
            return made
        self.rejected.append(made)
        asked = self.kept + len(self.rejected)
        if self.kept / asked + _SURE * sqrt(self.floor * (1 - self.floor) / asked) < self.floor:
            raise StageError(_hardly(asked, self.kept, self.floor, self.rejected))
        return made


def _example(rows: Sequence[Example]) -> str:
    if not rows:
        return ""
    return (
        " / ".join(" ".join(text.split()) for text in rows[0].input.values())[:160] + f" -> {rows[0].output}"
    )


def _hardly(asked: int, kept: int, floor: float, rejected: Sequence[Rejected]) -> str:
    reasons = "".join(f"\n    {each.rows} {each.what}, e.g. {each.example}" for each in counted(rejected)[:5])
    return (
        f"of {asked} inputs that the teacher answered, {kept} can be used ({kept / asked:.0%}), fewer than"
        f" generation.min_acceptance={floor:g} allows:{reasons}\n"
        "    nothing that was paid for is lost: correct the prompt, its labels or the verifiers and build"
        " again, or allow it with generation.min_acceptance=0"
    )
