"""How strongly a linear model may follow its rows: where their labels err, less.

One strength suits clean tables of any size. Of a table with a fifth of its labels wrong it learns the slips
by heart, and loses ten points to one that is held back. So rows that were not learnt from decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from p2m.students.dealing import dealt
from p2m.students.labels import given
from p2m.students.solver import Weights, narrowed
from p2m.types import Lesson, TaskType

STRENGTHS = (20.0, 4.0, 0.6)  # C of scikit-learn; the first suits rows without slips
_FEWEST = 200  # rows below which the others are not asked for: they would win by chance
_MOST = 600  # rows that are asked
_LABELS = 20  # the commonest, which tell of the others
_FOLDS = 3

Block = tuple[Any, float]  # features of rows and after them of labels' words, and how much their logits count
Solve = Callable[[Any, Lesson, float], Weights]


def chosen(parts: Sequence[Block], lesson: Lesson, solve: Solve) -> float:
    """The strength of all parts with which their logits together answer held-out rows best; the first, where
    none does so by more than a standard error (Breiman et al., 1984).
    """
    few = _sample(parts, lesson)
    if few is None or len(few[1].rows) < _FEWEST:
        return STRENGTHS[0]
    right = {strength: _right(*few, strength, solve) for strength in STRENGTHS}
    best = max(STRENGTHS[1:], key=lambda strength: right[strength].mean())
    ahead = right[best] - right[STRENGTHS[0]]
    return best if ahead.mean() > ahead.std() / len(ahead) ** 0.5 else STRENGTHS[0]


def _sample(parts: Sequence[Block], lesson: Lesson) -> tuple[list[Block], Lesson] | None:
    """At most so many rows of at most so many labels, with their features; None without two labels."""
    import numpy as np

    held = _held(lesson)
    labels = [label for label, _ in Counter(label for each in held for label in each).most_common(_LABELS)]
    if len(labels) < 2:
        return None
    by_label: dict[str, list[int]] = {}
    for number, each in enumerate(held):
        by_label.setdefault(next((label for label in each if label in labels), ""), []).append(number)
    by_label.pop("", None)
    share = min(1.0, _MOST / sum(map(len, by_label.values())))
    numbers = sorted(
        each[int(place)]
        for each in by_label.values()
        for place in np.linspace(0, len(each) - 1, max(1, round(share * len(each))))
    )
    words = [len(lesson.rows) + lesson.labels.index(label) for label in labels]
    few = replace(lesson, labels=tuple(labels), rows=tuple(lesson.rows[number] for number in numbers))
    found = []
    for features, counts in parts:
        taken = [*numbers, *(words if features.shape[0] > len(lesson.rows) else ())]
        found.append((narrowed(features[taken], len(labels))[0], counts))
    return found, few


def _held(lesson: Lesson) -> list[Sequence[str]]:
    """The labels of each row."""
    if lesson.task.type is TaskType.CLASSIFICATION:
        return [(row.output,) for row in lesson.rows]
    return [given(lesson.task, row.output) for row in lesson.rows]


def _right(parts: Sequence[Block], lesson: Lesson, strength: float, solve: Solve) -> Any:
    """Of each row's labels the share that is among as many likeliest ones, by a solution of the other folds;
    where every label counts alike, of rows of rare labels more.
    """
    import numpy as np

    held = [[label in each for label in lesson.labels] for each in map(set, _held(lesson))]
    truth, count = np.array(held), len(lesson.rows)
    folds = np.array(dealt(lesson.rows, _FOLDS, [row.output for row in lesson.rows]))
    logits = np.zeros(truth.shape)
    for fold in range(_FOLDS):
        outside, inside = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        rest = replace(lesson, rows=tuple(lesson.rows[number] for number in outside))
        for features, counts in parts:
            weights = solve(features[[*outside, *range(count, features.shape[0])]], rest, strength)
            logits[inside] += counts * (features[inside] @ weights.matrix + weights.bias)
    wanted = truth.sum(axis=1, keepdims=True)
    ranks = (-logits).argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    right = (truth & (ranks < wanted)).sum(axis=1) / np.maximum(wanted[:, 0], 1)
    if lesson.balanced:
        right = right * (truth / np.maximum(truth.mean(axis=0), 1 / count)).sum(axis=1) / len(lesson.labels)
    return right
