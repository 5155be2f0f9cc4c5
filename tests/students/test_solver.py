"""Few rows of many terms: what is solved in the space of the rows is what is solved over the terms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from p2m.students.solver import narrowed, solved, solved_sets

LABELS = ("a", "b", "c", "d")


def terms(rows: int, width: int, seed: int) -> Any:
    """Non-negative rows of which some are alike and one has no term."""
    made = np.random.default_rng(seed).poisson(0.3, (rows, width)).astype(np.float64)
    made[rows // 2] = made[0]
    made[-1] = 0
    return csr_matrix(made)


@settings(max_examples=20)
@given(
    rows=st.integers(8, 28), width=st.integers(100, 140), labels=st.integers(2, 4), seed=st.integers(0, 99),
    balanced=st.booleans(),
)  # fmt: skip
def test_the_regression_is_that_of_scikit_learn_over_the_terms(
    rows: int, width: int, labels: int, seed: int, balanced: bool
) -> None:
    features, known = terms(rows, width, seed), LABELS[:labels]
    answers = [known[number % labels] for number in range(rows)]
    weights = np.random.default_rng(seed).uniform(0.5, 2, rows).tolist()
    assert not hasattr(narrowed(features, labels)[0], "tocsr"), "the space of the rows was not taken"
    found = solved(features, answers, known, strength=0.5, balanced=balanced, weights=weights)
    model = LogisticRegression(C=0.5, max_iter=1000, class_weight="balanced" if balanced else None)
    model.fit(features, answers, sample_weight=weights)
    said = np.asarray(features @ found.matrix + found.bias)
    wanted = model.decision_function(features)
    if labels == 2:
        said, wanted = said[:, 1] - said[:, 0], wanted.ravel()
    assert said == pytest.approx(wanted, abs=0.1)


def test_each_label_of_a_set_is_solved_as_without_the_space_of_rows() -> None:
    features = terms(30, 80, 1)
    answers = [
        tuple(label for place, label in enumerate(LABELS) if number >> place & 1) for number in range(30)
    ]
    found = solved_sets(features, answers, LABELS, strength=3.0, balanced=False)
    for column, label in enumerate(LABELS):
        model = LogisticRegression(C=3.0, max_iter=1000).fit(features, [label in each for each in answers])
        assert features @ found.matrix[:, column] + found.bias[column] == pytest.approx(
            model.decision_function(features), abs=0.1
        )


def test_of_many_rows_or_few_columns_the_terms_stay_as_they_are() -> None:
    for features, columns in ((terms(60, 40, 0), 4), (terms(80, 100, 0), 1), (csr_matrix((5, 50)), 4)):
        assert narrowed(features, columns)[0] is features
