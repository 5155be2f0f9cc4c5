"""Logistic and ridge regression over features, for linear students and the first weights of tuned heads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

MANY_ROWS = 2000  # from here on a term must stand in two rows, and of terms the solver is content sooner
PENALTIES = (1e-4, 1e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # on the weights of numbers from 0 to 1
UNSEEN = -1e4  # logit of a label without a row to learn from


@dataclass(frozen=True, slots=True)
class Weights:
    """A linear map of features to labels, or to a number: `matrix` (features, columns), `bias` (columns,)."""

    matrix: Any
    bias: Any


def solved(
    features: Any, answers: Sequence[str], labels: Sequence[str], *, strength: float, balanced: bool,
    weights: Sequence[float] | None = None,
) -> Weights:  # fmt: skip
    """Multinomial logistic regression, L2 of weight 1 / `strength`, over (rows, features).

    `balanced` weighs every label alike, however rare; `weights` are of the rows.
    """
    import numpy as np
    from scipy.sparse import issparse
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    place = {label: number for number, label in enumerate(labels)}
    matrix = np.zeros((features.shape[1], len(place)))
    bias = np.full(len(place), UNSEEN)
    known = sorted(set(answers))
    if len(known) < 2:
        bias[[place[label] for label in known]] = 0.0
        return Weights(matrix, bias)
    features, widened = narrowed(features, len(known))
    # Over embeddings a tenth of the tolerance takes seconds, and is worth two points of 77 labels.
    hasty = issparse(features) and len(answers) >= MANY_ROWS
    model = LogisticRegression(
        C=strength, max_iter=200 if hasty else 1000, tol=1e-3 if hasty else 1e-4,
        class_weight="balanced" if balanced else None,
    )  # fmt: skip
    with threadpool_limits(1):  # sums in another order would give other bytes
        model.fit(features, list(answers), sample_weight=weights)
    columns = [place[label] for label in model.classes_]
    coefficients = widened(model.coef_.T)
    if len(columns) == 2:  # one column tells two labels apart
        matrix[:, columns[1]] = coefficients[:, 0]
        bias[columns[0]], bias[columns[1]] = 0.0, model.intercept_[0]
    else:
        matrix[:, columns] = coefficients
        bias[columns] = model.intercept_
    return Weights(matrix, bias)


def solved_sets(
    features: Any, answers: Sequence[Sequence[str]], labels: Sequence[str], *, strength: float,
    balanced: bool, weights: Sequence[float] | None = None,
) -> Weights:  # fmt: skip
    """A logistic regression of each label against its absence, as `solved` has it."""
    import numpy as np

    features, widened = narrowed(features, len(labels))
    matrix = np.zeros((features.shape[1], len(labels)))
    bias = np.full(len(labels), UNSEEN)
    for column, label in enumerate(labels):
        held = [label in given for given in answers]
        if all(held):
            bias[column] = -UNSEEN
        elif any(held):
            one = solved(features, ["+" if each else "-" for each in held], ("-", "+"), strength=strength,
                         balanced=balanced, weights=weights)  # fmt: skip
            matrix[:, column], bias[column] = one.matrix[:, 1] - one.matrix[:, 0], one.bias[1] - one.bias[0]
    return Weights(widened(matrix), bias)


def narrowed(features: Any, columns: int) -> tuple[Any, Callable[[Any], Any]]:
    """Features that a solver with an L2 penalty learns the same from, and what takes its weights back.

    Where a table has more terms than rows, what is learnt lies in the space of the rows: over their
    coordinates there, (rows, rank), the very same regression is solved in a fraction of the time (Hastie and
    Tibshirani, 2004, Efficient quadratic regularization for expression arrays). Left as they are where
    finding that space would take longer than it saves.
    """
    import numpy as np
    from scipy.sparse import issparse
    from threadpoolctl import threadpool_limits

    rows, width = features.shape
    if not issparse(features) or not features.nnz or rows >= width or 4 * width * columns < rows**2:
        return features, lambda weights: weights
    with threadpool_limits(1):
        squares, axes = np.linalg.eigh((features @ features.T).toarray())
        known = squares > squares[-1] * 1e-10
        lengths, axes = np.sqrt(squares[known]), axes[:, known]
        return axes * lengths, lambda weights: features.T @ (axes / lengths @ weights)


def ridge(features: Any, numbers: Any, *, strength: float, folds: Sequence[int] = ()) -> Weights:
    """Least squares with an L2 penalty on all but the intercept (Hoerl and Kennard, 1970).

    The penalty is the one that does best where each row is left out in turn, a closed form, or, of rows that
    belong together, each of their `folds`; of many rows of terms, where that takes long, the inverse of
    `strength`.
    """
    import numpy as np
    from scipy.sparse import issparse
    from sklearn.linear_model import Ridge, RidgeCV
    from sklearn.model_selection import PredefinedSplit
    from threadpoolctl import threadpool_limits

    hasty = issparse(features) and features.shape[0] > MANY_ROWS
    left_out = PredefinedSplit(folds) if len(set(folds)) > 1 else None
    model = Ridge(alpha=1 / strength) if hasty else RidgeCV(alphas=PENALTIES, cv=left_out)
    with threadpool_limits(1):
        model.fit(features, np.asarray(numbers, dtype=np.float64))
    return Weights(np.asarray(model.coef_).reshape(-1, 1), np.atleast_1d(model.intercept_))
