"""answer: a teacher answers inputs, each as often as it takes to be sure, and what cannot be used is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.sizes import on_a_line
from p2m.stages.rejects import counted
from p2m.stages.rejects import shown as shown_row
from p2m.teachers.asking.acceptance import Acceptance
from p2m.teachers.asking.asker import Asker, Put
from p2m.teachers.chat import ChatTeacher
from p2m.teachers.craft.answers import Answer, Answering, answering
from p2m.teachers.craft.votes import Poll
from p2m.types import (
    Attributes,
    Caps,
    Count,
    Example,
    Examples,
    Inputs,
    InputVerifier,
    Passed,
    Rejected,
    Task,
    TaskType,
    Unanswered,
    Verifier,
)


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
    sample can change the outcome. Every input that was asked is kept or rejected, with its reason; one that
    a verifier finds unfit is rejected unasked. Where a cap ends it early, what was written for one label has
    been asked about as often as for another.

    Raises:
        TeacherError: fewer rows than the share `floor` can be used; of a `share`, surely fewer of all.
    """
    found = [(row, _unfit(task, row, verifiers)) for part in inputs for row in part.rows]
    rows = [row for row, fault in found if not fault]
    unfit = [Rejected(row.input, "", fault) for row, fault in found if fault]
    acceptance = Acceptance(floor)
    panel = _Panel(answering(task, shown, attributes), teacher, samples, agreement, verifiers, acceptance)
    asker = Asker(teacher, run, caps)
    order = _in_turn(rows)
    said = asker.each([rows[n] for n in order], panel.ask, what="rows answered", acceptance=acceptance)
    told = [made for _, made in sorted(zip(order, said, strict=True), key=lambda each: each[0])]
    if not any("share" in part.figures for part in inputs):
        acceptance.end()
    kept = tuple(each for each in told if isinstance(each, Example))
    refused = [each for each in told if isinstance(each, Rejected)]
    rejected = (*unfit, *refused)
    asked = len(kept) + len(refused)
    example = on_a_line(kept[0].input, kept[0].output) if kept else ""
    counts = [Count("answered by the teacher", len(kept), example), *counted(rejected)]
    if asked < len(rows):
        counts.append(Count(f"not asked: {asker.spent.stopped}", len(rows) - asked))
        run.say(f"{len(rows) - asked} of {len(rows)} inputs not asked: {asker.spent.stopped}")
    if not found:  # whose limit it was, for whoever misses the rows
        limits = dict.fromkeys(part.spent.stopped for part in inputs if part.spent and part.spent.stopped)
        counts += [Count(f"not asked: {limit}", 0) for limit in limits]
    figures = {"asked": float(asked), "kept": float(len(kept)), "samples": float(panel.samples_asked)}
    return Examples(kept, tuple(counts), figures, rejected, asker.spent)


def _in_turn(rows: Sequence[Unanswered]) -> list[int]:
    """The places of the rows: the user's own first, then labels that inputs were written for in turn."""
    before: Counter[str] = Counter()
    turns = []
    for row in rows:
        turns.append(before[row.aim] if row.aim else -1)
        before[row.aim] += 1
    return sorted(range(len(rows)), key=lambda place: turns[place])


def _unfit(task: Task, row: Unanswered, verifiers: Sequence[Verifier]) -> str:
    """Why an input is not asked at all; "" where it is."""
    for verifier in verifiers:
        if isinstance(verifier, InputVerifier) and (fault := verifier.unfit(task, row.input)):
            return f"{verifier.name}: {fault}"
    return ""


@dataclass
class _Panel:
    """How each row is asked, and what was asked so far."""

    answering: Answering
    teacher: ChatTeacher
    samples: int
    agreement: float
    verifiers: tuple[Verifier, ...]
    acceptance: Acceptance
    samples_asked: int = 0

    async def ask(self, row: Unanswered, put: Put) -> Example | Rejected:
        task = self.answering.task
        aim = row.aim if task.type is TaskType.CLASSIFICATION else ""
        poll = Poll(task, self.samples, self.agreement, aim)
        answers: list[Answer] = []
        while not poll.is_decided(answers):
            answers.append(
                await self.answering.answer(put, row.input, teacher=self.teacher, sample=len(answers))
            )
        self.samples_asked += len(answers)
        made = self._judged(row, poll, answers)
        if isinstance(made, Example):
            self.acceptance.keep()
        else:
            self.acceptance.reject(made.reason.partition(": ")[0], example=shown_row(made))
        return made

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
