"""choose: the student that does best on the user's own rows among those that task and constraints allow."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from p2m.engine.stage import stage
from p2m.evaluation.base import ROUGH, both, draws, standard_error, units_of
from p2m.evaluation.learning_curves import drawn_out
from p2m.metrics.base import Metric
from p2m.stages.room import ERRORS
from p2m.types import Choice, Contender, OutOfFold, Split, Survivors, Task, merit

_SURE = 0.95  # how likely one that takes minutes must be ahead of one that takes seconds: by `ERRORS`


@stage(version="7", kind="pure")
def choose(
    task: Task,
    parts: Split,
    within: Survivors | None,
    *tried: OutOfFold,
    contenders: tuple[Contender, ...],
    refused: dict[str, str],
    metric: Metric,
) -> Choice:
    """The contender with the best metric out of fold; where none was tried, the first.

    Two are compared on the rows that both were asked about. One takes the place of a larger one only where it
    does better by more than a standard error (after the rule of Breiman et al., 1984): of few rows the best
    score is mostly luck, and the larger one reads all that the smaller one reads. Of two linear ones as large
    as each other the better one is taken. A tuned one comes after them, and must be ahead by more than chance
    may have it in 19 of 20 cases: it takes minutes to train, where those take seconds. So must the best of
    those that learnt from samples alone, by the errors that are expected after all rows (`drawn_out`).

    `contenders` are those that may be taken, the largest first; `refused` says of the others why not. Those
    that are too slow are not `within` the limits.
    """
    if within is not None:
        slow = {each.student for each in tried if each.student in within.refused and each.rows}
        refused = refused | {name: within.refused[name] for name in sorted(slow)}
        tried = tuple(each for each in tried if each.student not in slow)
    given = [each for each in tried if each.rows and not each.learnt]
    sampled = [each for each in tried if each.rows and each.learnt]
    if not given and not sampled:
        return _by_size(task, contenders, refused)
    notes = {each.student: each.note for each in reversed(tried) if not each.rows}  # the first says why
    known = {each.student for each in (*given, *sampled)}
    refused = refused | {name: note for name, note in notes.items() if name not in known}
    found = _by_trial(parts, given, contenders, metric, refused) if given else Choice("", (), refused)
    return _with_samples(parts, found, sampled, metric) if sampled else found


def _by_trial(
    parts: Split, given: Sequence[OutOfFold], contenders: Sequence[Contender], metric: Metric,
    refused: Mapping[str, str],
) -> Choice:  # fmt: skip
    """The winner of comparisons in turn: first the linear ones, of these first those that answered most rows,
    then the largest.
    """
    rank = {each.name: (each.is_tuned, -each.size_bytes) for each in contenders}

    def place(each: OutOfFold) -> tuple[Any, ...]:
        is_tuned, size = rank[each.student]
        return is_tuned, -len(each.rows), size, each.student

    def errors(one: OutOfFold, two: OutOfFold) -> float:
        """By how many standard errors the first must be ahead of the second."""
        is_costly = rank[one.student][0] and not rank[two.student][0]
        is_alike = rank[one.student] == rank[two.student]
        return 0.0 if is_alike else ERRORS if is_costly else 1.0

    best, *rivals = sorted(given, key=place)
    for rival in rivals:
        rows = sorted(set(best.rows) & set(rival.rows))
        ahead, error = _ahead(rival, best, rows, parts, metric), _error(rival, best, rows, parts, metric)
        if ahead > error * errors(rival, best):
            best = rival
    scores = {each.student: _value(each, each.rows, parts, metric) for each in given}
    reasons = [
        f"{name}: {metric.name} {scores[name]:.3f} on {len(each.rows)} rows that it had not learnt from,"
        f" in {len(each.folds)} fold{'s' * (len(each.folds) != 1)}"
        for each in sorted(given, key=lambda each: (each is not best, -merit(metric, scores[each.student])))
        for name in [each.student]
    ]
    beaten = {
        each.student: f"{metric.name} {scores[each.student]:.3f}, and {why}"
        for each in given
        if each is not best
        for why in [_why(best, each, errors(each, best), parts, metric)]
    }
    return Choice(best.student, tuple(reasons), {**refused, **beaten}, scores)


def _with_samples(parts: Split, found: Choice, sampled: Sequence[OutOfFold], metric: Metric) -> Choice:
    """The choice among students that learnt from all rows, held against the best that learnt from samples."""
    whole = max(len(parts.train) - len(each.rows) for each in sampled)
    curves: dict[str, list[OutOfFold]] = {}
    for each in sorted(sampled, key=lambda each: each.learnt):
        curves.setdefault(each.student, []).append(each)
    points = {
        name: tuple((each.learnt, _value(each, each.rows, parts, metric)) for each in curve)
        for name, curve in curves.items()
    }
    last = {name: curve[-1] for name, curve in points.items() if name not in found.scores}
    found = replace(found, curves=points, scores=found.scores | {name: last[name][1] for name in last})
    if not last:
        return found
    best = min(last, key=lambda name: (-last[name][0], -merit(metric, last[name][1]), name))
    after = {name: f"{metric.name} {value:.3f} after {rows} rows" for name, (rows, value) in last.items()}
    beaten = {
        name: f"{after[name]}, " + (f"{best} did better" if rows == last[best][0] else "and went no further")
        for name, (rows, _) in last.items()
        if name != best
    }
    rival, refused = found.student, found.refused | beaten
    if not rival:
        return replace(found, student=best, reasons=(f"{best}: {after[best]}",), refused=refused)
    expected, at_most, said = _expected(curves[best], curves[rival], parts, whole, metric)
    ratio = math.exp(expected)
    told = f"{after[best]}, {rival} {said}; {ratio:.2f} times its errors are expected after all {whole}"
    if at_most >= 0:
        told += ", which may be chance" if ratio < 1 else ""
        return replace(found, refused=refused | {best: told})
    lost = {rival: f"{best} is expected to make {ratio:.2f} times its errors"}
    reasons = (f"{best}: {told}", *found.reasons)
    return replace(found, student=best, reasons=reasons, refused=refused | lost)


def _expected(
    one: Sequence[OutOfFold], other: Sequence[OutOfFold], parts: Split, whole: int, metric: Metric
) -> tuple[float, float, str]:
    """The logarithm of how many times the errors of `other` the student `one` is expected to make after the
    `whole` rows, what that is at most (by `_SURE` of a bootstrap's resamples of the rows asked about, or
    of their groups), and what `other` scored after the largest sample that both learnt from.
    """
    import numpy as np

    first, second = ({each.learnt: each for each in curve} for curve in (one, other))
    samples = sorted(set(first) & set(second))
    rows = sorted(set.intersection(*(set(each[size].rows) for each in (first, second) for size in samples)))
    right = [parts.train[row].answers for row in rows]
    judged = [both(metric, _said(first[size], rows), _said(second[size], rows), right) for size in samples]

    def ratio(drawn: Any) -> float:
        mine, theirs = ([_errors(metric, metric.value(pair[n][drawn])) for pair in judged] for n in (0, 1))
        return drawn_out(samples, mine, theirs, whole)

    generator = np.random.default_rng(0)
    draw = draws(len(rows), units_of([parts.train[row] for row in rows]))
    drawn = [ratio(draw(generator)) for _ in range(ROUGH)]
    last = second[samples[-1]]
    at_most = float(np.quantile(drawn, _SURE))
    return ratio(np.arange(len(rows))), at_most, f"{_value(last, last.rows, parts, metric):.3f}"


def _errors(metric: Metric, value: float) -> float:
    """The share of what could be right, or the error itself of a metric that is one."""
    return -merit(metric, value) if merit(metric, 1.0) < 0 else 1.0 - value


def _why(best: OutOfFold, other: OutOfFold, errors: float, parts: Split, metric: Metric) -> str:
    """Why `best` was taken before `other`, which had to be ahead by so many standard errors."""
    rows = sorted(set(best.rows) & set(other.rows))
    ahead = _ahead(best, other, rows, parts, metric)
    if ahead > 0:
        return f"{best.student} did better" + (" on the same rows" if best.rows != other.rows else "")
    if ahead == 0:
        return f"{best.student} did as well{' on more rows' if len(best.rows) > len(other.rows) else ''}"
    if -ahead <= errors * _error(other, best, rows, parts, metric):
        return f"it is ahead of {best.student} by no more than chance may have it"
    return f"{best.student} did better than what beat it"


def _error(one: OutOfFold, two: OutOfFold, rows: Sequence[int], parts: Split, metric: Metric) -> float:
    """The standard error of the difference of their metric on those rows, which they share."""
    if not rows:
        return 0.0
    asked = [parts.train[row] for row in rows]
    first, second = both(metric, _said(one, rows), _said(two, rows), [row.answers for row in asked])
    return standard_error(metric, first, second, units_of(asked))


def _by_size(task: Task, contenders: Sequence[Contender], refused: Mapping[str, str]) -> Choice:
    best, *others = contenders
    reasons = [
        f"{best.name} fits {task.type} with {best.parameters / 1e6:.1f}M parameters",
        f"its smallest export takes about {best.size_bytes / 1e6:.0f} MB, licence {best.license}",
        *(f"larger than {each.name}, and allowed" for each in others),
    ]
    smaller = {
        each.name: f"smaller than {best.name} ({each.parameters / 1e6:.1f}M parameters), which fits too"
        for each in others
    }
    return Choice(best.name, tuple(reasons), {**refused, **smaller})


def _value(each: OutOfFold, rows: Sequence[int], parts: Split, metric: Metric) -> float:
    """The metric over those training rows."""
    said = _said(each, rows)
    right = [parts.train[row].answers for row in rows]
    return metric.value(metric.statistics(said, right)) if rows else 0.0


def _ahead(one: OutOfFold, two: OutOfFold, rows: Sequence[int], parts: Split, metric: Metric) -> float:
    """By how much the first one is better on those rows."""
    return merit(metric, _value(one, rows, parts, metric)) - merit(metric, _value(two, rows, parts, metric))


def _said(each: OutOfFold, rows: Sequence[int]) -> list[str]:
    place = {row: number for number, row in enumerate(each.rows)}
    return [each.answers[place[row]] for row in rows]
