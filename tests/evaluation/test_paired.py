"""Model and teacher beside each other: intervals of pairs, whatever the metric and whatever was answered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2m.evaluation.base import beside, matched
from p2m.metrics.accuracy import Accuracy
from p2m.metrics.macro_f1 import MacroF1
from p2m.metrics.token_f1 import TokenF1
from p2m.types import Beside, Examined, Example, Metric

METRICS = (Accuracy(), MacroF1(), TokenF1())
ANSWERS = st.sampled_from(["red", "green", "green red", ""])
ROWS = st.lists(st.tuples(ANSWERS, ANSWERS, st.sampled_from(["red", "green"])), min_size=1, max_size=40)


def compared(metric: Metric, rows: Any, seed: int = 0, resamples: int = 60) -> Beside:
    examples = [Example({"text": f"row {n}"}, right) for n, (_, _, right) in enumerate(rows)]
    examined = Examined("t", tuple(row.input for row in examples), tuple(second for _, second, _ in rows))
    said = [first for first, _, _ in rows]
    found = beside(examined, metric, said, examples, resamples=resamples, seed=seed)
    assert found is not None
    return found


@settings(max_examples=40)
@given(rows=ROWS, metric=st.sampled_from(METRICS), seed=st.integers(0, 9))
def test_intervals_hold_their_figures_and_figures_agree(rows: Any, metric: Metric, seed: int) -> None:
    found = compared(metric, rows, seed)
    apart = found.difference
    assert apart.low <= apart.value <= apart.high
    assert apart.value == pytest.approx(found.student - found.value)
    assert 0 < found.better <= 1
    assert 0 < found.worse <= 1
    if found.ratio is not None:
        assert found.ratio.low <= found.ratio.value <= found.ratio.high < float("inf")
        assert found.ratio.value * found.value == pytest.approx(found.student)
    else:  # so little is right that some resamples have nothing of it
        assert sum(metric.value(metric.statistics([said], [[right]])) > 0 for _, said, right in rows) < 9


@settings(max_examples=40)
@given(rows=ROWS, metric=st.sampled_from(METRICS))
def test_equal_answers_make_no_difference_and_a_ratio_of_one(rows: Any, metric: Metric) -> None:
    found = compared(metric, [(first, first, right) for first, _, right in rows])
    assert (found.difference.value, found.difference.low, found.difference.high) == (0.0, 0.0, 0.0)
    assert found.better == found.worse == 1.0
    if found.ratio is not None:
        assert (found.ratio.value, found.ratio.low, found.ratio.high) == (1.0, 1.0, 1.0)


@settings(max_examples=40)
@given(rows=ROWS, metric=st.sampled_from(METRICS))
def test_whose_place_is_whose_changes_the_sign_alone(rows: Any, metric: Metric) -> None:
    one, other = compared(metric, rows), compared(metric, [(b, a, right) for a, b, right in rows])
    assert one.difference.value == pytest.approx(-other.difference.value)
    assert (one.value, one.student) == (other.student, other.value)
    assert one.better == pytest.approx(other.worse)


def test_pairs_tell_more_than_two_intervals_beside_each_other() -> None:
    """A teacher that is right wherever the model is, and on a tenth of the rows besides."""
    rows = [("red" if n % 2 else "", "red" if n % 2 or n % 20 == 0 else "", "red") for n in range(400)]
    found = compared(Accuracy(), rows, resamples=1000)
    assert found.difference.value == pytest.approx(-0.05)
    assert found.difference.high < -0.025  # each alone is known to 0.05 at best: 1.96 * 0.5 / 20
    assert found.ratio is not None
    assert 0.86 < found.ratio.low < 10 / 11 < found.ratio.high < 0.96
    assert found.worse < 0.001


def test_a_row_without_an_answer_is_wrong_and_a_row_that_was_not_asked_is_not_there() -> None:
    rows = [Example({"text": str(n)}, "yes") for n in range(4)]
    examined = Examined("t", ({"text": "2"}, {"text": "0"}, {"text": "9"}), ("yes", "", "yes"))
    assert matched(rows, examined) == {0: 1, 2: 0}
    found = beside(examined, Accuracy(), ["no", "yes", "yes", "yes"], rows, resamples=50, seed=0)
    assert found is not None
    assert (found.rows, found.value, found.student) == (2, 0.5, 0.5)
    assert beside(Examined("t"), Accuracy(), ["no"] * 4, rows, resamples=50, seed=0) is None
