"""Class weights."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from p2m.training.loss import balanced_weights


def test_weights_are_those_of_scikit_learn() -> None:
    import numpy as np
    from sklearn.utils.class_weight import compute_class_weight

    answers = [0, 0, 0, 0, 1, 1, 2]
    known = compute_class_weight("balanced", classes=np.arange(3), y=np.array(answers))
    assert np.allclose(balanced_weights(answers, 3), known)
    assert balanced_weights(answers, 4)[3] == 1.0, "a label without a row"


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60))
def test_the_average_row_counts_one(answers: list[int]) -> None:
    weights = balanced_weights(answers, 6)
    assert abs(sum(weights[answer] for answer in answers) / len(answers) - 1.0) < 1e-9
