"""How sure a figure is: percentile bootstrap intervals over a metric's per-row statistics (Efron, 1979)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from p2m.types import Metric, Score


def interval(metric: Metric, statistics: Any, *, resamples: int, seed: int) -> tuple[float, float]:
    """The central 95% of the metric over `resamples` draws of as many rows, with replacement.

    Statistics are (rows, k); rows are drawn, never the values computed from them, so a corpus-level metric is
    resampled exactly. With no resample the interval is the value itself. Two metrics of one seed see the same
    draws, so their intervals are comparable.
    """
    import numpy as np

    value = metric.value(statistics)
    if resamples < 1 or len(statistics) == 0:
        return value, value
    generator = np.random.default_rng(seed)
    rows = len(statistics)
    values = [metric.value(statistics[generator.integers(0, rows, rows)]) for _ in range(resamples)]
    low, high = np.quantile(values, (0.025, 0.975))
    return min(float(low), value), max(float(high), value)


def scored(
    metric: Metric,
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    value: float | None = None,
    resamples: int,
    seed: int,
) -> Score:
    """`value` of the metric, as it is reported (None: as its statistics have it), with the interval from
    them.
    """
    statistics = metric.statistics(predictions, references)
    value = metric.value(statistics) if value is None else value
    low, high = interval(metric, statistics, resamples=resamples, seed=seed)
    turned = bool(getattr(metric, "lower_is_better", False))
    return Score(metric.name, value, low, high, rows=len(predictions), lower_is_better=turned)
