"""The permutation test tells chance from skill at its stated rate, and the rows that would tell do."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2m.evaluation.compare import needed_rows, swaps
from p2m.metrics.accuracy import Accuracy
from p2m.metrics.macro_f1 import MacroF1
from p2m.metrics.token_f1 import TokenF1
from p2m.types import Metric

Answers = tuple[list[str], list[str], list[tuple[str, ...]]]  # of one, of the other, right ones


def counted(wins: int, losses: int, ties: int) -> Answers:
    """`wins` rows that only the first has right, `losses` that only the second has, `ties` that both have."""
    right = [("a",)] * (wins + losses + ties)
    return ["a"] * wins + ["b"] * losses + ["a"] * ties, ["b"] * wins + ["a"] * (losses + ties), right


def drawn(
    lot: random.Random, rows: int, first: float, second: float | None, labels: Sequence[str]
) -> Answers:
    """Two models that are right so often; None: one that always says the commonest label."""
    right = lot.choices(labels, weights=[8, *[1] * (len(labels) - 1)], k=rows)

    def say(answer: str, sure: float) -> str:
        return answer if lot.random() < sure else lot.choice([each for each in labels if each != answer])

    one = [say(answer, first) for answer in right]
    two = [labels[0] if second is None else say(answer, second) for answer in right]
    return one, two, [(answer,) for answer in right]


@pytest.mark.parametrize(
    "metric", [Accuracy(), pytest.param(MacroF1(), marks=pytest.mark.slow)], ids=lambda metric: metric.name
)
def test_of_equal_models_one_in_twenty_seems_better_at_five_per_cent(metric: Metric) -> None:
    lot = random.Random(7)
    found = [
        swaps(metric, *drawn(lot, 80, 0.7, 0.7, "abc"), seed=number, resamples=99) for number in range(1000)
    ]
    for side in (0, 1):
        share = sum(each[side] < 0.05 for each in found) / 1000
        assert 0.02 < share < 0.07
    assert sum(min(each) < 0.01 for each in found) < 40


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 25), st.integers(0, 25), st.integers(0, 40), st.integers(0, 99))
def test_it_is_mcnemars_exact_test_for_a_share_of_right_answers(
    wins: int, losses: int, ties: int, seed: int
) -> None:
    number = wins + losses
    chances = [math.comb(number, each) / 2**number for each in range(number + 1)]
    better, worse = swaps(Accuracy(), *counted(wins, losses, ties), seed=seed)
    for found, exact in ((better, sum(chances[wins:])), (worse, sum(chances[: wins + 1]))):
        assert abs(found - exact) < 5 * math.sqrt(exact * (1 - exact) / 2000) + 0.001


@pytest.mark.parametrize("metric", [Accuracy(), MacroF1(), TokenF1()], ids=lambda metric: metric.name)
def test_the_two_models_may_change_places(metric: Metric) -> None:
    first, second, right = drawn(random.Random(3), 50, 0.8, 0.6, ["x", "y z", "y"])
    better, worse = swaps(metric, first, second, right, seed=4, resamples=300)
    assert swaps(metric, second, first, right, seed=4, resamples=300) == (worse, better)
    assert better < 0.5 < worse
    assert swaps(metric, first, second, right, seed=4, resamples=300) == (better, worse)


def test_labels_that_only_one_of_the_two_says_do_not_mix_up_their_numbers() -> None:
    """Against swaps of the answers themselves, each arrangement scored anew."""
    import numpy as np

    lot = random.Random(5)
    right = [(lot.choice("bd"), *lot.choice([(), ("e",)])) for _ in range(30)]
    first = [lot.choice("bd") for _ in right]
    second = [lot.choice("abcde") for _ in right]
    metric = MacroF1()

    def difference(one: Sequence[str], two: Sequence[str]) -> float:
        return metric.value(metric.statistics(one, right)) - metric.value(metric.statistics(two, right))

    seen, generator = difference(first, second), np.random.default_rng(9)
    above = below = 1
    for _ in range(300):
        coins = generator.random(30) < 0.5
        pairs = [(b, a) if coin else (a, b) for a, b, coin in zip(first, second, coins, strict=True)]
        found = difference(*zip(*pairs, strict=True))
        above += found >= seen - 1e-12
        below += found <= seen + 1e-12
    assert swaps(metric, first, second, right, seed=9, resamples=300) == (above / 301, below / 301)


def test_equal_answers_and_no_rows_prove_nothing() -> None:
    assert swaps(Accuracy(), *counted(0, 0, 40), seed=0) == (1.0, 1.0)
    assert swaps(Accuracy(), [], [], [], seed=0) == (1.0, 1.0)
    assert needed_rows(Accuracy(), *counted(0, 0, 40), seed=0) is None
    assert needed_rows(Accuracy(), *counted(4, 5, 40), seed=0) is None
    assert needed_rows(Accuracy(), [], [], [], seed=0) is None


def test_a_probability_is_never_nothing() -> None:
    better, worse = swaps(Accuracy(), *counted(200, 0, 0), seed=0)
    assert better == 1 / 2001
    assert worse == 1.0


@pytest.mark.parametrize(
    ("metric", "labels", "rival"),
    [
        (Accuracy(), "abc", 0.8), (Accuracy(), "abcdefgh", 0.8), (MacroF1(), "abcd", None),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in ((MacroF1(), "abc", 0.8), (MacroF1(), "abcdefgh", 0.8), (Accuracy(), "abcd", None))
        ),
    ],
    ids=lambda value: getattr(value, "name", value),
)  # fmt: skip
def test_as_many_rows_as_are_asked_for_tell_in_four_of_five_repeats(
    metric: Metric, rival: float | None, labels: str
) -> None:
    lot = random.Random(11)
    number = needed_rows(metric, *drawn(lot, 3000 if rival else 120, 0.9, rival, labels), seed=0)
    assert number is not None
    assert number < 1500
    told = sum(
        swaps(metric, *drawn(lot, max(30, number), 0.9, rival, labels), seed=each, resamples=300)[0] < 0.01
        for each in range(60)
    )
    assert told >= 0.8 * 60
    if number > 100:
        half = sum(
            swaps(metric, *drawn(lot, number // 3, 0.9, rival, labels), seed=each, resamples=300)[0] < 0.01
            for each in range(60)
        )
        assert half < 0.65 * 60, "a third of them would have told: too many are asked for"


def test_fewer_rows_are_needed_for_a_larger_difference_and_more_for_a_stricter_test() -> None:
    large, small = counted(30, 5, 65), counted(18, 12, 70)
    few, many = needed_rows(Accuracy(), *large, seed=0), needed_rows(Accuracy(), *small, seed=0)
    assert few is not None
    assert many is not None
    assert few < 100 < many
    strict = needed_rows(Accuracy(), *large, seed=0, alpha=0.002)
    assert strict is not None
    assert strict > few
