"""The gate: a teacher that is good enough leaves no trace, another stops the build and shows why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from p2m.errors import StageError
from p2m.metrics.accuracy import Accuracy
from p2m.metrics.chrf import ChrF
from p2m.stages.gate import gate
from p2m.types import Examined, Example, Examples, Passed, Requirement
from tests.conftest import LABELS, TEXT

ROWS = Examples(tuple(Example({"text": f"is {n} even?"}, "no" if n % 2 else "yes") for n in range(10)))
FLOOR = Requirement("accuracy", ">=", 0.8)


def told(*answers: str, faults: tuple[str, ...] = ()) -> Examined:
    """In the order opposite to the rows', as an artifact may have them."""
    inputs = tuple(row.input for row in ROWS.rows[: len(answers)])
    return Examined("local model", inputs[::-1], answers[::-1], faults[::-1])


RIGHT = tuple(row.output for row in ROWS.rows)


def test_whatever_a_passing_teacher_scored_the_result_is_the_same() -> None:
    nearly = told(*RIGHT[:8], "yes", "yes")  # nine of ten
    for examined in (told(*RIGHT), nearly, replace(nearly, seconds=(0.2, 0.4))):
        assert gate(LABELS, ROWS, examined, metric=Accuracy(), floor=FLOOR) == Passed()


def test_a_teacher_below_the_floor_is_shown_with_what_it_gets_wrong_and_what_to_do() -> None:
    examined = told("no", "no", "no", "yes", "", *RIGHT[5:], faults=("", "", "", "", "refused", *[""] * 5))
    with pytest.raises(StageError) as caught:
        gate(LABELS, ROWS, examined, metric=Accuracy(), floor=FLOOR)
    said = str(caught.value)
    lines = [line.strip() for line in said.splitlines()]
    assert lines[0].startswith("local model reaches accuracy 0.600 [0.")
    assert "on 10 rows whose answers are known, and teacher.gate asks >= 0.8" in lines[0]
    assert lines[1:4] == ["2 x yes taken for no", "1 x no answer (refused)", "1 x no taken for yes"]
    assert lines[4:7] == ["is 0 even?", "right: yes", "said:  no"]
    assert "said:  nothing (refused)" in lines
    assert "'teacher.gate=\">= 0.6\"'" in said
    assert "prompt" in said
    assert "teacher=..." in said
    assert "is 1 even?" not in said  # which it got right


def test_the_figure_itself_decides_and_a_figure_at_the_floor_passes() -> None:
    examined = told(*RIGHT[:8], "no", "yes")
    assert gate(LABELS, ROWS, examined, metric=Accuracy(), floor=FLOOR) == Passed()
    with pytest.raises(StageError, match=r"0\.800"):
        gate(LABELS, ROWS, examined, metric=Accuracy(), floor=replace(FLOOR, operator=">"))


def test_a_teacher_that_answered_nothing_has_not_passed() -> None:
    for note in ("constraints.max_requests=0", ""):
        with pytest.raises(StageError, match=note or "none of the rows"):
            gate(LABELS, ROWS, Examined("local model", note=note), metric=Accuracy(), floor=FLOOR)


def test_free_text_shows_the_worst_answers_first_and_no_confusions() -> None:
    rows = Examples(tuple(Example({"text": str(n)}, f"the answer is {n}") for n in range(8)))
    said = [f"the answer is {n + (n == 3)}" for n in range(8)]
    said[5] = "who knows"
    examined = Examined("local model", tuple(row.input for row in rows.rows), tuple(said))
    with pytest.raises(StageError) as caught:
        gate(TEXT, rows, examined, metric=ChrF(), floor=Requirement("chrf", ">=", 0.99))
    lines = [line.strip() for line in str(caught.value).splitlines()]
    assert lines[1:4] == ["5", "right: the answer is 5", "said:  who knows"]
    assert "taken for" not in str(caught.value)
