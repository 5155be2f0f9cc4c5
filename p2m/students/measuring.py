"""Which measures a linear model has of the numbers and choices of its rows.

Weights over them are an additive model. Two numbers that act together, as an area and a rate do, it misses,
so products of the strongest ones stand beside them where rows that were not learnt from bear these out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any

from p2m.deploy.serving.measures import RANGE, Measure, Measures
from p2m.deploy.serving.rows import number_of
from p2m.students.dealing import dealt
from p2m.students.labels import aimed, scale_of
from p2m.students.solver import Weights
from p2m.types import Example, Lesson, TaskType

STRETCHES = 8  # of a number, at most: each has as many rows as the others
_STRONGEST = 5  # numbers whose products are tried
_FEWEST, _MOST = 100, 1000  # rows from which products are tried, and by which at most
_FOLDS = 3
_AHEAD = 1.64  # standard errors by which they must be better: once in twenty by chance

Solve = Callable[[Any, Lesson], Weights]


def measures_of(lesson: Lesson, solve: Solve) -> list[Measure]:
    """The values of each choice that stand in two rows; of each number the stretches between quantiles,
    all of them as one, and that there is none; and products of numbers, where they help.
    """
    found = _alone(lesson)
    return found + _products(lesson, found, solve)


def measured_by(measures: Sequence[Measure], rows: Sequence[Example], height: int) -> Any:
    """(height, measures), sparse; lines behind the rows', which are the labels' words, have none."""
    from scipy.sparse import csr_matrix

    reader = Measures(measures)
    found = [reader.of(row.input) for row in rows]
    at = [row for row, (places, _) in enumerate(found) for _ in places]
    places = [place for each, _ in found for place in each]
    values = [value for _, each in found for value in each]
    return csr_matrix((values, (at, places)), shape=(height, len(measures)))


def _alone(lesson: Lesson) -> list[Measure]:
    """The measures of one field each."""
    import numpy as np

    found: list[Measure] = []
    for name in (*lesson.task.choices, *lesson.task.numbers):
        counts = Counter(row.input[name].strip() for row in lesson.rows)
        known = sorted(value for value, count in counts.items() if count > 1)
        found += [[name, value] for value in known if not value or name in lesson.task.choices]
    for name in lesson.task.numbers:
        if values := _numbers(lesson, name):
            knots = np.unique(np.quantile(values, np.linspace(0, 1, STRETCHES + 1))).tolist()
            found += [[name, low, high] for low, high in pairwise(knots)]
            if len(knots) > 2:
                found.append([name, knots[0], knots[-1], RANGE])
    return found


def _numbers(lesson: Lesson, name: str) -> list[float]:
    return [number for row in lesson.rows if (number := number_of(row.input[name])) is not None]


def _products(lesson: Lesson, alone: Sequence[Measure], solve: Solve) -> list[Measure]:
    """Of every two of the strongest numbers the product; none where held-out rows are answered no better, or
    not by more than chance.
    """
    import numpy as np

    is_one = lesson.task.type in (TaskType.CLASSIFICATION, TaskType.REGRESSION)
    rows = lesson.rows[:: max(1, -(-len(lesson.rows) // _MOST))]
    if not is_one or len(rows) < _FEWEST or len(lesson.task.numbers) < 2:
        return []
    few = replace(lesson, rows=rows)
    pairs = _pairs(few, alone, solve)
    strata = [row.output for row in rows] if lesson.task.type is TaskType.CLASSIFICATION else ()
    folds, gains = np.array(dealt(rows, _FOLDS, strata)), np.zeros(len(rows))
    for fold in range(_FOLDS):
        outside, inside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        rest = replace(few, rows=tuple(rows[place] for place in outside))
        if not len(inside) or len({row.output for row in rest.rows}) < 2:
            return []
        single = _alone(rest)
        features = measured_by([*single, *pairs], rows, len(rows))
        for width, sign in ((len(single), -1), (features.shape[1], 1)):
            weights = solve(features[outside, :width], rest)
            said = features[inside, :width] @ weights.matrix + weights.bias
            gains[inside] += sign * _worth(few, [rows[place] for place in inside], said)
    return pairs if gains.mean() > _AHEAD * gains.std() / len(gains) ** 0.5 else []


def _pairs(lesson: Lesson, alone: Sequence[Measure], solve: Solve) -> list[Measure]:
    """The product of every two of the numbers by which answers differ most, each over all of its range."""
    spread = dict.fromkeys(lesson.task.numbers, 0.0)
    if len(spread) > _STRONGEST:
        features = measured_by(alone, lesson.rows, len(lesson.rows))
        weights = solve(features, lesson).matrix
        for name in spread:
            places = [place for place, each in enumerate(alone) if each[0] == name]
            spread[name] = float((features[:, places] @ weights[places]).std(axis=0).max())
    strongest = sorted(spread, key=lambda name: -spread[name])[:_STRONGEST]
    ends = {name: (min(values), max(values)) for name in strongest if (values := _numbers(lesson, name))}
    wide = [[name, low, high] for name, (low, high) in ends.items() if low < high]
    return [[*one, *other] for one, other in combinations(wide, 2)]


def _worth(lesson: Lesson, rows: Sequence[Example], said: Any) -> Any:
    """(rows,): how good the answers are: log-likelihood of labels, squared error of numbers below 0."""
    import numpy as np

    if lesson.task.type is TaskType.REGRESSION:
        scale = scale_of(lesson.task, lesson.labels)
        return -((said[:, 0] - [aimed(row, scale) for row in rows]) ** 2)
    places = [lesson.labels.index(row.output) for row in rows]
    return said[np.arange(len(rows)), places] - np.logaddexp.reduce(said, axis=1)
