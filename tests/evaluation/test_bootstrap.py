"""Bootstrap intervals: right on a known case, repeatable, and around the value."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2m.evaluation.bootstrap import interval, scored
from p2m.metrics.exact_match import ExactMatch

METRIC = ExactMatch()


def column(right: int, rows: int) -> np.ndarray:
    return np.array([1.0] * right + [0.0] * (rows - right)).reshape(-1, 1)


def test_the_interval_of_a_share_is_that_of_the_normal_approximation() -> None:
    low, high = interval(METRIC, column(300, 1000), resamples=4000, seed=1)
    half = 1.96 * (0.3 * 0.7 / 1000) ** 0.5
    assert low == pytest.approx(0.3 - half, abs=0.003)
    assert high == pytest.approx(0.3 + half, abs=0.003)


def test_the_seed_decides_the_interval() -> None:
    rows = column(37, 120)
    assert interval(METRIC, rows, resamples=200, seed=5) == interval(METRIC, rows, resamples=200, seed=5)
    assert interval(METRIC, rows, resamples=200, seed=5) != interval(METRIC, rows, resamples=200, seed=6)


@settings(max_examples=50, deadline=None)
@given(rows=st.integers(1, 80), share=st.floats(0, 1), seed=st.integers(0, 9))
def test_the_value_lies_in_its_interval(rows: int, share: float, seed: int) -> None:
    statistics = column(round(share * rows), rows)
    low, high = interval(METRIC, statistics, resamples=50, seed=seed)
    assert 0.0 <= low <= METRIC.value(statistics) <= high <= 1.0


def test_rows_that_are_all_right_or_all_wrong_leave_a_doubt() -> None:
    low, high = interval(METRIC, column(60, 60), resamples=200, seed=0)
    assert (round(low, 2), high) == (0.94, 1.0)
    assert interval(METRIC, column(0, 60), resamples=200, seed=0) == pytest.approx((0.0, 0.06), abs=0.001)
    few, _ = interval(METRIC, column(60, 60), resamples=200, seed=0, units=np.arange(60) // 10)
    assert few == pytest.approx(0.61, abs=0.005)
    halves = np.full((60, 1), 0.5)
    assert interval(METRIC, halves, resamples=200, seed=0) == pytest.approx((0.47, 0.53), abs=0.001)


def test_without_resamples_or_rows_the_interval_is_a_point() -> None:
    assert interval(METRIC, column(1, 4), resamples=0, seed=0) == (0.25, 0.25)
    assert interval(METRIC, column(0, 0), resamples=50, seed=0) == (0.0, 0.0)


def test_a_judged_metric_carries_value_interval_and_rows() -> None:
    score = scored(METRIC, ["a1", "b"], [["a1"], ["c"]], value=0.5, resamples=100, seed=0)
    assert (score.metric, score.value, score.rows) == ("exact_match", 0.5, 2)
    assert score.low == 0.0
    assert score.high == 1.0
