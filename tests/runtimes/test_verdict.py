"""A verdict says what was required, what was measured, and what falls short."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2m.runtimes.verdict import judge
from p2m.types import Constraints, Evaluated, Exported, Measured, Requirement, Score, Verdict

EXPORTED = Exported(Path("model"), "int8", 22_000_000, 24_000_000, ())
MEASURED = Measured(0.010, 0.052, 1234.5, 100, 1, "cpu")


def evaluated(value: float = 0.71, teacher: float | None = None) -> Evaluated:
    return Evaluated(
        (Score("exact_match", value, 0.63, 0.78, 120), Score("token_f1", 0.8, 0.7, 0.9, 120)),
        {},
        teacher,
        "" if teacher is not None else "the teacher cannot answer",
        "gold",
    )


def verdict(
    *requirements: Requirement, value: float = 0.71, teacher: float | None = None, **limits: float
) -> Verdict:
    return judge(requirements, Constraints(**limits), EXPORTED, evaluated(value, teacher), MEASURED)  # type: ignore[arg-type]


def test_what_is_met_ships_with_figures_and_limits() -> None:
    found = verdict(Requirement("exact_match", ">=", 0.6))
    assert found.ship
    assert found.failures == ()
    assert found.lines == (
        "exact_match 0.71 [0.63, 0.78] (>= 0.60)",
        "token_f1 0.80 [0.70, 0.90]",
        "22.0M parameters, 24.0 MB int8, p50 10 ms, p95 52 ms and 1,234 rows/s on one core",
    )
    assert found.evidence == "gold"


@pytest.mark.parametrize(
    ("operator", "value", "ship"),
    [(">=", 0.71, True), (">", 0.71, False), ("<=", 0.7, False), ("<", 0.72, True), ("==", 0.71, True)],
)
def test_every_operator_compares(operator: str, value: float, ship: bool) -> None:
    assert verdict(Requirement("exact_match", operator, value)).ship is ship


def test_a_figure_just_below_its_limit_does_not_look_as_if_it_met_it() -> None:
    found = verdict(Requirement("exact_match", ">=", 0.6), value=0.598)
    assert found.failures == ("exact_match 0.598 [0.63, 0.78] (>= 0.60)",)
    assert not found.ship


def test_constraints_are_held_against_what_was_measured() -> None:
    found = verdict(max_latency=0.040, max_size=24_000_000, max_parameters=1_000_000)
    assert found.failures == ("parameters 22,000,000 (<= 1,000,000)", "p95 latency 52.0 ms (<= 40 ms)")
    assert any(line.startswith("size 24,000,000") for line in found.lines)


def test_the_ratio_to_the_teacher_needs_a_teacher_that_answered() -> None:
    ratio = Requirement("teacher_ratio", ">=", 0.95)
    assert verdict(ratio, teacher=0.70).lines[0] == "teacher_ratio 1.01 (>= 0.95)"
    assert verdict(ratio, teacher=0.70).ship
    assert not verdict(ratio, teacher=0.80).ship
    assert "the teacher cannot answer" in verdict(ratio).failures[0]
    assert not verdict(ratio, teacher=0.0).ship


def test_a_metric_that_was_not_measured_fails() -> None:
    assert verdict(Requirement("accuracy", ">=", 0.1)).failures == ("accuracy not measured (>= 0.10)",)


def test_a_model_that_beats_no_baseline_and_a_contract_that_asks_nothing_are_warned_of() -> None:
    few = Score("exact_match", 0.5, 0.1, 0.9, 3)
    found = judge(
        (), Constraints(), EXPORTED, Evaluated((few,), {"retrieval": 0.5}, None, "", "gold"), MEASURED
    )
    assert found.ship
    assert [line.split(":")[0] for line in found.lines[-3:]] == ["warning"] * 3
    assert "retrieval baseline" in found.lines[-3]
    assert "metrics.require" in found.lines[-2]
    assert "3 test rows" in found.lines[-1]
