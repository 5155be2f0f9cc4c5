"""Calibrated scores are shares of right answers, and a precision is what its least score gives."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2m.deploy.serving.settings import Settings
from p2m.deploy.serving.sureness import calibrated, uncalibrated
from p2m.evaluation.calibration import FEWEST, covered, expected_error, fitted, least_scores

PLAIN = Settings("classification", ("text",), labels=("a", "b"))


def rows(count: int, seed: int, slope: float, offset: float) -> tuple[list[float], list[float]]:
    """Scores, and whether answers are right, as often as a curve over the scores' log-odds says."""
    random = np.random.default_rng(seed)
    odds = random.normal(0, 1.5, count)
    right = random.random(count) < 1 / (1 + np.exp(-(slope * odds + offset)))
    return (1 / (1 + np.exp(-odds))).tolist(), right.astype(float).tolist()


def told(scores: list[float], right: list[float], *wanted: float) -> Settings:
    fit = fitted(scores, right)
    assert fit is not None
    return least_scores(Settings("classification", ("text",), calibration=fit), scores, wanted)


@pytest.mark.parametrize(("slope", "offset"), [(1.0, 0.0), (2.5, 2.0), (0.4, 0.5)])
def test_scores_of_rows_that_were_not_fitted_to_say_how_often_they_are_right(
    slope: float, offset: float
) -> None:
    scores, right = rows(3000, 1, slope, offset)
    settings = told(scores, right, 0.8, 0.9, 0.95)
    others, truth = rows(20_000, 2, slope, offset)
    sure = [calibrated(each, settings) for each in others]
    assert expected_error(sure, truth) < 0.03
    if (slope, offset) != (1.0, 0.0):
        assert expected_error(others, truth) > 0.05
    shares = []
    for wanted, least in settings.precisions:
        if least is None:
            continue
        found = covered(wanted, [each >= least for each in sure], truth)
        assert found.precision == pytest.approx(wanted, abs=0.02)
        assert found.low <= found.precision <= found.high
        shares.append(found.share)
    assert shares
    assert shares == sorted(shares, reverse=True)


def test_few_rows_and_scores_that_tell_nothing_are_left_as_they_are() -> None:
    scores, right = rows(FEWEST - 1, 0, 1.0, 0.0)
    assert fitted(scores, right) is None
    assert fitted([0.7] * 100, [1.0, 0.0] * 50) is None
    scores, right = rows(400, 0, 3.0, 0.0)
    assert fitted(scores, [1 - each for each in right]) is None  # the surer, the oftener wrong


def test_the_steepest_curve_still_tells_right_answers_from_wrong_ones() -> None:
    settings = told([0.60] * 200 + [0.61] * 200, [0.0] * 200 + [1.0] * 200, 0.5)
    assert settings.calibration is not None
    assert settings.calibration[0] == pytest.approx(20)
    low, high = (calibrated(score, settings) for score in (0.60, 0.61))
    assert low < 0.5 < high


def test_where_no_answer_was_wrong_an_unsure_one_is_still_less_sure_than_a_sure_one() -> None:
    lot = random.Random(5)
    scores = [lot.uniform(0.7, 0.99) for _ in range(80)]
    found = fitted(scores, [1.0] * 80)
    assert found is not None
    settings_ = Settings("linear", ("text",), labels=("a", "b"), calibration=found)
    told = [calibrated(score, settings_) for score in scores]
    assert sum(told) / 80 == pytest.approx(81 / 82, abs=1e-6)  # one row drawn in
    assert calibrated(0.5, settings_) < min(told)
    assert calibrated(0.0, settings_) == 0.0  # of which nothing is known


def test_what_is_always_right_is_abstained_from_nowhere_and_what_never_is_has_no_score() -> None:
    scores, right = rows(500, 3, 2.0, 6.0)
    assert dict(told(scores, right, 0.9).precisions) == {0.9: 0.0}
    scores, right = rows(500, 3, 0.5, -3.0)
    assert dict(told(scores, right, 0.99).precisions) == {0.99: None}


@given(
    st.floats(0, 1), st.floats(0, 1), st.floats(0.05, 20), st.floats(-8, 8)
)  # fmt: skip
def test_calibration_keeps_the_order_and_can_be_undone(
    one: float, two: float, slope: float, offset: float
) -> None:
    settings = Settings("span", ("text",), calibration=(slope, offset))
    first, second = calibrated(min(one, two), settings), calibrated(max(one, two), settings)
    assert 0 <= first <= second <= 1
    assert calibrated(uncalibrated(first, settings), settings) == pytest.approx(first, abs=1e-4)
    assert calibrated(one, PLAIN) == one == uncalibrated(one, PLAIN)


def test_a_share_of_no_row_is_unknown() -> None:
    found = covered(0.95, [False] * 40, [1.0] * 40)
    assert (found.share, found.rows, found.low, found.high) == (0.0, 0, 0.0, 1.0)
