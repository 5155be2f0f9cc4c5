"""judge: a teacher grades what the model wrote, beside the known answer and the teacher's own, blind.

Each row's answers are shown in one order and in the other, and with them the known answer of another row: a
judge that does not prefer a row's own answer to it is no evidence.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from p2m.engine.handles import Run
from p2m.engine.stage import stage
from p2m.evaluation.base import interval, scored
from p2m.metrics.base import JudgeMetric
from p2m.teachers.asking.asker import Asker, Put
from p2m.teachers.chat import ChatTeacher, named
from p2m.teachers.craft.judging import HIGHEST, Grading
from p2m.types import Caps, Evaluated, Judged, Judgement, Score, Task

_MODEL, _RIGHT, _OTHER, _TEACHER = "model", "right", "other row", "teacher"  # whose an answer is


@dataclass(frozen=True, slots=True)
class _Graded:
    """A row's grades in each of two orders, by whose the answer is."""

    first: Mapping[str, int]
    second: Mapping[str, int]

    def of(self, whose: str) -> float | None:
        """Mean of both orders; None where there was no such answer."""
        return (self.first[whose] + self.second[whose]) / 2 if whose in self.first else None

    @property
    def prefers_right(self) -> float | None:
        """1, or 0.5 of a tie, where the known answer is above another row's; None without another."""
        right, other = self.of(_RIGHT), self.of(_OTHER)
        return None if right is None or other is None else float(right > other) + 0.5 * (right == other)

    @property
    def is_steady(self) -> bool:
        """Whether model and known answer stand to each other the same in both orders."""
        return _sign(self.first) == _sign(self.second)


@stage(version="1", kind="seeded")
def judge(
    task: Task,
    evaluated: Evaluated,
    *,
    metric: JudgeMetric,
    teacher: ChatTeacher,
    caps: Caps,
    bootstrap: int,
    seed: int,
    run: Run,
) -> Evaluated:
    """The same evaluation with the judge's grade as its last score, and how far the judge can be trusted."""
    order = list(evaluated.rows)
    random.Random(f"judge:{seed}").shuffle(order)
    asker = Asker(teacher, run, caps)
    grading = Grading(task, metric.rubric)

    async def work(number: int, put: Put) -> _Graded | None:
        return await _graded(grading, order, number, put, teacher)

    numbers = range(min(metric.rows, len(order)))
    found = [each for each in asker.each(numbers, work, what="rows judged") if each is not None]
    spent = asker.spent
    if not found:
        nothing = Judgement(named(teacher), None, ungraded=len(numbers), spent=spent,
                            note=spent.stopped or "no reply had a grade for each answer")  # fmt: skip
        return replace(evaluated, judgement=nothing)
    grades = [f"{each.of(_MODEL)}" for each in found]
    highest = [[f"{HIGHEST}"]] * len(found)
    value = metric.value(metric.statistics(grades, highest))
    score = scored(metric, grades, highest, value=value, resamples=bootstrap, seed=seed)
    theirs = _shares(found, _TEACHER)
    judgement = Judgement(
        judge=named(teacher),
        agreement=_agreement(metric, found, bootstrap, seed),
        right=fmean(_shares(found, _RIGHT)),
        teacher=fmean(theirs) if theirs else None,
        steady=fmean(each.is_steady for each in found),
        ungraded=len(numbers) - len(found),
        spent=spent,
    )
    return replace(evaluated, scores=(*evaluated.scores, score), judgement=judgement)


async def _graded(
    grading: Grading, rows: Sequence[Judged], number: int, put: Put, teacher: ChatTeacher
) -> _Graded | None:
    """Answers that are the same text stand there once, and have one grade; None where a grade is lacking."""
    row = rows[number]
    answers = {_MODEL: row.predicted, _RIGHT: row.output}
    if row.teacher is not None:
        answers[_TEACHER] = row.teacher
    if (other := _other(rows, number)) is not None:
        answers[_OTHER] = other
    texts = sorted(set(answers.values()))
    random.Random(f"judge:{row.input}").shuffle(texts)
    both = []
    for shown in (texts, texts[::-1]):
        grades = await grading.grades(put, row.input, shown, teacher=teacher)
        if not grades:
            return None
        of_text = dict(zip(shown, grades, strict=True))
        both.append({whose: of_text[text] for whose, text in answers.items()})
    return _Graded(*both)


def _other(rows: Sequence[Judged], number: int) -> str | None:
    """The known answer of the next row that has another one; None where all have the same."""
    following = (rows[(number + step) % len(rows)].output for step in range(1, len(rows)))
    return next((text for text in following if text != rows[number].output), None)


def _agreement(metric: JudgeMetric, found: Sequence[_Graded], resamples: int, seed: int) -> Score | None:
    import numpy as np

    pairs = [preferred for each in found if (preferred := each.prefers_right) is not None]
    if not pairs:
        return None
    column = np.array(pairs, dtype=float).reshape(-1, 1)
    low, high = interval(metric, column, resamples=resamples, seed=seed)
    return Score("agreement", fmean(pairs), low, high, len(pairs))


def _shares(found: Sequence[_Graded], whose: str) -> list[float]:
    """Grades as shares, from 0 to 1, where there was such an answer."""
    return [(grade - 1) / (HIGHEST - 1) for each in found if (grade := each.of(whose)) is not None]


def _sign(grades: Mapping[str, int]) -> int:
    return (grades[_MODEL] > grades[_RIGHT]) - (grades[_MODEL] < grades[_RIGHT])
