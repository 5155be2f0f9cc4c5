"""choose: the student that does best on the user's own rows among those that task and constraints allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from p2m.engine.stage import stage
from p2m.errors import StageError
from p2m.metrics.base import Metric
from p2m.students.base import Student
from p2m.types import Choice, Constraints, OutOfFold, Split, Task


@stage(version="2", kind="pure")
def choose(
    task: Task,
    parts: Split,
    *tried: OutOfFold,
    students: dict[str, Student],
    constraints: Constraints,
    metric: Metric,
) -> Choice:
    """The candidate with the best cross-validated metric; where none was tried, the largest that is allowed.

    Two candidates are compared on the rows that both were asked about. One takes the place of a larger one
    only where it does better by more than a standard error (after the rule of Breiman et al., 1984): of few
    rows the best score is mostly luck, and the larger one reads all that the smaller one reads.

    A pretrained encoder refuses what it cannot express (free text), so without trials it is taken for spans,
    and a sequence-to-sequence model for the rest.

    Raises:
        StageError: no candidate is allowed; says of each why.
    """
    refused = {name: reason for name in students if (reason := refusal(students[name], task, constraints))}
    able = [name for name in students if name not in refused]
    if not able:
        listed = "".join(f"\n    {name}: {reason}" for name, reason in sorted(refused.items()))
        raise StageError(
            f"no student can be taken{listed or ': there are no candidates'}"
            "\n    loosen constraints, or student=auto"
        )
    given = [each for each in tried if each.rows and each.student in able]
    if given:
        return _by_trial(parts, given, tried, students, metric, refused)
    return _by_size(task, able, students, refused)


def _by_trial(
    parts: Split, given: Sequence[OutOfFold], tried: Sequence[OutOfFold], students: dict[str, Student],
    metric: Metric, refused: dict[str, str],
) -> Choice:  # fmt: skip
    """The winner of comparisons in turn: first those that answered most rows, of these first the largest."""
    order = sorted(
        given, key=lambda each: (-len(each.rows), -students[each.student].size_bytes, each.student)
    )
    best = order[0]
    for rival in order[1:]:
        rows = sorted(set(best.rows) & set(rival.rows))
        ahead = _value(rival, rows, parts, metric) - _value(best, rows, parts, metric)
        if ahead > _error(rival, best, rows, parts, metric):
            best = rival
    scores = {each.student: _value(each, each.rows, parts, metric) for each in given}
    reasons = [
        f"{name}: {metric.name} {scores[name]:.3f} on {len(each.rows)} rows that it had not learnt from,"
        f" in {len(each.folds)} fold{'s' * (len(each.folds) != 1)}"
        for each in sorted(given, key=lambda each: (each is not best, -scores[each.student]))
        for name in [each.student]
    ]
    refused |= {each.student: each.note for each in tried if not each.rows and each.student not in refused}
    refused |= {
        each.student: f"{metric.name} {scores[each.student]:.3f}, and {_why(best, each, parts, metric)}"
        for each in given
        if each is not best
    }
    return Choice(best.student, tuple(reasons), refused, scores)


def _why(best: OutOfFold, other: OutOfFold, parts: Split, metric: Metric) -> str:
    """Why `best` was taken before `other`."""
    rows = sorted(set(best.rows) & set(other.rows))
    ahead = _value(best, rows, parts, metric) - _value(other, rows, parts, metric)
    if ahead > 0:
        return f"{best.student} did better" + (" on the same rows" if best.rows != other.rows else "")
    if ahead == 0:
        return f"{best.student} did as well{' on more rows' if len(best.rows) > len(other.rows) else ''}"
    if -ahead <= _error(other, best, rows, parts, metric):
        return f"it is ahead of {best.student} by no more than chance may have it"
    return f"{best.student} did better than what beat it"


def _error(one: OutOfFold, two: OutOfFold, rows: Sequence[int], parts: Split, metric: Metric) -> float:
    """The standard error of the difference of their metric on those rows, which they share."""
    import numpy as np

    gains = [_value(one, [row], parts, metric) - _value(two, [row], parts, metric) for row in rows]
    return float(np.std(gains)) / max(1.0, len(rows) ** 0.5) if rows else 0.0


def _by_size(
    task: Task, able: Sequence[str], students: dict[str, Student], refused: dict[str, str]
) -> Choice:
    ranked = sorted(able, key=lambda name: (-students[name].parameters, name))
    best = ranked[0]
    reasons = [
        f"{best} fits {task.type} with {students[best].parameters / 1e6:.1f}M parameters",
        f"its smallest export takes about {students[best].size_bytes / 1e6:.0f} MB,"
        f" licence {students[best].license}",
    ]
    for name in ranked[1:]:
        refused[name] = (
            f"smaller than {best} ({students[name].parameters / 1e6:.1f}M parameters), which fits too"
        )
        reasons.append(f"larger than {name}, and allowed")
    return Choice(best, tuple(reasons), refused)


def _value(each: OutOfFold, rows: Sequence[int], parts: Split, metric: Metric) -> float:
    """The metric over those training rows."""
    place = {row: number for number, row in enumerate(each.rows)}
    said = [each.answers[place[row]] for row in rows]
    return metric.value(metric.statistics(said, [parts.train[row].answers for row in rows])) if rows else 0.0


def refusal(student: Student, task: Task, constraints: Constraints) -> str:
    """Every reason why the student cannot be taken, or ""."""
    asked = replace(task, languages=constraints.languages) if constraints.languages else task
    found = [reason] if (reason := student.refusal(task) or student.refusal(asked)) else []
    if constraints.max_parameters is not None and student.parameters > constraints.max_parameters:
        found.append(f"{student.parameters:,} parameters, at most {constraints.max_parameters:,} allowed")
    if constraints.max_size is not None and student.size_bytes > constraints.max_size:
        found.append(f"about {student.size_bytes:,} bytes exported, at most {constraints.max_size:,} allowed")
    accepted = {name.lower() for name in constraints.licenses}
    if accepted and student.license.lower() not in accepted:
        found.append(f"licence {student.license}, accepted: {', '.join(constraints.licenses)}")
    return "; ".join(found)
