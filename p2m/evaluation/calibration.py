"""How far scores can be relied on: how often answers of a score are right, and which to abstain from.

A score's log-odds are fitted to rows that were held out by a logistic curve (Platt, 1999), which is
temperature scaling (Guo et al., 2017, arXiv 1706.04599) with an offset, for every kind of answer has one
score and not every kind has logits. The least score of a wanted precision is the lowest at which the mean
calibrated score of all that are as sure reaches it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import NormalDist
from typing import Any

from p2m.deploy.serving.settings import Settings
from p2m.deploy.serving.sureness import calibrated
from p2m.types import Coverage

FEWEST = 50  # rows that tell how often answers of a score are right
_ANSWERED = 20  # rows at least that a precision rests on
_BINS = 15
_STEEPEST = 20.0  # slope


def fitted(scores: Sequence[float], correct: Sequence[float]) -> tuple[float, float] | None:
    """Slope and offset of the log-odds; None of too few rows, or where surer answers are not righter.

    `correct` is how right each answer is, 0 to 1. Targets are drawn in by one row each way, as Platt does.
    """
    import numpy as np
    from scipy.optimize import brentq
    from scipy.special import expit
    from sklearn.linear_model import LogisticRegression

    if len(scores) < FEWEST or min(scores) == max(scores):
        return None
    odds, right = _log_odds(scores), np.asarray(correct, dtype=np.float64)
    if right.min() == 1:  # no wrong answer tells how steep the curve is: the score's own odds, moved
        wanted = (len(right) + 1) / (len(right) + 2)
        return 1.0, float(brentq(lambda by: float(expit(odds + by).mean()) - wanted, -50, 50))
    high, low = (right.sum() + 1) / (right.sum() + 2), 1 / (len(right) - right.sum() + 2)
    target = right * high + (1 - right) * low
    model = LogisticRegression(C=1e4, max_iter=1000)
    model.fit(np.r_[odds, odds][:, None], np.repeat([1, 0], len(odds)), np.r_[target, 1 - target])
    slope, offset = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope <= 0:
        return None
    less = min(1.0, _STEEPEST / slope)  # of both, so that the score where half are right stays
    return slope * less, offset * less


def least_scores(settings: Settings, scores: Sequence[float], wanted: Sequence[float]) -> Settings:
    """The settings with the least calibrated score that gives each wanted precision, None where none does."""
    import numpy as np

    found = np.sort([calibrated(score, settings) for score in scores])[::-1]
    means = np.cumsum(found) / np.arange(1, len(found) + 1)
    ends = np.flatnonzero(np.append(found[:-1] > found[1:], True))  # rows of one score go together
    ends = ends[ends >= _ANSWERED - 1]
    least: list[tuple[float, float | None]] = []
    for share in wanted:
        enough = ends[means[ends] >= share]
        if not len(enough):
            least.append((share, None))
        elif enough[-1] == len(found) - 1:
            least.append((share, 0.0))
        else:
            least.append((share, math.floor(found[enough[-1]] * 1e6) / 1e6))
    return replace(settings, precisions=tuple(least))


def expected_error(scores: Sequence[float], correct: Sequence[float]) -> float:
    """Expected calibration error over equal bins of the score (Naeini et al., 2015)."""
    import numpy as np

    sure, right = np.asarray(scores), np.asarray(correct)
    places = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    inside = [places == place for place in range(_BINS)]
    return float(sum(abs(sure[each].sum() - right[each].sum()) for each in inside) / max(1, len(sure)))


def covered(wanted: float, answered: Sequence[bool], correct: Sequence[float]) -> Coverage:
    """How many rows are answered, and how right these answers are, with a 95% interval (Wilson, 1927)."""
    given = [right for right, is_given in zip(correct, answered, strict=True) if is_given]
    share = len(given) / max(1, len(answered))
    if not given:
        return Coverage(wanted, 0.0, 0.0, 0.0, 1.0, 0)
    mean = sum(given) / len(given)
    low, high = wilson(mean, len(given), NormalDist().inv_cdf(0.975))
    return Coverage(wanted, share, mean, low, high, len(given))


def wilson(mean: float, rows: int, z: float) -> tuple[float, float]:
    """The interval of a share that was seen in so many rows, `z` standard errors wide each way."""
    middle = (mean + z * z / (2 * rows)) / (1 + z * z / rows)
    reach = z * math.sqrt(max(0.0, mean * (1 - mean)) / rows + z * z / (4 * rows * rows)) / (1 + z * z / rows)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _log_odds(scores: Sequence[float]) -> Any:
    import numpy as np

    inner = np.clip(np.asarray(scores, dtype=np.float64), 1e-6, 1 - 1e-6)
    return np.log(inner / (1 - inner))
