"""room: the tuned candidates, where what is solved in seconds leaves them room to be surely ahead."""

from __future__ import annotations

from p2m.engine.stage import stage
from p2m.evaluation.base import both, standard_error, units_of
from p2m.metrics.base import Metric
from p2m.stages.folds import held_out
from p2m.stages.samples import FOLD
from p2m.types import OutOfFold, Split, Survivors, merit

ERRORS = 1.645  # standard errors that one which takes minutes must be ahead by: 19 of 20


@stage(version="1", kind="pure")
def room(
    within: Survivors | None, parts: Split, *solved: OutOfFold, students: tuple[str, ...], metric: Metric
) -> Survivors:  # fmt: skip
    """Of the `students` all that are `within` the limits, or none: where not even one that made no error
    would be surely ahead of what is `solved`, on the rows that they would be asked about.
    """
    refused = dict(within.refused) if within else {}
    for each in solved if FOLD in parts.folds else ():
        if reason := _full(each, parts, metric):
            refused |= {name: reason for name in students if name not in refused}
            break
    return Survivors(tuple(sorted(name for name in students if name not in refused)), refused)


def _full(each: OutOfFold, parts: Split, metric: Metric) -> str:
    """Why no other can be surely ahead of it; "" where one can."""
    place = {row: number for number, row in enumerate(each.rows)}
    rows = [row for row in held_out(parts, FOLD)[1] if row in place]
    if not rows:
        return ""
    asked = [parts.train[row] for row in rows]
    right = [row.answers for row in asked]
    said = [each.answers[place[row]] for row in rows]
    best, given = both(metric, [answers[0] for answers in right], said, right)
    ahead = merit(metric, metric.value(best)) - merit(metric, metric.value(given))
    if ahead > ERRORS * standard_error(metric, best, given, units_of(asked)):
        return ""
    value = metric.value(given)
    return (
        f"not tried: {each.student} has {metric.name} {value:.3f} on {len(rows)} rows, and none could be"
        " ahead by more than chance"
    )
