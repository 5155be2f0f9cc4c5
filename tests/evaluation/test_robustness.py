"""Rows written otherwise: what may change in them, and what becomes of a model's answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from p2m.evaluation.robustness import compared, variants
from p2m.metrics.accuracy import Accuracy
from p2m.metrics.error_rate import ErrorRate
from p2m.types import Example, Field, RecordField, Task, TaskType

TASK = Task(TaskType.CLASSIFICATION, "x", (Field("text"),), Field("label"))
ROWS = [Example({"text": f"the Parcel number {n} never arrived here"}, "late") for n in range(40)]


def test_each_way_changes_what_it_says_and_nothing_else() -> None:
    made = variants(TASK, ROWS, seed=1)
    assert list(made) == ["typing errors", "lower case", "upper case", "surplus blanks"]
    for what, rows in made.items():
        texts = [row.input["text"] for row in rows]
        before = [row.input["text"] for row in ROWS]
        assert [row.output for row in rows] == ["late"] * 40
        assert all(new != old for new, old in zip(texts, before, strict=True)), what
    pairs = zip(made["typing errors"], ROWS, strict=True)
    for one, other in pairs:
        words = zip(one.input["text"].split(), other.input["text"].split(), strict=True)
        assert sum(a != b for a, b in words) == 1  # of six words one
    assert made["lower case"][3].input["text"] == "the parcel number 3 never arrived here"
    assert all(a.input["text"].split() == b.input["text"].split() for a, b in
               zip(made["surplus blanks"], ROWS, strict=True))  # fmt: skip
    assert variants(TASK, ROWS, seed=1) == made != variants(TASK, ROWS, seed=2)


def test_a_text_in_which_answers_stand_is_left_alone() -> None:
    asking = Task(TaskType.QUESTION_ANSWERING, "x", (Field("question"), Field("context")), Field("answer"))
    rows = [Example({"question": "Where did Ada live?", "context": "Ada lived in Orrin."}, "Orrin")]
    for changed in variants(asking, rows, seed=0).values():
        assert changed[0].input["context"] == rows[0].input["context"]
        assert changed[0].input["question"] != rows[0].input["question"]
    finding = replace(TASK, type=TaskType.EXTRACTION)
    assert variants(finding, ROWS, seed=0) == {}
    record = replace(TASK, type=TaskType.RECORDS, record=(RecordField("who", "span"),))
    assert variants(record, ROWS, seed=0) == {}
    assert variants(replace(record, record=(RecordField("mood", "label"),)), ROWS, seed=0)


def test_what_is_lost_is_told_with_its_interval() -> None:
    said = ["late"] * 40
    others = {"typing errors": ["late"] * 30 + ["lost"] * 10, "lower case": said}
    errors, case = compared(Accuracy(), ROWS, said, others, resamples=500, seed=0)
    assert (errors.before, errors.after, errors.same) == (1.0, 0.75, 0.75)
    assert errors.difference.value == -0.25
    assert errors.difference.low < -0.25 < errors.difference.high < 0
    assert (case.difference.low, case.difference.high, case.same) == (0, 0, 1.0)
    (rate,) = compared(ErrorRate(), ROWS, said, {"x": ["a b"] * 40}, resamples=50, seed=0)
    assert (rate.before, rate.after) == (0.0, 2.0)  # more is worse, and said as it is
    with pytest.raises(ValueError, match="longer"):
        compared(Accuracy(), ROWS, said, {"x": said[:3]}, resamples=5, seed=0)
