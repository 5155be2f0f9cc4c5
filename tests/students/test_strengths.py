"""How strongly a linear student follows its rows is decided by rows that it has not learnt from."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import LABELS
from scipy.sparse import csr_matrix

from p2m.deploy.serving.shapes import write_labels
from p2m.students import linear
from p2m.students.solver import Weights
from p2m.students.strengths import STRENGTHS, chosen
from p2m.types import Example, Lesson, TaskType

NAMES = tuple(f"label {number}" for number in range(5))
SOFT = np.random.default_rng(1).normal(size=(len(NAMES), 60))  # what each label looks like


def table(rows: int, wrong: float, seed: int = 0, balanced: bool = False) -> tuple[Any, Lesson, list[str]]:
    """Features of rows, a lesson in which so large a share of labels is wrong, and the right ones."""
    noise, lot = np.random.default_rng(seed), random.Random(seed)
    right = [lot.choice(NAMES) for _ in range(rows)]
    features = np.array([SOFT[NAMES.index(each)] for each in right]) + 2 * noise.normal(size=(rows, 60))
    told = [lot.choice([name for name in NAMES if name != each]) if lot.random() < wrong else each
            for each in right]  # fmt: skip
    examples = tuple(Example({"text": str(number)}, each) for number, each in enumerate(told))
    task = replace(LABELS, labels=NAMES)
    return features / 20, Lesson(task, NAMES, examples, None, None, balanced), right


def accuracy(weights: Weights, features: Any, right: Sequence[str]) -> float:
    said = (features @ weights.matrix + weights.bias).argmax(axis=1)
    return float(np.mean([NAMES[place] == each for place, each in zip(said, right, strict=True)]))


def solved(features: Any, lesson: Lesson, strength: float | None) -> Weights:
    return linear.fitted([(features, 1.0)], lesson, strength=strength, label_weight=0.0)[1][0]


def picked(features: Any, lesson: Lesson) -> float:
    def solve(features: Any, lesson: Lesson, strength: float) -> Weights:
        return linear.logistic(features, lesson, strength=strength, label_weight=0.0)

    return chosen([(features, 1.0)], lesson, solve)


@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("form", [np.asarray, csr_matrix])
def test_of_a_table_with_wrong_labels_less_is_learnt_by_heart_and_more_is_right(
    form: Any, balanced: bool
) -> None:
    features, lesson, _ = table(600, 0.3, balanced=balanced)
    asked, _, right = table(1000, 0.0, seed=1)
    assert picked(form(features), lesson) < STRENGTHS[0]
    said = {
        strength: accuracy(solved(form(features), lesson, strength), asked, right)
        for strength in (STRENGTHS[0], None)
    }
    assert said[None] > said[STRENGTHS[0]] + 0.05


def test_a_clean_table_a_small_one_and_one_label_keep_the_first() -> None:
    _, lesson, right = table(600, 0.0)
    clean = np.eye(len(NAMES))[[NAMES.index(each) for each in right]]
    assert picked(clean, lesson) == STRENGTHS[0]
    few, small, _ = table(150, 0.3)
    assert picked(few, small) == STRENGTHS[0], "by so few rows another would win by chance"
    alone = replace(lesson, rows=tuple(replace(row, output=NAMES[0]) for row in lesson.rows))
    assert picked(clean, alone) == STRENGTHS[0]


def test_a_strength_that_the_recipe_gives_is_taken_as_it_is() -> None:
    features, lesson, _ = table(300, 0.3)
    given = solved(features, lesson, 7.0)
    plain = linear.logistic(features, lesson, strength=7.0, label_weight=0.0)
    assert np.array_equal(given.matrix, plain.matrix)


def test_of_several_labels_a_row_the_shares_that_are_right_decide_and_labels_words_stay_in_every_fold() -> (
    None
):
    features, lesson, _ = table(600, 0.3)
    task = replace(LABELS, type=TaskType.MULTI_LABEL, labels=NAMES)
    rows = tuple(replace(row, output=write_labels([row.output])) for row in lesson.rows)
    words = np.vstack([features, SOFT / 20])
    assert picked(words, replace(lesson, task=task, rows=rows)) < STRENGTHS[0]
    assert picked(words, lesson) < STRENGTHS[0]
    asked, _, right = table(1000, 0.0, seed=1)
    assert accuracy(solved(words, lesson, None), asked, right) > accuracy(
        solved(words, lesson, 20.0), asked, right
    )
