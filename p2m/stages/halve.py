"""halve: the candidates that did better on a sample, which alone go on to a larger one."""

from __future__ import annotations

from p2m.engine.stage import stage
from p2m.metrics.base import Metric
from p2m.types import OutOfFold, Split, Survivors, merit


@stage(version="1", kind="pure")
def halve(parts: Split, within: Survivors | None, *tried: OutOfFold, metric: Metric) -> Survivors:
    """The better half by the metric, rounded up, of those that were tried; those that were not tried (the
    last sample is every row, say) all go on, for nothing speaks against them. Nobody does who is not
    `within` the limits.
    """
    tried = tuple(each for each in tried if within is None or each.student in within.students)
    given = [each for each in tried if each.rows]
    rest = tuple(each.student for each in tried if not each.rows)

    def value(each: OutOfFold) -> float:
        right = [parts.train[row].answers for row in each.rows]
        return merit(metric, metric.value(metric.statistics(each.answers, right)))

    order = sorted(given, key=lambda each: (-value(each), each.student))
    best, others = order[: (len(given) + 1) // 2], order[(len(given) + 1) // 2 :]
    refused = dict(within.refused) if within else {}
    refused |= {each.student: "others did better on a smaller sample" for each in others}
    return Survivors((*sorted(each.student for each in best), *sorted(rest)), refused)
