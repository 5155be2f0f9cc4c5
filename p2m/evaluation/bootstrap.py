"""How sure a figure is: percentile bootstrap intervals over a metric's per-row statistics (Efron, 1979)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any

from p2m.evaluation.calibration import wilson
from p2m.types import Example, Metric, Score

_EXACT = 1e-12
Units = Any  # (rows,): the number of each row's group, from 0; None: every row stands for itself


def units_of(rows: Sequence[Example]) -> Units:
    """Which rows are drawn together: those of one group that the user's own column tells, for they are alike
    in what makes them hard, and so say less than as many rows of their own.
    """
    import numpy as np

    if not any(row.is_grouped for row in rows):
        return None
    names = [row.group if row.is_grouped else f"\0{number}" for number, row in enumerate(rows)]
    return np.unique(names, return_inverse=True)[1]


def draws(rows: int, units: Units = None) -> Callable[[Any], Any]:
    """What draws as many rows as there are with a generator, with replacement; of `units` as many units, each
    whole (the cluster bootstrap: Field and Welsh, 2007).
    """
    import numpy as np

    if units is None:
        return lambda generator: generator.integers(0, rows, rows)
    order, ends = np.argsort(units, kind="stable"), np.cumsum(np.bincount(units))[:-1]
    members = np.split(order, ends)

    def draw(generator: Any) -> Any:
        return np.concatenate([members[n] for n in generator.integers(0, len(members), len(members))])

    return draw


def interval(
    metric: Metric, statistics: Any, *, resamples: int, seed: int, units: Units = None
) -> tuple[float, float]:
    """The central 95% of the metric over `resamples` draws of as many rows or `units`, with replacement.

    Statistics are (rows, k); rows are drawn, never the values computed from them, so a corpus-level metric is
    resampled exactly. With no resample the interval is the value itself. Two metrics of one seed see the same
    draws, so their intervals are comparable. Rows that are all as right as each other leave a draw nothing to
    show: see `_alike`.
    """
    import numpy as np

    value = metric.value(statistics)
    if resamples < 1 or len(statistics) == 0:
        return value, value
    generator, draw = np.random.default_rng(seed), draws(len(statistics), units)
    values = [metric.value(statistics[draw(generator)]) for _ in range(resamples)]
    low, high = np.quantile(values, (0.025, 0.975))
    is_share = 0.0 <= value <= 1.0 and not getattr(metric, "lower_is_better", False)
    if is_share and high - low < _EXACT:
        return _alike(value, len(statistics) if units is None else len(set(units.tolist())))
    return min(float(low), value), max(float(high), value)


def _alike(value: float, rows: int) -> tuple[float, float]:
    """The interval of a value that every one of so many rows has: others may be wholly right or wrong, as
    often as leaves a fair chance of having seen none (Wilson, 1927).
    """
    sure, _ = wilson(1.0, rows, NormalDist().inv_cdf(0.975))
    return value * sure, value + (1.0 - value) * (1.0 - sure)


def scored(
    metric: Metric,
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    value: float | None = None,
    resamples: int,
    seed: int,
    units: Units = None,
) -> Score:
    """`value` of the metric, as it is reported (None: as its statistics have it), with the interval from
    them.
    """
    statistics = metric.statistics(predictions, references)
    value = metric.value(statistics) if value is None else value
    low, high = interval(metric, statistics, resamples=resamples, seed=seed, units=units)
    turned = bool(getattr(metric, "lower_is_better", False))
    return Score(metric.name, value, low, high, rows=len(predictions), lower_is_better=turned)
