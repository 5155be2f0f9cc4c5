"""Whether a model is better than a baseline by more than chance: a paired permutation test on the same rows.

Under the null hypothesis the two answers to a row could be exchanged, so each row's pair is swapped by a coin
(approximate randomisation: Noreen, 1989; Yeh, 2000). It holds for any metric over rows, corpus-level ones
included; for a share of right answers it is McNemar's test.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any

from p2m.evaluation.bootstrap import Units, draws
from p2m.types import ALPHA, Metric, merit

POWER = 0.9  # the chance that as many rows as are asked for will tell
RESAMPLES = 2000  # coins thrown for each row: p is known to 0.0005
ROUGH = 300  # resamples where a spread is enough
_EXACT = 1e-12


def swaps(
    metric: Metric,
    first: Sequence[str],
    second: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    seed: int,
    resamples: int = RESAMPLES,
    units: Units = None,
) -> tuple[float, float]:
    """One-sided p of `first` being better than `second`, and of its being worse; each above 0, at most 1.
    Rows of one of the `units` are swapped together.
    """
    import numpy as np

    rows = len(references)
    if not rows:
        return 1.0, 1.0
    one, two = both(metric, first, second, references)
    seen = _ahead(metric, one, two)
    differ = np.array([a != b for a, b in zip(first, second, strict=True)])
    generator = np.random.default_rng(seed)
    above = below = 1  # the arrangement that was seen is one of them
    coins = _coins(rows, units)
    for _ in range(resamples):
        swapped = coins(generator) & differ
        mask = swapped[:, None]
        difference = _ahead(metric, np.where(mask, two, one), np.where(mask, one, two))
        above += difference >= seen - _EXACT
        below += difference <= seen + _EXACT
    return above / (resamples + 1), below / (resamples + 1)


def standard_error(metric: Metric, one: Any, two: Any, units: Units = None) -> float:
    """Of the difference of the metric over two `both`: a bootstrap of their rows, or `units`, in pairs."""
    import numpy as np

    generator, draw = np.random.default_rng(0), draws(len(one), units)
    drawn = (draw(generator) for _ in range(ROUGH))
    return float(np.std([metric.value(one[each]) - metric.value(two[each]) for each in drawn]))


def needed_rows(
    metric: Metric,
    first: Sequence[str],
    second: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    seed: int,
    alpha: float = ALPHA,
    resamples: int = ROUGH,
    units: Units = None,
) -> int | None:
    """Rows that would tell a difference as large as the one seen; None where `first` is not better.

    By the normal approximation. How much the difference spreads under the null hypothesis and as it was seen
    comes from swaps and from a bootstrap, for of a metric that is no mean over rows no row has a gain.
    """
    import numpy as np

    rows = len(references)
    if not rows:
        return None
    one, two = both(metric, first, second, references)
    seen = _ahead(metric, one, two)
    if seen <= 0:
        return None
    generator = np.random.default_rng(seed)
    coins, draw = _coins(rows, units), draws(rows, units)
    swapped, drawn = [], []
    for _ in range(resamples):
        mask = coins(generator)[:, None]
        swapped.append(_ahead(metric, np.where(mask, two, one), np.where(mask, one, two)))
        picked = draw(generator)
        drawn.append(_ahead(metric, one[picked], two[picked]))
    normal = NormalDist()
    by_chance = max(float(np.sqrt(np.mean(np.square(swapped)))), 1 / rows)
    reach = normal.inv_cdf(1 - alpha) * by_chance + normal.inv_cdf(POWER) * float(np.std(drawn))
    return max(1, math.ceil(rows * (reach / seen) ** 2))


def _coins(rows: int, units: Units) -> Callable[[Any], Any]:
    """What throws a coin for each row with a generator, one for all rows of a unit."""
    if units is None:
        return lambda generator: generator.random(rows) < 0.5
    number = int(units.max()) + 1
    return lambda generator: (generator.random(number) < 0.5)[units]


def _ahead(metric: Metric, one: Any, two: Any) -> float:
    """By how much the first is better, of their statistics."""
    return merit(metric, metric.value(one)) - merit(metric, metric.value(two))


def both(
    metric: Metric, first: Sequence[str], second: Sequence[str], references: Sequence[Sequence[str]]
) -> tuple[Any, Any]:
    """Statistics of two sets of answers, made in one call: a metric may number labels as it meets them."""
    both = metric.statistics([*first, *second], [*references, *references])
    return both[: len(references)], both[len(references) :]
