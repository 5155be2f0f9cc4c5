"""choose: the student that does best on the user's own rows among those that task and constraints allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from p2m.engine.stage import stage
from p2m.evaluation.base import ROUGH, both
from p2m.metrics.base import Metric
from p2m.types import Choice, Contender, OutOfFold, Split, Task, merit


@stage(version="4", kind="pure")
def choose(
    task: Task,
    parts: Split,
    *tried: OutOfFold,
    contenders: tuple[Contender, ...],
    refused: dict[str, str],
    metric: Metric,
) -> Choice:
    """The contender with the best cross-validated metric; where none was tried, the first.

    Two are compared on the rows that both were asked about. One takes the place of a larger one only where it
    does better by more than a standard error (after the rule of Breiman et al., 1984): of few rows the best
    score is mostly luck, and the larger one reads all that the smaller one reads.

    `contenders` are those that may be taken, the largest first; `refused` says of the others why not.
    """
    given = [each for each in tried if each.rows]
    if given:
        return _by_trial(parts, given, tried, contenders, metric, refused)
    return _by_size(task, contenders, refused)


def _by_trial(
    parts: Split, given: Sequence[OutOfFold], tried: Sequence[OutOfFold], contenders: Sequence[Contender],
    metric: Metric, refused: Mapping[str, str],
) -> Choice:  # fmt: skip
    """The winner of comparisons in turn: first those that answered most rows, of these first the largest."""
    size = {each.name: each.size_bytes for each in contenders}
    order = sorted(given, key=lambda each: (-len(each.rows), -size[each.student], each.student))
    best = order[0]
    for rival in order[1:]:
        rows = sorted(set(best.rows) & set(rival.rows))
        ahead = _ahead(rival, best, rows, parts, metric)
        if ahead > _error(rival, best, rows, parts, metric):
            best = rival
    scores = {each.student: _value(each, each.rows, parts, metric) for each in given}
    reasons = [
        f"{name}: {metric.name} {scores[name]:.3f} on {len(each.rows)} rows that it had not learnt from,"
        f" in {len(each.folds)} fold{'s' * (len(each.folds) != 1)}"
        for each in sorted(given, key=lambda each: (each is not best, -merit(metric, scores[each.student])))
        for name in [each.student]
    ]
    untried = {each.student: each.note for each in tried if not each.rows}
    beaten = {
        each.student: f"{metric.name} {scores[each.student]:.3f}, and {_why(best, each, parts, metric)}"
        for each in given
        if each is not best
    }
    return Choice(best.student, tuple(reasons), {**refused, **untried, **beaten}, scores)


def _why(best: OutOfFold, other: OutOfFold, parts: Split, metric: Metric) -> str:
    """Why `best` was taken before `other`."""
    rows = sorted(set(best.rows) & set(other.rows))
    ahead = _ahead(best, other, rows, parts, metric)
    if ahead > 0:
        return f"{best.student} did better" + (" on the same rows" if best.rows != other.rows else "")
    if ahead == 0:
        return f"{best.student} did as well{' on more rows' if len(best.rows) > len(other.rows) else ''}"
    if -ahead <= _error(other, best, rows, parts, metric):
        return f"it is ahead of {best.student} by no more than chance may have it"
    return f"{best.student} did better than what beat it"


def _error(one: OutOfFold, two: OutOfFold, rows: Sequence[int], parts: Split, metric: Metric) -> float:
    """The standard error of the difference of their metric on those rows, which they share: a bootstrap."""
    import numpy as np

    if not rows:
        return 0.0
    right = [parts.train[row].answers for row in rows]
    first, second = both(metric, _said(one, rows), _said(two, rows), right)
    generator = np.random.default_rng(0)
    drawn = (generator.integers(0, len(rows), len(rows)) for _ in range(ROUGH))
    return float(np.std([metric.value(first[each]) - metric.value(second[each]) for each in drawn]))


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
