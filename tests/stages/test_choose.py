"""choose: by what candidates said to rows that they had not learnt from; without trials by size."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import pytest
from conftest import LABELS, QA, TEXT
from hypothesis import given
from hypothesis import strategies as st

from p2m.evaluation.learning_curves import drawn_out
from p2m.metrics.accuracy import Accuracy
from p2m.metrics.macro_f1 import MacroF1
from p2m.spec import allowed, contenders, refused
from p2m.stages.choose import choose
from p2m.stages.room import room
from p2m.stages.winner import winner
from p2m.stages.within import TOO_SLOW
from p2m.students.linear_tfidf import LinearTfidf
from p2m.students.minilm import MiniLM
from p2m.students.tiny_seq2seq import TinySeq2Seq
from p2m.types import (
    GROUPED,
    Choice,
    Constraints,
    Example,
    Metric,
    OutOfFold,
    Split,
    Student,
    Survivors,
    Task,
    Winner,
)

METRIC = Accuracy()
RIGHT = ("yes", "no", "yes", "no", "yes", "no", "no", "no", "no", "no")
ROWS = tuple(Example({"text": f"row {n}"}, label) for n, label in enumerate(RIGHT))
PARTS = Split(ROWS, (), (), "cross-validation", folds=(0, 1) * 5)


@dataclass(frozen=True)
class Sized(LinearTfidf):
    """A student of some size, told by its name in what follows."""

    bytes: int = 1000

    @property
    def size_bytes(self) -> int:
        return self.bytes


STUDENTS: dict[str, Student] = {
    "small": Sized(bytes=10), "middle": Sized(bytes=20), "large": Sized(bytes=30), "tuned": MiniLM()
}  # fmt: skip


def said(name: str, wrong: set[int], rows: range = range(10), note: str = "") -> OutOfFold:
    """Answers to those rows, of which these are wrong."""
    answers = tuple({"yes": "no", "no": "yes"}[RIGHT[n]] if n in wrong else RIGHT[n] for n in rows)
    return OutOfFold(name, tuple(rows), answers, (0.9,) * len(rows), (0, 1), note)


def among(
    students: dict[str, Student], *tried: OutOfFold, task: Task = LABELS, parts: Split = PARTS,
    metric: Metric = METRIC, **limits: int,
) -> Choice:  # fmt: skip
    """What is chosen of the students that the limits allow, of which those were `tried`."""
    constraints = Constraints(**limits)  # type: ignore[arg-type]
    able = allowed(students, task, constraints)
    return choose(
        task, parts, None, *(each for each in tried if each.student in able), contenders=contenders(able),
        refused=refused(students, task, constraints), metric=metric,
    )  # fmt: skip


def chosen(*tried: OutOfFold, metric: Metric = METRIC, **limits: int) -> Choice:
    return among(STUDENTS, *tried, metric=metric, **limits)


def test_the_candidate_that_was_right_most_often_is_taken_and_all_scores_are_told() -> None:
    tried = (said("small", {1, 2, 3}), said("middle", {4}), said("large", {1, 2, 5, 6, 7, 8}))
    for order in (tried, tried[::-1]):
        found = chosen(*order)
        assert found.student == "middle"
        assert found.scores == pytest.approx({"small": 0.7, "middle": 0.9, "large": 0.4})
        assert found.reasons[0].startswith("middle: accuracy 0.900 on 10 rows that it had not learnt from")
        assert "in 2 folds" in found.reasons[0]
        assert [reason.split(":")[0] for reason in found.reasons] == ["middle", "small", "large"]
        assert found.refused["large"] == "accuracy 0.400, and middle did better"


def test_a_smaller_one_must_be_ahead_by_more_than_chance_may_have_it() -> None:
    found = chosen(said("large", {1}), said("small", {2}), said("middle", {3}))
    assert found.student == "large"
    assert found.refused["small"] == "accuracy 0.900, and large did as well"
    found = chosen(said("large", {1, 2}), said("small", {4}))
    assert found.student == "large"
    assert (
        found.refused["small"]
        == "accuracy 0.900, and it is ahead of large by no more than chance may have it"
    )
    assert chosen(said("large", {1, 2, 3, 5}), said("small", {4})).student == "small"


def test_two_candidates_are_compared_on_the_rows_that_both_answered() -> None:
    easy = said("tuned", set(), range(4))
    assert chosen(said("small", {0, 1}), easy).student == "tuned"
    hard = said("tuned", {0}, range(4))
    found = chosen(said("small", {5, 6, 7, 8}), hard)
    assert found.scores == pytest.approx({"small": 0.6, "tuned": 0.75})
    assert found.student == "small"
    assert found.refused["tuned"] == "accuracy 0.750, and small did better on the same rows"


def test_one_that_takes_minutes_must_be_further_ahead_than_one_that_takes_seconds() -> None:
    behind, ahead = {0, 1, 2, 3}, {4}  # by one and a half standard errors
    assert chosen(said("large", behind), said("small", ahead)).student == "small"
    assert chosen(said("small", behind), said("tuned", ahead)).student == "small"
    assert chosen(said("small", behind), said("tuned", set())).student == "tuned"


def test_the_recipes_metric_decides() -> None:
    rare = said("small", {0, 2, 4})  # always "no"
    common = said("large", {1, 3, 5, 6, 7, 8})  # finds every "yes"
    assert chosen(rare, common).student == "small"
    assert chosen(rare, common, metric=MacroF1()).student == "large"


def test_a_candidate_that_was_not_tried_says_why_and_is_not_taken() -> None:
    untried = OutOfFold("tuned", (), (), (), note="not tried: 10 rows are too few")
    found = chosen(said("small", {1}), untried)
    assert found.student == "small"
    assert found.refused["tuned"] == "not tried: 10 rows are too few"
    assert "tuned" not in found.scores


def test_a_candidate_that_the_constraints_refuse_is_not_taken_however_good() -> None:
    found = chosen(said("small", {1, 2, 3}), said("large", set()), max_size=25)
    assert found.student == "small"
    assert "at most 25 B allowed" in found.refused["large"]
    assert "large" not in found.scores


def test_of_equals_on_common_rows_the_one_that_answered_more_is_taken() -> None:
    found = chosen(said("large", {1, 9}), said("small", {2}, range(5)))
    assert found.student == "large"
    assert found.refused["small"] == "accuracy 0.800, and large did as well on more rows"


def test_without_any_trial_the_largest_is_taken() -> None:
    untried = [OutOfFold(name, (), (), (), note="no folds") for name in STUDENTS]
    found = chosen(*untried)
    assert found.student == "tuned"
    assert found.scores == {}
    assert chosen(*untried, max_size=25).student in ("small", "middle")


def test_another_right_answer_counts_in_a_trial() -> None:
    lenient = replace(PARTS, train=tuple(replace(row, also=("yes",)) for row in ROWS))
    tried = (said("small", {1}), OutOfFold("large", tuple(range(10)), ("yes",) * 10, (0.5,) * 10, (0, 1)))
    assert among(STUDENTS, *tried, parts=lenient).scores["large"] == 1.0


def test_the_largest_student_that_is_allowed_is_chosen_with_reasons() -> None:
    students: dict[str, Student] = {"minilm": MiniLM(), "tiny_seq2seq": TinySeq2Seq()}
    for task in (QA, LABELS):
        choice = among(students, task=task)
        assert choice.student == "minilm"
        assert "smaller than minilm" in choice.refused["tiny_seq2seq"]
    assert among(students, task=TEXT).student == "tiny_seq2seq"
    small = among(students, task=QA, max_parameters=10_000_000)
    assert small.student == "tiny_seq2seq"
    assert "at most 10M allowed" in small.refused["minilm"]
    assert among(students, task=QA, max_size=10_000_000).student == "tiny_seq2seq"


# --------------------------------------------------------------------------- the winner alone


def test_a_winner_is_the_same_whatever_the_others_score() -> None:
    found = {
        winner(chosen(said("small", {1}), said("large", wrong), said("middle", {2, 3, 4, 5, 6, 7})))
        for wrong in ({1, 2, 3, 4, 5}, {1, 2, 3, 4, 5, 6, 7}, {1, 3, 5, 6, 7, 8})
    }
    assert found == {Winner("small")}


def test_a_winner_is_the_same_by_any_score_and_whoever_else_was_compared() -> None:
    alone, worse = (winner(chosen(said("small", wrong))) for wrong in ({1}, {1, 2}))
    more = winner(chosen(said("small", {1}), said("large", {1, 2, 3, 4, 5, 6})))
    untried = winner(among({"minilm": MiniLM(), "tiny": TinySeq2Seq()}, task=QA))
    assert alone == worse == more == Winner("small")
    assert untried == Winner("minilm")


# --------------------------------------------------------------------------- samples


def after(name: str, rows: int, wrong: set[int]) -> OutOfFold:
    """Answers after a sample of so many rows."""
    return replace(said(name, wrong, note=""), folds=(0,), learnt=rows)


def of_samples(
    large: tuple[set[int], set[int]], tuned: tuple[set[int], set[int]], rows: tuple[Example, ...] = ROWS
) -> Choice:
    """The choice between a linear student, which was cross-validated too, and one that was tuned."""
    parts = replace(PARTS, train=rows * 10)
    tried = [said("large", {1})] + [
        after(name, rows, wrong)
        for name, both in (("large", large), ("tuned", tuned))
        for rows, wrong in zip((10, 30), both, strict=True)
    ]
    return among(STUDENTS, *tried, parts=parts)


def test_one_that_learnt_from_samples_is_taken_where_it_is_expected_to_end_ahead() -> None:
    found = of_samples(({1, 2, 3, 4, 5}, {1, 2, 3, 4, 5}), ({1, 2, 3, 4, 5}, {1, 2}))
    assert found.student == "tuned"
    assert found.reasons[0].startswith("tuned: accuracy 0.800 after 30 rows, large 0.500; 0.")
    assert found.reasons[0].endswith("times its errors are expected after all 90")
    assert found.refused["large"].startswith("tuned is expected to make 0.")
    assert found.scores == pytest.approx({"large": 0.9, "tuned": 0.8})
    assert found.curves["tuned"] == ((10, 0.5), (30, pytest.approx(0.8)))


def test_one_that_is_ahead_by_no_more_than_chance_is_not_worth_its_training() -> None:
    found = of_samples(({1, 2, 3}, {1, 2, 3}), ({1, 2, 3, 4, 5}, {1, 2, 4}))
    assert found.student == "large"
    assert found.refused["tuned"].endswith("times its errors are expected after all 90, which may be chance")


def test_of_two_linear_ones_as_large_as_each_other_the_better_one_is_taken() -> None:
    students: dict[str, Student] = {"one": Sized(bytes=10), "two": Sized(bytes=10)}
    assert among(students, said("one", {1, 2}), said("two", {3})).student == "two"
    assert among(students, said("one", {1}), said("two", {3})).student == "one"


@dataclass(frozen=True)
class Tuned(MiniLM):
    """As large as a `Sized` of as many bytes, and first by its name."""

    bytes: int = 1000

    @property
    def size_bytes(self) -> int:
        return self.bytes


def test_one_that_takes_minutes_must_be_ahead_of_one_as_large_that_takes_seconds() -> None:
    students: dict[str, Student] = {"solved": Sized(bytes=10), "before": Tuned(bytes=10)}
    assert among(students, said("solved", {1, 2}), said("before", {3})).student == "solved"
    assert among(students, said("solved", {1, 2, 3, 5, 6}), said("before", {4})).student == "before"


def test_one_that_is_behind_and_hardly_gains_is_not_taken() -> None:
    found = of_samples(({1, 2, 3}, {1, 2}), ({1, 2, 3, 4, 5, 6}, {1, 2, 3, 4}))
    assert found.student == "large"
    assert found.refused["tuned"].startswith("accuracy 0.600 after 30 rows, large 0.800; 2.")


def test_of_students_that_are_tuned_alone_the_best_on_the_largest_sample_is_taken() -> None:
    students: dict[str, Student] = {"one": MiniLM(), "two": MiniLM(window=100), "three": MiniLM(window=90)}
    tried = (after("one", 10, {1, 2}), after("two", 10, {1}), after("three", 10, {1, 2, 3}),
             after("one", 30, {3}), after("two", 30, {3, 4}))  # fmt: skip
    found = among(students, *tried)
    assert found.student == "one"
    assert found.refused["two"] == "accuracy 0.800 after 30 rows, one did better"
    assert found.refused["three"] == "accuracy 0.700 after 10 rows, and went no further"


def test_one_that_is_slower_than_the_limit_is_not_taken_however_good() -> None:
    tried = (said("small", {1, 2, 3}), said("large", set()))
    quick = Survivors(("small",), {"large": TOO_SLOW})
    found = choose(LABELS, PARTS, quick, *tried, contenders=contenders(STUDENTS), refused={}, metric=METRIC)
    assert found.student == "small"
    assert found.refused["large"] == TOO_SLOW


@given(st.floats(0.01, 0.9), st.floats(0.01, 0.9), st.integers(100, 10**6))
def test_two_equal_curves_stay_equal_and_a_trend_goes_on_half_as_steeply(
    first: float, second: float, whole: int
) -> None:
    assert drawn_out((30, 90), (first, second), (first, second), whole) == pytest.approx(0.0)
    assert drawn_out((90,), (first,), (second,), 90) == pytest.approx(math.log(first / second))
    drawn = drawn_out((30, 90), (0.5, 0.5), (0.5, 0.25), whole)
    assert drawn == pytest.approx(math.log(2) * (1 + 0.5 * math.log(whole / 90) / math.log(3)))


def test_none_is_tuned_where_one_without_an_error_would_not_be_surely_ahead() -> None:
    parts = replace(PARTS, train=ROWS * 20, folds=(0, 1) * 100)
    right = [RIGHT[n % 10] for n in range(200)]

    def solved(name: str, wrong: int) -> OutOfFold:
        other = {"yes": "no", "no": "yes"}
        answers = [other[each] if n < 2 * wrong else each for n, each in enumerate(right)]  # half in fold 0
        return OutOfFold(name, tuple(range(200)), tuple(answers), (0.9,) * 200, (0, 1))

    def left(*tried: OutOfFold, within: Survivors | None = None) -> Survivors:
        return room(within, parts, *tried, students=("b", "a"), metric=METRIC)

    assert left(solved("small", 2)).students == ()
    assert left(solved("small", 2)).refused["a"] == (
        "not tried: small has accuracy 0.980 on 100 rows, and none could be ahead by more than chance"
    )
    assert left(solved("small", 9)).students == ("a", "b")
    assert left(solved("middle", 9), solved("small", 0)).students == ()
    assert left(OutOfFold("small", (), (), (), note="no rows")).students == ("a", "b")
    slow = Survivors(("a",), {"b": "slow"})
    assert left(solved("small", 9), within=slow) == slow
    assert left(solved("small", 1), within=slow).refused["b"] == "slow"


def grouped(rows: tuple[Example, ...], size: int) -> tuple[Example, ...]:
    """Each `size` rows in turn of one customer."""
    return tuple(replace(row, group=f"{GROUPED}{n // size}") for n, row in enumerate(rows))


def test_what_chance_may_have_is_judged_by_groups_where_rows_have_them() -> None:
    """Ten errors of one customer are one stroke of luck, and not ten."""
    parts = replace(PARTS, train=ROWS * 20, folds=(0, 1) * 100)
    right = tuple(RIGHT * 20)
    other = {"yes": "no", "no": "yes"}

    def wrong(name: str, count: int) -> OutOfFold:
        answers = tuple(other[each] if n < count else each for n, each in enumerate(right))
        return OutOfFold(name, tuple(range(200)), answers, (0.9,) * 200, (0, 1))

    tried = (wrong("large", 20), wrong("tuned", 0))
    together = replace(parts, train=grouped(parts.train, 20))
    assert among(STUDENTS, *tried, parts=parts).student == "tuned"
    found = among(STUDENTS, *tried, parts=together)
    assert found.student == "large"
    assert "by no more than chance may have it" in found.refused["tuned"]
    solved = wrong("small", 20)
    assert room(None, parts, solved, students=("a",), metric=METRIC).students == ("a",)
    assert room(None, together, solved, students=("a",), metric=METRIC).students == ()


def test_what_is_drawn_out_of_samples_is_sure_by_groups_too() -> None:
    rows = grouped(ROWS, 5)
    wrong = ({1, 2, 3, 4}, {0, 1, 2, 3, 4}), ({1, 2}, set[int]())
    assert of_samples(*wrong).student == "tuned"
    assert of_samples(*wrong, rows).student == "large"
