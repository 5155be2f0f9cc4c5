"""A verdict tells what was required and found, asks for more than chance, and knows when rows are too few."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2m.deploy.beside import FEW_ROWS
from p2m.deploy.verdict import verdict_on
from p2m.types import (
    ALPHA,
    Account,
    Beside,
    Comparison,
    Coverage,
    Decision,
    Evaluated,
    Exported,
    Field,
    Fit,
    Held,
    Judged,
    Judgement,
    Measured,
    RecordField,
    Requirement,
    Score,
    Spent,
    Sureness,
    Task,
    TaskType,
    Verdict,
)

EXPORTED = Exported(Path("model"), "int8", 22_000_000, 24_000_000, ())
MEASURED = Measured(0.010, 0.052, 1234.5, 100, 1, "cpu")
TASKS = {kind: Task(kind, "", (Field("text"),), Field("result")) for kind in TaskType}
RATIO = Requirement("teacher_ratio", ">=", 0.95)
STATED = Requirement("exact_match", ">=", 0.6)
SHIP, SHORT, UNPROVEN = Decision.SHIP, Decision.FALLS_SHORT, Decision.UNPROVEN


def majority(value: float = 0.4, better: float = 0.0005, needed: int | None = 50) -> Comparison:
    return Comparison("majority", value, better, 1.0, is_learnt=False, needed=needed)


def tfidf(value: float = 0.7, worse: float = 1.0) -> Comparison:
    return Comparison("linear_tfidf", value, 0.5, worse, is_learnt=True)


def evaluated(
    *comparisons: Comparison, value: float = 0.71, rows: int = 120, teacher: Beside | None = None,
    evidence: str = "gold", tried: int = 1,
) -> Evaluated:  # fmt: skip
    return Evaluated(
        (Score("exact_match", value, 0.63, 0.78, rows), Score("token_f1", 0.8, 0.7, 0.9, rows)),
        comparisons,
        teacher,
        "" if teacher is not None else "the teacher cannot answer",
        evidence,
        tried=tried,
    )


def beside(ratio: float, low: float, high: float, rows: int = 120, teacher: float = 0.7) -> Beside:
    """The model at so much of a teacher."""
    value = ratio * teacher
    apart = Score("difference", value - teacher, (low - 1) * teacher, (high - 1) * teacher, rows)
    return Beside(
        "local model", rows, teacher, value, apart, Score("teacher_ratio", ratio, low, high, rows), 0.5, 0.5
    )


def verdict(
    *requirements: Requirement,
    seen: Evaluated | None = None,
    kind: TaskType = TaskType.QUESTION_ANSWERING,
    **limits: Any,
) -> Verdict:
    return verdict_on(TASKS[kind], requirements, EXPORTED, seen or evaluated(), MEASURED, **limits)


# --------------------------------------------------------------------------- what a recipe states


def test_what_is_met_ships_with_figures_and_limits() -> None:
    found = verdict(STATED, seen=evaluated(majority()))
    assert found.ship
    assert found.failures == found.unproven == found.warnings == found.advice == ()
    assert found.lines == (
        "exact_match 0.71 [0.63, 0.78] (>= 0.60)",
        "token_f1 0.80 [0.70, 0.90]",
        "better than always the commonest answer (0.40), p < 0.001",
        "22.0M parameters, 24.0 MB int8, p50 10 ms, p95 52 ms and 1,234 rows/s on one core;"
        " 120 rows judged it",
    )
    assert found.evidence == "gold"


def test_a_small_and_fast_model_is_not_told_as_nothing() -> None:
    exported, measured = replace(EXPORTED, size_bytes=41_568), Measured(0.0002, 0.0042, 1234.5, 100, 1, "cpu")
    found = verdict_on(TASKS[TaskType.REGRESSION], (), exported, evaluated(majority()), measured)
    assert found.lines[-1].startswith("22.0M parameters, 41.6 kB int8, p50 0.2 ms, p95 4 ms and")


@pytest.mark.parametrize(
    ("operator", "value", "ship"),
    [(">=", 0.71, True), (">", 0.71, False), ("<=", 0.7, False), ("<", 0.72, True), ("==", 0.71, True)],
)
def test_every_operator_compares(operator: str, value: float, ship: bool) -> None:
    assert verdict(Requirement("exact_match", operator, value)).ship is ship


def test_a_figure_just_below_its_limit_does_not_look_as_if_it_met_it() -> None:
    found = verdict(STATED, seen=evaluated(value=0.598))
    assert found.failures == ("exact_match 0.598 [0.63, 0.78] (>= 0.60)",)
    assert found.decision is SHORT


def test_constraints_are_held_against_what_was_measured() -> None:
    found = verdict(max_latency=0.040, max_size=24_000_000, max_parameters=1_000_000)
    assert found.failures == ("parameters 22,000,000 (<= 1,000,000)", "p95 latency 52.0 ms (<= 40 ms)")
    assert any(line.startswith("size 24,000,000") for line in found.lines)
    assert found.decision is SHORT
    assert "constraints.max_latency" in found.advice[0]
    assert "compression=ladder" in verdict(max_parameters=1_000_000).advice[0]
    for ways in ((), ("student=linear_tfidf",)):  # the others are chosen already
        (said,) = verdict(max_parameters=1_000_000, smaller=ways).advice
        assert "compression=ladder" not in said
        assert ("linear_tfidf" in said) == bool(ways)


def test_the_ratio_to_the_teacher_needs_a_teacher_that_answered() -> None:
    found = verdict(RATIO, seen=evaluated(teacher=beside(1.01, 0.97, 1.06)))
    assert found.lines[0] == "teacher_ratio 1.01 [0.97, 1.06] (>= 0.95) on 120 rows"
    assert found.ship
    assert not found.warnings
    short = verdict(RATIO, seen=evaluated(teacher=beside(0.94, 0.90, 0.99)))
    assert short.failures == ("teacher_ratio 0.94 [0.90, 0.99] (>= 0.95) on 120 rows",)
    assert "data.inputs" in short.advice[0]
    assert "the teacher cannot answer" in verdict(RATIO).failures[0]
    nothing = replace(beside(1, 1, 1, teacher=0.0), ratio=None)
    assert "the teacher scored 0.00" in verdict(RATIO, seen=evaluated(teacher=nothing)).failures[0]


def test_a_ratio_that_may_be_below_what_is_required_ships_with_a_warning_as_every_figure_does() -> None:
    found = verdict(RATIO, seen=evaluated(teacher=beside(0.97, 0.92, 1.02)))
    assert found.ship
    assert found.warnings == (
        "on 120 rows teacher_ratio may be as low as 0.92, below the 0.95 that is required",
    )


def test_a_ratio_that_rests_on_few_rows_is_unproven() -> None:
    few = evaluated(teacher=beside(1.0, 0.96, 1.1, rows=FEW_ROWS - 1))
    found = verdict(RATIO, seen=few)
    assert found.decision is UNPROVEN
    assert found.unproven == ("teacher_ratio rests on 29 rows that the teacher answered: 30 would tell",)
    assert "evaluation.teacher_rows" in found.advice[0]
    assert verdict(seen=few).ship  # nobody asked


def test_the_teacher_has_a_line_with_the_difference_and_its_interval() -> None:
    found = verdict(STATED, seen=evaluated(teacher=beside(0.9, 0.8, 0.96)))
    assert (
        "local model has 0.70 on 120 rows, the model 0.63 on the same: difference -0.07 [-0.14, -0.03]"
        in found.lines
    )
    assert found.ship


GRADED = Requirement("judge", ">=", 0.7)
AGREES = Judgement("local model", Score("agreement", 0.95, 0.91, 0.99, 100), right=0.97, steady=0.9)


def graded(judgement: Judgement, *, grade: float = 0.8, evidence: str = "gold") -> Evaluated:
    """A model that hardly writes what is known to be right, and pleases the judge."""
    seen = evaluated(majority(0.1), value=0.4, evidence=evidence)
    scores = (*seen.scores, Score("judge", grade, 0.75, 0.85, 100))
    return replace(seen, scores=scores, judgement=judgement)


def written(*requirements: Requirement, seen: Evaluated) -> Verdict:
    return verdict(*requirements, seen=seen, kind=TaskType.TEXT_TO_TEXT)


def test_a_judge_that_agrees_with_the_user_may_vouch_for_wordings_that_nobody_wrote_down() -> None:
    silent = written(seen=graded(AGREES))  # the grade is there, and nobody asked for it
    assert silent.decision is SHORT
    assert "exact_match 0.40 (>= 0.50, where a recipe requires nothing)" in silent.failures
    found = written(GRADED, seen=graded(AGREES))
    assert found.ship
    assert found.lines[0] == "judge 0.80 [0.75, 0.85] (>= 0.70)"
    assert "exact_match 0.40 (>= 0.50, where a recipe requires nothing)" in found.warnings
    assert any("prefers a row's known answer to another row's in 0.95" in line for line in found.lines)
    short = written(GRADED, seen=graded(AGREES, grade=0.69))
    assert short.decision is SHORT
    assert len(short.failures) == 2


@pytest.mark.parametrize(
    ("judgement", "evidence", "why"),
    [
        (replace(AGREES, agreement=Score("agreement", 0.85, 0.78, 0.92, 100)), "gold", "at least 0.8"),
        (replace(AGREES, agreement=Score("agreement", 1.0, 1.0, 1.0, FEW_ROWS - 1)), "gold", "29 of your"),
        (replace(AGREES, agreement=None), "gold", "0 of your answers"),
        (AGREES, "synthetic", "not yours"),
        (AGREES, "retrieved", "not yours"),
    ],
)
def test_a_judge_that_was_not_seen_to_agree_with_the_user_proves_nothing(
    judgement: Judgement, evidence: str, why: str
) -> None:
    seen = graded(judgement, evidence=evidence)
    good = replace(seen, scores=(replace(seen.scores[0], value=0.8), *seen.scores[1:]))
    found = written(GRADED, seen=good)
    assert found.decision is UNPROVEN
    assert why in found.unproven[0]
    assert "teacher.judge" in found.advice[0]
    assert written(seen=good).ship  # without the judge there is evidence enough
    assert written(GRADED, seen=seen).decision is SHORT  # and it vouches for nothing


def test_a_grade_that_could_not_be_had_is_missed_with_its_reason() -> None:
    seen = replace(evaluated(), judgement=Judgement("local model", None, note="constraints.max_cost=1"))
    assert written(GRADED, seen=seen).failures == ("judge not measured (>= 0.70): constraints.max_cost=1",)


def test_a_limit_that_ended_the_teacher_early_is_a_warning() -> None:
    spent = Spent(100, cost=1.0, stopped="constraints.max_cost=1")
    found = verdict_on(TASKS[TaskType.CLASSIFICATION], (), EXPORTED, evaluated(), MEASURED, Account(spent))
    assert found.warnings == (
        "constraints.max_cost=1 was reached: the model learnt from what was made until then",
    )


def test_a_metric_that_was_not_measured_fails() -> None:
    assert verdict(Requirement("accuracy", ">=", 0.1)).failures == ("accuracy not measured (>= 0.10)",)


# --------------------------------------------------------------------------- what is asked of every model


@dataclass(frozen=True)
class Case:
    """What was seen, and what it comes to without and with a requirement on the primary metric."""

    seen: Evaluated
    silent: Decision
    stated: Decision
    line: str  # part of what is said
    warned: bool = False  # whether, where the recipe states, the line becomes a warning


CHANCE = majority(0.68, better=0.2, needed=853)
CASES = {
    "a baseline is beaten": Case(
        evaluated(majority()), SHIP, SHIP, "better than always the commonest answer (0.40), p < 0.001"
    ),
    "a baseline is beaten as chance may have it": Case(  # and reaches more than the recipe asks for
        evaluated(CHANCE), UNPROVEN, UNPROVEN,
        "better than always the commonest answer (0.68) only as chance may have it, p 0.200"
        " (below 0.01 is asked): 860 rows would tell",
    ),
    "a baseline is beaten with p at the limit": Case(
        evaluated(majority(better=ALPHA)), UNPROVEN, SHIP, "chance may have it, p 0.010", warned=True
    ),
    "a baseline is beaten with p just below the limit": Case(
        evaluated(majority(better=ALPHA - 1e-6)), SHIP, SHIP, "p 0.010"
    ),
    "the same p is not enough for the best of five": Case(
        evaluated(majority(better=0.004), tried=5), UNPROVEN, SHIP, "chance may have it, p 0.004", warned=True
    ),
    "and a fifth of it is": Case(evaluated(majority(better=0.0019), tried=5), SHIP, SHIP, "p 0.002"),
    "a baseline is as good": Case(
        evaluated(majority(0.71, 0.6, None)), SHORT, SHORT,
        "no better than always the commonest answer (0.71)",
    ),
    "a baseline is better": Case(
        evaluated(Comparison("overlap", 0.9, 1.0, 0.001, False)), SHORT, SHORT,
        "no better than a likely span near the question's words (0.90)",
    ),
    "one of two baselines is as good": Case(
        evaluated(majority(), Comparison("nearest", 0.71, 0.5, 0.5, False)), SHORT, SHIP,
        "no better than the nearest training row's answer (0.71)", warned=True,
    ),
    "a linear model is worse": Case(
        evaluated(majority(), tfidf(0.6)), SHIP, SHIP, "linear_tfidf has 0.60 on the same rows"
    ),
    "a linear model is as good": Case(
        evaluated(majority(), tfidf(0.71, 0.6)), SHIP, SHIP, "linear_tfidf has 0.71 on the same rows"
    ),
    "a linear model is better as chance may have it": Case(
        evaluated(majority(), tfidf(0.73, 0.06)), SHIP, SHIP,
        "linear_tfidf has 0.73 on the same rows, which is not worse", warned=True,
    ),
    "a linear model is better": Case(
        evaluated(majority(), tfidf(0.8, 0.01)), SHORT, SHIP,
        "linear_tfidf has 0.80 on the same rows, which is better: student=linear_tfidf", warned=True,
    ),
    "29 rows": Case(
        evaluated(majority(needed=12), rows=29), UNPROVEN, UNPROVEN,
        "29 rows to judge by tell little: 30 would tell",
    ),
    "30 rows": Case(evaluated(majority(needed=12), rows=30), SHIP, SHIP, "p < 0.001"),
    "few rows of which more would be needed than 30": Case(
        evaluated(majority(needed=241), rows=9), UNPROVEN, UNPROVEN,
        "9 rows to judge by tell little: 250 would tell",
    ),
    "few rows on which a baseline is as good": Case(
        evaluated(majority(0.71, 0.6, None), rows=9), UNPROVEN, UNPROVEN,
        "no better than always the commonest answer (0.71)",
    ),
    "few rows on which a linear model is better": Case(
        evaluated(majority(), tfidf(0.9, 0.03), rows=9), UNPROVEN, UNPROVEN, "which is better", warned=True
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_contract_that_says_nothing_asks_for_more_than_chance(name: str) -> None:
    case = CASES[name]
    found = verdict(seen=case.seen)
    assert found.decision is case.silent
    assert any(case.line in line for line in found.lines)
    against = {SHORT: found.failures, UNPROVEN: found.unproven, SHIP: ()}[case.silent]
    assert bool(against) is (case.silent is not SHIP)
    if case.silent is not SHIP:
        assert any(case.line in line for line in against)


@pytest.mark.parametrize("name", CASES)
def test_a_requirement_on_the_primary_metric_leaves_chance_to_the_recipes_author(name: str) -> None:
    case = CASES[name]
    found = verdict(STATED, seen=case.seen)
    assert found.decision is case.stated
    assert any(case.line in line for line in found.lines)
    assert any(case.line in line for line in found.warnings) is case.warned


def test_a_requirement_on_another_metric_takes_the_place_of_nothing() -> None:
    other = Requirement("token_f1", ">=", 0.5)
    for case in CASES.values():
        assert verdict(other, seen=case.seen).decision is case.silent


@pytest.mark.parametrize(
    ("kind", "value", "rows", "decision"),
    [
        (TaskType.TEXT_TO_TEXT, 0.5, 120, SHIP),
        (TaskType.TEXT_TO_TEXT, 0.499, 120, SHORT),
        (TaskType.TEXT_TO_TEXT, 0.499, 29, UNPROVEN),
        (TaskType.QUESTION_ANSWERING, 0.3, 120, SHIP),
        (TaskType.QUESTION_ANSWERING, 0.299, 120, SHORT),
        (TaskType.QUESTION_ANSWERING, 0.299, 29, UNPROVEN),
        (TaskType.CLASSIFICATION, 0.2, 120, SHIP),
    ],
)
def test_written_text_must_be_right_by_half_and_spans_by_three_tenths(
    kind: TaskType, value: float, rows: int, decision: Decision
) -> None:
    seen = evaluated(majority(0.1), value=value, rows=rows)
    found = verdict(kind=kind, seen=seen)
    assert found.decision is decision
    assert any("where a recipe requires nothing" in line for line in found.lines) is (decision is not SHIP)
    low = Requirement("exact_match", ">=", 0.2)
    assert verdict(low, kind=kind, seen=seen).decision is (SHIP if rows >= FEW_ROWS else UNPROVEN)


def test_the_figure_of_the_cross_validation_that_chose_is_told_beside_that_of_the_test_rows() -> None:
    line = "exact_match 0.66 in the cross-validation of the training rows that chose it"
    assert line in verdict(seen=replace(evaluated(), out_of_fold=0.66)).lines
    assert not any("cross-validation" in each for each in verdict().lines)


# --------------------------------------------------------------------------- warnings and advice


@pytest.mark.parametrize(("evidence", "is_said"), [("cross-validation", True), ("gold", False)])
def test_folds_that_did_not_train_as_the_trial_that_ships_are_warned_of(evidence: str, is_said: bool) -> None:
    tuned = replace(EXPORTED, fit=Fit(proposal={"learning_rate": 2e-4}))
    seen = evaluated(majority(), evidence=evidence)
    found = verdict_on(TASKS[TaskType.CLASSIFICATION], (), tuned, seen, MEASURED)
    assert any("not as the trial that ships" in line for line in found.warnings) is is_said
    plain = verdict_on(TASKS[TaskType.CLASSIFICATION], (), EXPORTED, seen, MEASURED)
    assert not any("not as the trial" in line for line in plain.warnings)


def test_a_requirement_that_the_interval_does_not_reach_is_warned_of() -> None:
    close = Requirement("exact_match", ">=", 0.7)
    (warning,) = verdict(close).warnings
    assert warning == "on 120 rows exact_match may be as low as 0.63, below the 0.7 that is required"
    assert verdict(Requirement("exact_match", ">=", 0.63)).warnings == ()
    assert verdict(Requirement("token_f1", ">=", 0.79)).warnings == ()
    assert verdict(close, seen=evaluated(value=0.65)).warnings == ()  # it falls short, which says more


def test_generated_rows_that_judge_are_warned_of() -> None:
    (warning,) = verdict(seen=evaluated(evidence="synthetic")).warnings
    assert "give data.test" in warning
    for evidence in ("gold", "retrieved", "cross-validation"):
        assert verdict(seen=evaluated(evidence=evidence)).warnings == ()


@pytest.mark.parametrize(
    ("evidence", "role"),
    [("gold", "data.test"), ("cross-validation", "data.train")],
)
def test_what_is_unproven_says_how_many_rows_to_label_and_where_they_go(evidence: str, role: str) -> None:
    found = verdict(seen=evaluated(CHANCE, evidence=evidence))
    assert found.decision is UNPROVEN
    assert found.advice == (f"label about 740 more rows and give them as {role}",)
    few = verdict(seen=evaluated(majority(needed=12), rows=9, evidence=evidence))
    assert few.advice == (f"label about 21 more rows and give them as {role}",)


def test_rows_that_were_set_aside_are_not_added_to_a_test_set_but_replaced_by_it() -> None:
    for evidence in ("synthetic", "set aside"):
        found = verdict(seen=evaluated(CHANCE, evidence=evidence))
        assert found.advice == ("label about 860 rows that are not among these and give them as data.test",)
    many = verdict(seen=evaluated(majority(0.68, better=0.2, needed=2400), evidence="cross-validation"))
    assert "data.test" in many.advice[0]  # so many rows to learn from would not be folded any more


def test_what_is_behind_needs_rows_to_learn_from_and_what_is_perfect_needs_no_model() -> None:
    behind = verdict(seen=evaluated(majority(0.72, 0.9, None), value=0.21, rows=22))
    assert behind.decision is UNPROVEN
    assert "data.train" in behind.advice[0]
    perfect = verdict(seen=evaluated(majority(1.0, 1.0, None), value=1.0))
    assert perfect.decision is SHORT
    assert "do without one" in perfect.advice[0]


@pytest.mark.parametrize("text", ["<= 1", "<= 0.99", ">= 0", ">= 0.4"])
def test_a_requirement_that_answers_without_a_model_meet_lifts_no_gate(text: str) -> None:
    operator, value = text.split()
    loose = Requirement("exact_match", operator, float(value))
    assert verdict(loose, seen=evaluated(CHANCE)).decision is UNPROVEN


def test_advice_names_the_labels_that_are_wrong_most_often() -> None:
    wrong = [Judged({"text": "x"}, label, "z", 0.9, 0.0) for label in "bbbcaadddd"]
    right = [Judged({"text": "x"}, "z", "z", 0.9, 1.0)] * 30
    seen = replace(evaluated(CHANCE), rows=(*wrong, *right))
    (line,) = verdict(seen=seen, kind=TaskType.CLASSIFICATION).advice
    assert line.endswith(", above all of d, b, a")
    (line,) = verdict(seen=seen).advice
    assert "above all" not in line


def test_a_model_that_loses_to_a_linear_one_is_told_the_command() -> None:
    found = verdict(seen=evaluated(majority(), tfidf(0.8, 0.01)))
    assert found.advice == ("type: student=linear_tfidf, or student=auto, which chooses by itself",)


def test_a_model_that_is_no_better_is_told_where_to_look() -> None:
    (line,) = verdict(seen=evaluated(majority(0.71, 0.6, None))).advice
    assert line.startswith("give more rows to learn from as data.train; look at the surest errors")


def test_a_limit_that_is_broken_asks_for_no_rows() -> None:
    (advice,) = verdict(seen=evaluated(majority()), max_size=1).advice
    assert "rows" not in advice


# --------------------------------------------------------------------------- laws

PROBABILITIES = st.floats(0.0005, 1.0)
FIGURES = st.floats(0, 1).map(lambda value: round(value, 3))
COMPARISONS = st.builds(
    Comparison,
    name=st.sampled_from(["majority", "nearest", "overlap", "copy", "linear_tfidf", "linear_minilm"]),
    value=FIGURES,
    better=PROBABILITIES,
    worse=PROBABILITIES,
    is_learnt=st.booleans(),
    needed=st.none() | st.integers(1, 10**7),
)
SEEN = st.builds(
    lambda comparisons, value, rows, evidence, tried: evaluated(
        *comparisons, value=value, rows=rows, evidence=evidence, tried=tried
    ),
    st.lists(COMPARISONS, max_size=4),
    FIGURES,
    st.integers(1, 400),
    st.sampled_from(["gold", "synthetic", "cross-validation", "retrieved"]),
    st.integers(1, 6),
)
CONTRACTS: Any = st.lists(
    st.builds(
        Requirement, st.sampled_from(["exact_match", "token_f1"]), st.sampled_from([">=", ">"]), FIGURES
    ),
    max_size=2,
)
KINDS = st.sampled_from(list(TaskType))


@given(SEEN, CONTRACTS, KINDS)
def test_the_decision_follows_from_the_lines_that_are_said(
    seen: Evaluated, contract: list[Requirement], kind: TaskType
) -> None:
    found = verdict(*contract, seen=seen, kind=kind)
    assert found.decision is (SHORT if found.failures else UNPROVEN if found.unproven else SHIP)
    assert {*found.failures, *found.unproven} <= set(found.lines)
    assert not set(found.failures) & set(found.unproven)
    if seen.scores[0].rows < FEW_ROWS:
        assert not found.ship
    if found.decision is UNPROVEN:
        (line,) = found.advice
        assert "rows" in line or "student=" in line
    if found.ship:
        assert found.advice == ()


@given(SEEN, CONTRACTS, KINDS, st.integers(0, 1000), st.floats(0, 1))
def test_more_evidence_for_a_model_that_ships_never_takes_that_away(
    seen: Evaluated, contract: list[Requirement], kind: TaskType, more: int, factor: float
) -> None:
    stronger = replace(
        seen,
        scores=tuple(replace(score, rows=score.rows + more) for score in seen.scores),
        comparisons=tuple(
            replace(
                each,
                value=each.value * factor,
                better=each.better * factor,
                worse=each.worse + (1 - each.worse) * factor,
            )
            for each in seen.comparisons
        ),
        tried=1,
    )
    before, after = (verdict(*contract, seen=each, kind=kind) for each in (seen, stronger))
    if before.ship:
        assert after.ship


@given(SEEN, CONTRACTS, KINDS, st.integers(0, 1000))
def test_what_falls_short_is_not_saved_by_a_larger_number_of_rows_that_say_the_same(
    seen: Evaluated, contract: list[Requirement], kind: TaskType, more: int
) -> None:
    larger = replace(seen, scores=tuple(replace(score, rows=score.rows + more) for score in seen.scores))
    if verdict(*contract, seen=seen, kind=kind).decision is SHORT:
        assert verdict(*contract, seen=larger, kind=kind).decision is SHORT


@given(SEEN, CONTRACTS, KINDS, COMPARISONS)
def test_a_further_baseline_or_limit_never_makes_a_verdict_kinder(
    seen: Evaluated, contract: list[Requirement], kind: TaskType, another: Comparison
) -> None:
    order = [SHORT, UNPROVEN, SHIP]
    before = order.index(verdict(*contract, seen=seen, kind=kind).decision)
    judged = replace(seen, comparisons=(*seen.comparisons, another))
    assert order.index(verdict(*contract, seen=judged, kind=kind).decision) <= before
    assert verdict(*contract, seen=seen, kind=kind, max_size=1).decision is SHORT
    other = Requirement("token_f1", ">=", 0.5)
    assert order.index(verdict(*contract, other, seen=seen, kind=kind).decision) <= before


@given(SEEN, KINDS)
def test_a_requirement_that_is_met_never_makes_a_verdict_stricter_but_for_few_rows(
    seen: Evaluated, kind: TaskType
) -> None:
    """What it replaces is at least as strict; a baseline that is as good is missed however few the rows."""
    order = [SHORT, UNPROVEN, SHIP]
    silent = verdict(seen=seen, kind=kind).decision
    stated = verdict(Requirement("exact_match", ">=", 0.0), seen=seen, kind=kind).decision
    if seen.scores[0].rows >= FEW_ROWS:
        assert order.index(stated) >= order.index(silent)


@given(st.integers(1, 10**7))
def test_rows_that_are_asked_for_are_rounded_upward_to_two_digits(needed: int) -> None:
    found = verdict(seen=evaluated(majority(0.68, 0.2, needed)))
    (line,) = found.unproven
    told = int(line.split(": ")[1].split(" rows")[0])
    assert max(needed, FEW_ROWS) <= told <= max(needed, FEW_ROWS) * 1.1
    assert len(str(told).rstrip("0")) <= 2


def test_a_label_of_one_row_that_looks_misspelt_is_warned_of_unless_labels_are_listed() -> None:
    rows = tuple(Judged({"text": str(n)}, "repair", "repair", 0.9, 1.0) for n in range(6))
    odd = Judged({"text": "x"}, "repiar", "repair", 0.9, 0.0)
    seen = replace(evaluated(), rows=(*rows, odd))
    (warning,) = verdict(seen=seen, kind=TaskType.CLASSIFICATION).warnings
    assert "'repiar' has one row: is it 'repair' misspelt?" in warning
    assert verdict(seen=replace(seen, rows=rows), kind=TaskType.CLASSIFICATION).warnings == ()


# --------------------------------------------------------------------------- a wanted precision


def sure(*coverages: Coverage, note: str = "calibrated on 400 validation rows") -> tuple[Exported, Evaluated]:
    found = replace(evaluated(majority()), sureness=Sureness(0.02, 0.2, coverages) if coverages else None)
    return replace(EXPORTED, calibrated=note), found


@pytest.mark.parametrize(
    ("coverages", "note", "decision", "line"),
    [
        ((Coverage(0.95, 0.8, 0.94, 0.9, 0.97, 96),), "calibrated on 400 validation rows", SHIP,
         "precision 0.94 [0.90, 0.97] (>= 0.95) of the 80% of rows that it answers"),
        ((Coverage(0.95, 0.8, 0.85, 0.8, 0.9, 96),), "calibrated on 400 validation rows", SHORT,
         "precision 0.85 [0.80, 0.90] (>= 0.95) of the 80% of rows that it answers"),
        ((Coverage(0.95, 0.0, 0.0, 0.0, 1.0, 0),), "calibrated on 400 validation rows", SHORT,
         "precision of the answers given unknown (>= 0.95): it abstains from every row"),
        ((Coverage(0.9, 0.8, 0.94, 0.9, 0.97, 96),), "calibrated on 400 validation rows", SHORT,
         "precision of the answers given not reached (>= 0.95): no score gives it"),
        ((), "not calibrated: too few rows", SHORT,
         "precision of the answers given not reached (>= 0.95): not calibrated: too few rows"),
    ],
)  # fmt: skip
def test_a_wanted_precision_is_a_requirement(
    coverages: tuple[Coverage, ...], note: str, decision: Decision, line: str
) -> None:
    exported, found = sure(*coverages, note=note)
    asked = verdict_on(
        TASKS[TaskType.QUESTION_ANSWERING], (STATED,), exported, found, MEASURED, precision=0.95
    )
    assert asked.decision is decision
    assert line in (asked.lines if decision is SHIP else asked.failures)
    doubt = "the rows that judge show a precision of 0.94, and 0.95 within its interval"
    assert (doubt in asked.warnings) is (decision is SHIP)  # it was not quite seen
    unasked = verdict_on(TASKS[TaskType.QUESTION_ANSWERING], (STATED,), exported, found, MEASURED)
    assert unasked.decision is SHIP
    assert any(each.startswith("calibration error 0.020, 0.200 before") for each in unasked.lines) is bool(
        coverages
    )


def test_a_precision_just_below_the_wanted_one_is_told_in_digits_that_tell_them_apart() -> None:
    exported, found = sure(Coverage(0.95, 0.8, 0.9487, 0.9, 0.97, 96))
    asked = verdict_on(
        TASKS[TaskType.QUESTION_ANSWERING], (STATED,), exported, found, MEASURED, precision=0.95
    )
    doubt = "the rows that judge show a precision of 0.949, and 0.95 within its interval"
    assert doubt in asked.warnings


# --------------------------------------------------------------------------- the bundle before it


def held(worse: float, *, rows: int = 100, won: int = 2, lost: int = 9) -> Held:
    gap = Score("difference", -0.07, -0.12, -0.01, rows)
    seen = Beside("last bundle", rows, 0.78, 0.71, gap, None, 1.0005 - worse, worse)
    return Held(seen, won, lost, (), f"last bundle on the same {rows} rows")


def test_a_model_that_is_worse_than_the_bundle_before_it_falls_short() -> None:
    found = verdict(STATED, held=held(0.02))
    assert found.decision is SHORT
    (line,) = found.failures
    assert line.startswith("worse than last bundle by more than chance: exact_match 0.71, last bundle on the")
    assert "2 won, 9 lost, p 0.020" in line
    assert "metrics.no_worse_than=null" in found.advice[0]
    more = verdict(STATED, held=held(0.02), max_latency=0.001)
    assert not any("no_worse_than=null" in line for line in more.advice), "it would fall short all the same"


@pytest.mark.parametrize(
    ("found", "is_warned"),
    [
        (held(0.2), True),  # behind, as chance may have it
        (held(0.01, rows=FEW_ROWS - 1), True),  # too few rows to tell
        (held(0.9, won=9, lost=2), False),
        (held(1.0, won=0, lost=0), False),  # the very same model
        (Held(None, note="there is no last bundle to hold it against"), False),
        (Held(None, note="none of the rows judged last bundle", is_open=True), True),
    ],
)
def test_whatever_else_is_seen_beside_it_ships(found: Held, is_warned: bool) -> None:
    told = verdict(STATED, held=found)
    assert told.decision is SHIP
    assert bool(told.warnings) == is_warned
    assert any("last bundle" in line for line in told.lines)


def test_of_errors_an_answer_without_a_model_is_right_throughout_at_0() -> None:
    def advised(value: float) -> str:
        score = Score("word_error_rate", value, value, value, 100, lower_is_better=True)
        seen = Evaluated((score,), (majority(value, better=1.0),), None, "", "gold")
        return verdict(seen=seen, kind=TaskType.TEXT_TO_TEXT).advice[0]

    assert "right throughout" in advised(0.0)
    assert "right throughout" not in advised(1.0)


def test_a_field_that_the_mean_over_fields_hides_is_named() -> None:
    names = (RecordField("price", "number"), RecordField("kind", "label"), RecordField("code", "span"))
    task = replace(TASKS[TaskType.RECORDS], record=names)

    def record(price: int, kind: str, number: int) -> str:
        return json.dumps({"price": price, "kind": kind, "code": f"c{number}"})

    def told(prices: tuple[int, ...], kind: str = "lamp") -> list[str]:
        rows = []
        for n in range(40):
            right = record(100 + 10 * n, "lamp" if n % 4 else "sofa", n)
            said = record(prices[n % 2] + 10 * n, kind if n % 4 else "sofa", n)
            rows.append(Judged({"text": ""}, right, said, 0.9, 0.6))
        seen = replace(evaluated(majority()), rows=tuple(rows))
        return list(verdict_on(task, (), EXPORTED, seen, MEASURED).warnings)

    assert told((100, 100)) == []
    line = (
        "price is an estimate, right to the digit in 0.00 of rows; off by {} on average, {}the median by 100"
    )
    assert told((96, 104)) == [line.format("4", "always ")]
    assert told((900, 900)) == [line.format("800", "no better than always ")]
    assert told((100, 100), kind="sofa") == [
        'kind is right in 0.25 of rows, no more often than always "lamp"'
    ]
