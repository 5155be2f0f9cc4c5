"""A model beside its teacher on the same rows: what each scores there, how far apart they are, and how sure
that is.

Rows are resampled in pairs, so that what makes a row hard for both widens no interval (a paired bootstrap:
Efron and Tibshirani, 1993; Koehn, 2004).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from p2m.evaluation.bootstrap import Units, draws, units_of
from p2m.evaluation.compare import both, swaps
from p2m.types import Beside, Examined, Example, Metric, Score, merit

LOW, HIGH = 0.025, 0.975


def matched(rows: Sequence[Example], examined: Examined) -> dict[int, int]:
    """The numbers of the rows that the teacher was asked about, each with its place in `examined`."""
    places = {_named(values): place for place, values in enumerate(examined.inputs)}
    return {number: places[name] for number, row in enumerate(rows) if (name := _named(row.input)) in places}


def beside(
    examined: Examined,
    metric: Metric,
    said: Sequence[str],
    rows: Sequence[Example],
    *,
    resamples: int,
    seed: int,
) -> Beside | None:
    """The model, which `said` something to each row, beside the teacher; None without a row in common."""
    common = matched(rows, examined)
    if not common:
        return None
    first, second = (
        [said[number] for number in common],
        [examined.answers[place] for place in common.values()],
    )
    right = [rows[number].answers for number in common]
    one, two = both(metric, first, second, right)
    student, teacher = metric.value(one), metric.value(two)
    units = units_of([rows[number] for number in common])
    pairs = resampled(metric, one, two, resamples=resamples, seed=seed, units=units)
    difference = gap(student - teacher, pairs, len(right))
    better, worse = swaps(metric, first, second, right, seed=seed, units=units)
    if merit(metric, 1) < 0:  # of errors, what the teacher's is of the model's
        ratio = _ratio(teacher, student, [(theirs, ours) for ours, theirs in pairs], len(right))
    else:
        ratio = _ratio(student, teacher, pairs, len(right))
    return Beside(examined.teacher, len(right), teacher, student, difference, ratio, better, worse)


def _named(values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(values.items()))


def gap(value: float, pairs: Sequence[tuple[float, float]], rows: int) -> Score:
    """By how much the first of two is above the second, with the central 95% of what was resampled."""
    return _score("difference", value, [a - b for a, b in pairs], rows)


def resampled(
    metric: Metric, one: Any, two: Any, *, resamples: int, seed: int, units: Units = None
) -> list[tuple[float, float]]:
    """Both values of each of `resamples` draws of as many rows or `units`, with replacement; of their
    statistics.
    """
    import numpy as np

    generator, draw = np.random.default_rng(seed), draws(len(one), units)
    drawn = (draw(generator) for _ in range(resamples))
    return [(metric.value(one[picked]), metric.value(two[picked])) for picked in drawn]


def _ratio(student: float, teacher: float, pairs: Sequence[tuple[float, float]], rows: int) -> Score | None:
    """None where the teacher scores 0 in so many resamples that the interval has no upper end."""
    nothing = sum(1 for _, value in pairs if value <= 0)
    if teacher <= 0 or nothing > (1 - HIGH) * len(pairs):
        return None
    ratios = [one / two if two > 0 else float("inf") for one, two in pairs]
    return _score("teacher_ratio", student / teacher, ratios, rows)


def _score(name: str, value: float, drawn: Sequence[float], rows: int) -> Score:
    """The central 95% of what was drawn; of draws themselves, for between two of them one may be infinite."""
    import numpy as np

    if not drawn:
        return Score(name, value, value, value, rows)
    low, high = np.quantile(drawn, (LOW, HIGH), method="inverted_cdf")
    return Score(name, value, min(float(low), value), max(float(high), value), rows)
