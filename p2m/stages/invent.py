"""invent: a teacher writes inputs, spread over attributes and labels; it answers none of them here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice

from p2m.curation.base import Shingled, near_to
from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.errors import StageError
from p2m.sizes import on_a_line
from p2m.stages.rejects import counted
from p2m.teachers.asking.asker import Asker, Put
from p2m.teachers.asking.budget import MONEY, REQUESTS, TOKENS
from p2m.teachers.chat import ChatTeacher
from p2m.teachers.craft.inputs import Brief, Inventing, pools
from p2m.teachers.craft.passages import passages
from p2m.teachers.craft.replies import Said, said
from p2m.teachers.craft.rows import aims, known, no_answer
from p2m.types import (
    Attributes,
    Caps,
    Count,
    Examples,
    Files,
    Inputs,
    Needs,
    Passed,
    Rejected,
    Schedule,
    Task,
    Unanswered,
)

_ALIKE = 0.8  # Jaccard index of character 5-grams from which an input says again what another says
_ROUNDS = 4  # of asking; the first asks for the number, each later one for what is still missing
_KNOWN = "repeats one of your rows or inputs"
_REPEATED = "repeats an earlier input"
_MOST = 3  # times the requests that the number takes, over all rounds


@stage(version="1", kind="seeded")
def invent(
    task: Task,
    passed: Passed | None,
    attributes: Attributes,
    texts: Files | None,
    shown: Examples | None,
    needs: Needs | None,
    drawn: Inputs | None,
    real: Examples | None,
    *earlier: Inputs,
    teacher: ChatTeacher,
    number: int,
    per_request: int,
    temperature: Schedule,
    caps: Caps,
    seed: int,
    run: Run,
) -> Inputs:
    """As many new inputs as `drawn` leaves of `number`; a larger number only adds to those of a smaller one.

    Labels that the user's rows (`shown`) and the answers to the user's inputs (`real`) leave thin come first.
    What is no input, or nearly says what an earlier one says, is rejected and made up for by a limited
    number of further requests; fewer than wanted are said. Of what the caps leave, enough stays for answers.

    Raises:
        StageError: not one input could be had.
    """
    wanted = number - (len(drawn.rows) if drawn else 0)
    if wanted <= 0:
        return Inputs(())
    labels = aims(task, shown)
    known_rows = (*(shown.rows if shown else ()), *(real.rows if real else ()))
    rows = known(task, Examples(known_rows))
    plan = Inventing(
        task, labels, attributes.labels, attributes.found,
        passages(texts.path) if texts else (), pools(task, rows, seed), needs.found if needs else (),
        no_answer(task, rows), per_request, seed, len(earlier), Counter(row.output for row in known_rows),
    )  # fmt: skip
    there = [each.input for part in (drawn, *earlier) if part for each in part.rows]
    sieve = _Sieve(task, [*there, *(row.input for row in rows)])
    asker = Asker(teacher, run, caps, _portion(run, caps, per_request, len(plan.labels)))
    _fill(plan, sieve, asker, temperature, wanted)
    found, rejected = sieve.kept[:wanted], tuple(sieve.rejected)
    if not found and not asker.spent.stopped:
        raise StageError(_nothing(rejected))
    if len(found) < wanted:
        why = "the rest repeated what was there, or was no input"
        if asker.spent.stopped:
            why = f"{asker.spent.stopped}, the rest of which is for their answers"
        run.say(f"{len(found)} of {wanted} inputs written: {why}")
    figures = {"requests": float(asker.spent.requests), "written": float(len(sieve.kept) + len(rejected))}
    counts = (Count("written by the teacher", len(found), _example(found)), *counted(rejected))
    return Inputs(tuple(found), counts, figures, rejected, asker.spent)


def _portion(run: Run, caps: Caps, per_request: int, labels: int) -> dict[str, float]:
    """How much of what the caps leave may go into inputs, which are worth nothing without their answers.

    A request writes several inputs and each of them takes one to be answered; but every label is asked for.
    """
    found = {MONEY: 0.5, TOKENS: 0.5, REQUESTS: 1 / (1 + per_request)}
    if caps.max_requests is not None:
        left = max(1, caps.max_requests - run.tally(REQUESTS, 0))
        found[REQUESTS] = max(found[REQUESTS], min(0.5, labels / left))
    return found


class _Sieve:
    """Inputs so far, in the order of the requests; those that say nothing new are rejected."""

    def __init__(self, task: Task, there: Sequence[dict[str, str]]) -> None:
        self._names = [each.name for each in task.inputs]
        self._there = [self._texts(row) for row in there]
        self.kept: list[Unanswered] = []
        self.rejected: list[Rejected] = []

    def _texts(self, row: dict[str, str]) -> tuple[str, ...]:
        return tuple(row.get(name, "") for name in self._names)

    def fault(self, reason: str) -> None:
        """A request that came to nothing."""
        self.rejected.append(Rejected({}, "", reason))

    def add(self, written: Sequence[Unanswered]) -> None:
        """Sift further inputs."""
        whole = []
        for row in written:
            blank = [name for name in self._names if not row.input.get(name, "").strip()]
            if blank:
                self.rejected.append(Rejected(row.input, "", f"no input: {', '.join(blank)} is empty"))
            else:
                whole.append(row)
        before = [*self._there, *(self._texts(row.input) for row in self.kept)]
        everything = [*before, *(self._texts(row.input) for row in whole)]
        places = near_to(Shingled(everything), len(before), _ALIKE)
        for row, place in zip(whole, places, strict=True):
            if place is None:
                self.kept.append(row)
            else:
                what = _KNOWN if place < len(self._there) else _REPEATED
                self.rejected.append(
                    Rejected(row.input, "", f"{what}: {' / '.join(everything[place])[:120]}")
                )


def _fill(plan: Inventing, sieve: _Sieve, asker: Asker, temperature: Schedule, wanted: int) -> None:
    """Ask until there are as many as wanted, or asking goes on for too long."""
    source = f"teacher:{asker.teacher.model}"

    async def work(brief: Brief, put: Put) -> Said:
        return await said(put, plan.ask(brief, temperature), teacher=asker.teacher)

    numbers = plan.numbers()
    asked, first = 0, -(-wanted // plan.per_request)
    for _ in range(_ROUNDS):
        missing = wanted - len(sieve.kept)
        number = min(-(-missing // plan.per_request), _MOST * first - asked)
        if missing <= 0 or number <= 0 or asker.spent.stopped:
            return
        briefs = [plan.brief(each) for each in islice(numbers, number)]
        written: list[Unanswered] = []
        for brief, reply in zip(briefs, asker.each(briefs, work, what="requests for inputs"), strict=True):
            if reply is not None and reply.fault:
                sieve.fault(reply.fault)
            elif reply is not None:
                written += plan.read(brief, reply.value, source)
        sieve.add(written)
        asked += number


def _example(rows: Sequence[Unanswered]) -> str:
    if not rows:
        return ""
    return on_a_line(rows[0].input) + (f" ({rows[0].aim})" if rows[0].aim else "")


def _nothing(rejected: Sequence[Rejected]) -> str:
    reasons = "".join(
        f"\n    {each.rows} {each.what}" + (f", e.g. {example}" if (example := each.example.strip()) else "")
        for each in counted(rejected)[:5]
    )
    return (
        f"the teacher wrote no input that can be used:{reasons or ' it replied with none at all'}\n"
        "    correct the prompt, give inputs of your own (data.inputs) or examples, or take another teacher"
    )
