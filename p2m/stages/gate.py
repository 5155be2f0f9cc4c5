"""gate: whether a teacher is good enough to go on with, by rows whose answers are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from p2m.engine.stage import stage
from p2m.errors import StageError
from p2m.evaluation.base import interval, matched
from p2m.metrics.base import Metric
from p2m.sizes import on_a_line, short
from p2m.types import Examined, Example, Examples, Passed, Requirement, Task, TaskType, merit

_RESAMPLES, _SEED = 1000, 0  # of the interval in the message; they decide nothing
_SHOWN = 5  # confusions, and failures, that the message shows
_WIDTH = 160  # characters of a text that it shows


@dataclass(frozen=True, slots=True)
class _Miss:
    """A row that the teacher did not get (wholly) right."""

    row: Example
    said: str
    fault: str  # why it gave no answer; "" where it gave one
    value: float  # of the metric


@stage(version="1", kind="pure")
def gate(task: Task, rows: Examples, examined: Examined, *, metric: Metric, floor: Requirement) -> Passed:
    """The same whatever the figures, where the teacher meets the floor.

    Raises:
        StageError: it does not, or it answered no row; with its score, what it confuses, and what to do.
    """
    asked = matched(rows.rows, examined)
    if not asked:
        why = examined.note or "none of the rows was put to it"
        raise StageError(
            f"teacher.gate asks {floor.operator} {floor.value:g} of {examined.teacher}, which was not"
            f" examined: {why}"
        )
    known = [rows.rows[number] for number in asked]
    said = [examined.answers[place] for place in asked.values()]
    statistics = metric.statistics(said, [row.answers for row in known])
    value = metric.value(statistics)
    if floor.is_met(value):
        return Passed()
    low, high = interval(metric, statistics, resamples=_RESAMPLES, seed=_SEED)
    best = 1.0 if merit(metric, 1) > 0 else 0.0
    faults = [examined.faults[place] if examined.faults else "" for place in asked.values()]
    misses = [
        _Miss(row, answer, fault, score)
        for number, (row, answer, fault) in enumerate(zip(known, said, faults, strict=True))
        if (score := merit(metric, metric.value(statistics[number : number + 1]))) < merit(metric, best)
    ]
    head = (
        f"{examined.teacher} reaches {metric.name} {value:.3f} [{low:.3f}, {high:.3f}] on {len(known)} rows"
        f" whose answers are known, and teacher.gate asks {floor.operator} {floor.value:g}; nothing more is"
        " asked of it"
    )
    lines = [head, *_confusions(task, misses), *_failures(misses), *_ways_out(floor, value)]
    raise StageError("\n    ".join(lines))


def _confusions(task: Task, misses: Sequence[_Miss]) -> list[str]:
    """The commonest pairs of a right label and what it was taken for; and what had no answer, and why."""
    counts = Counter(f"no answer ({each.fault.partition(': ')[0]})" for each in misses if each.fault)
    if task.type is TaskType.CLASSIFICATION:
        counts += Counter(f"{each.row.output} taken for {each.said}" for each in misses if not each.fault)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [f"{number} x {what}" for what, number in ordered[:_SHOWN]]


def _failures(misses: Sequence[_Miss]) -> list[str]:
    """The first of the rows that it was most wrong on."""
    worst = sorted(misses, key=lambda each: each.value)[:_SHOWN]
    return [
        f"{on_a_line(each.row.input, most=_WIDTH)}\n        right: {_said(each.row.output)}"
        f"\n        said:  {_said(each.said) if not each.fault else f'nothing ({each.fault})'}"
        for each in worst
    ]


def _ways_out(floor: Requirement, value: float) -> list[str]:
    lower = int(value * 20) / 20  # the next twentieth below
    ways = [
        "say in the prompt what each answer means and where it ends, beginning with the rows above;",
        "or correct those of them whose known answer is wrong; or take another teacher (teacher=...)",
    ]
    return [*ways, f"or lower the floor: 'teacher.gate=\"{floor.operator} {lower:g}\"'"] if lower else ways


def _said(text: str) -> str:
    return short(text, _WIDTH) or "(nothing)"
