"""Whether numbers are learnt as they are or as logarithms: rows that were not learnt from decide.

Where causes multiply, as of prices, salaries and durations, logarithms are what adds up, and the largest
numbers do not outweigh all others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from p2m.deploy.serving.rows import laid
from p2m.students.dealing import dealt
from p2m.students.labels import number_in, scale_of
from p2m.students.solver import Weights, narrowed
from p2m.students.strengths import Block
from p2m.types import Lesson, TaskType

_FEWEST, _MOST = 30, 600  # rows from which logarithms are tried, and by which at most
_FOLDS = 3

Solve = Callable[[Any, Lesson], Weights]


def with_logarithms(parts: Sequence[Block], lesson: Lesson, solve: Solve) -> Lesson:
    """The lesson with logarithms as what is learnt, where with them held-out rows are answered nearer, by
    more than a standard error; itself where not, where the task has a scale, or where a number is below 0.

    To numbers from 0 on the smallest above it is added first, 1 of counts.
    """
    import numpy as np

    if lesson.task.type is not TaskType.REGRESSION or lesson.task.scale is not None:
        return lesson
    scale = scale_of(lesson.task, lesson.labels)
    numbers = np.array([number_in(row) for row in lesson.rows])
    above = numbers[numbers > 0]
    if scale.low < 0 or len(numbers) < _FEWEST or len(np.unique(above)) < 2:
        return lesson
    logged = replace(lesson, log_offset=0.0 if scale.low > 0 else float(above.min()))
    taken = np.arange(0, len(numbers), max(1, -(-len(numbers) // _MOST)))
    few = [(narrowed(features[taken], 1)[0], counts) for features, counts in parts]
    rows = [lesson.rows[number] for number in taken]
    folds = np.array(dealt(rows, _FOLDS))
    nearer = np.zeros(len(rows))
    for fold in range(_FOLDS):
        outside, inside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        if not len(outside) or not len(inside):
            return lesson
        for each, sign in ((lesson, 1), (logged, -1)):
            rest = replace(each, rows=tuple(rows[place] for place in outside))
            said = np.zeros(len(inside))
            for features, counts in few:
                weights = solve(features[outside], rest)
                said += counts * (features[inside] @ weights.matrix + weights.bias)[:, 0]
            low, high = laid(scale.low, each.log_offset), laid(scale.high, each.log_offset)
            at = low + (high - low) * np.clip(said, 0, 1)
            answers = at if each.log_offset is None else np.exp(at) - each.log_offset
            nearer[inside] += sign * np.abs(answers - numbers[taken][inside])
    return logged if nearer.mean() > nearer.std() / len(nearer) ** 0.5 else lesson
