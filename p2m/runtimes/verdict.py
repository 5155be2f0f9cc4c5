"""Whether a model meets its recipe's contract: what was required, what was measured, line by line."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence

from p2m.types import Constraints, Evaluated, Exported, Measured, Requirement, Score, Verdict

TEACHER_RATIO = "teacher_ratio"
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
}
FEW_ROWS = 30  # test rows below which a figure says little


def judge(
    requirements: Sequence[Requirement],
    constraints: Constraints,
    exported: Exported,
    evaluated: Evaluated,
    measured: Measured,
) -> Verdict:
    """One line a requirement and a constraint, e.g. `exact_match 0.71 [0.63, 0.78] (>= 0.60)`.

    Where nothing is required of a metric, its line has no limit. A figure that could not be had is a failure.
    """
    lines: list[str] = []
    failures: list[str] = []
    for requirement in requirements:
        line, met = _required(requirement, evaluated)
        lines.append(line)
        if not met:
            failures.append(line)
    required = {each.metric for each in requirements}
    lines += [
        _scored(score, f"{score.value:.2f}") for score in evaluated.scores if score.metric not in required
    ]
    for line, met in _costs(constraints, exported, measured):
        lines.append(line)
        if not met:
            failures.append(line)
    lines += [_summary(exported, evaluated, measured), *_warnings(requirements, evaluated)]
    return Verdict(not failures, tuple(lines), tuple(failures), evaluated.evidence)


def _summary(exported: Exported, evaluated: Evaluated, measured: Measured) -> str:
    """What is worth knowing without being asked: size, speed, and what the model must beat."""
    told = (
        f"{exported.parameters / 1e6:.1f}M parameters, {exported.size_bytes / 1e6:.1f} MB"
        f" {exported.precision}, p50 {measured.latency_p50 * 1000:.0f} ms,"
        f" p95 {measured.latency_p95 * 1000:.0f} ms and {measured.throughput:,.0f} rows/s on one core"
    )
    if not evaluated.baselines or not evaluated.scores:
        return told
    name, value = max(evaluated.baselines.items(), key=lambda item: item[1])
    return f"{told}; {evaluated.scores[0].rows} test rows, best baseline ({name}) {value:.2f}"


def _warnings(requirements: Sequence[Requirement], evaluated: Evaluated) -> list[str]:
    """What no contract asks about, and a user should know before trusting the model."""
    if not evaluated.scores:
        return []
    primary, found = evaluated.scores[0], []
    for name, value in evaluated.baselines.items():
        if value >= primary.value:
            found.append(f"warning: no better than the {name} baseline ({value:.2f})")
    if not requirements:
        found.append(
            f'warning: nothing is required of the model; e.g. metrics.require={{{primary.metric}: ">= 0.8"}}'
        )
    if primary.rows < FEW_ROWS:
        found.append(f"warning: {primary.rows} test rows tell little; give more with data.test")
    return found


def _required(requirement: Requirement, evaluated: Evaluated) -> tuple[str, bool]:
    compare = _OPERATORS[requirement.operator]
    limit = f"({requirement.operator} {_limit(requirement.value)})"
    if requirement.metric == TEACHER_RATIO:
        if evaluated.teacher is None:
            return f"{TEACHER_RATIO} not measured {limit}: {evaluated.teacher_note}", False
        if not evaluated.scores or not evaluated.teacher:
            return f"{TEACHER_RATIO} not defined {limit}: the teacher scored {evaluated.teacher:g}", False
        ratio = evaluated.scores[0].value / evaluated.teacher
        met = compare(ratio, requirement.value)
        return f"{TEACHER_RATIO} {_figure(ratio, requirement.value, met)} {limit}", met
    for score in evaluated.scores:
        if score.metric == requirement.metric:
            met = compare(score.value, requirement.value)
            return f"{_scored(score, _figure(score.value, requirement.value, met))} {limit}", met
    return f"{requirement.metric} not measured {limit}", False


def _costs(constraints: Constraints, exported: Exported, measured: Measured) -> list[tuple[str, bool]]:
    found = []
    if (most := constraints.max_parameters) is not None:
        found.append((f"parameters {exported.parameters:,} (<= {most:,})", exported.parameters <= most))
    if (most := constraints.max_size) is not None:
        found.append((f"size {exported.size_bytes:,} bytes (<= {most:,})", exported.size_bytes <= most))
    if (limit := constraints.max_latency) is not None:
        line = f"p95 latency {measured.latency_p95 * 1000:.1f} ms (<= {limit * 1000:g} ms)"
        found.append((line, measured.latency_p95 <= limit))
    return found


def _scored(score: Score, figure: str) -> str:
    return f"{score.metric} {figure} [{score.low:.2f}, {score.high:.2f}]"


def _figure(value: float, limit: float, met: bool) -> str:
    """Two digits, or as many as it takes for the reader to see that the limit was missed."""
    for digits in range(2, 7):
        text = f"{value:.{digits}f}"
        if met or abs(float(text) - limit) > 1e-12:
            return text
    return repr(value)


def _limit(value: float) -> str:
    text = f"{value:.2f}"
    return text if float(text) == value else f"{value:g}"
