"""Linear records: what stands in a text and what the whole of it tells, with and without states of words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_records import RECORD, ROWS, assert_valid

from p2m.deploy.serving.predictor import Predictor
from p2m.errors import DataError
from p2m.students.labels import labels_of
from p2m.students.linear_records import LinearRecords
from p2m.students.linear_records_minilm import LinearRecordsMiniLM
from p2m.types import Example, Lesson, LinearStudent, RecordField, Task, TaskType


def solved(student: LinearStudent, task: Task, rows: Sequence[Example], folder: Path) -> Predictor:
    encoder = None
    if student.encoder is not None:
        encoder = folder / "encoder"
        student.encoder.export(encoder)
    student.solve(Lesson(task, labels_of(task, rows), tuple(rows), None, encoder), folder / "solved")
    return Predictor(folder / "solved")


def said(model: Predictor, *texts: str) -> list[dict[str, Any]]:
    return [each.shaped for each in model.predict([{"text": text} for text in texts], batch_size=4)]


@pytest.mark.parametrize("family", ["words", "states"])
def test_every_field_is_learnt_and_answers_are_valid(family: str, tiny_bert: Path, tmp_path: Path) -> None:
    student: LinearStudent = LinearRecords()
    if family == "states":
        student = LinearRecordsMiniLM(model=str(tiny_bert), sha256="", layers=1, window=24)
    model = solved(student, RECORD, ROWS[:60], tmp_path)
    found = said(model, *(row.input["text"] for row in ROWS[60:]))
    for one, row in zip(found, ROWS[60:], strict=True):
        assert_valid(one)
        assert one == json.loads(row.output), row.input
    for one in said(model, "Zoe lives in Bonn, is 77. Ada is away.", "?", "ok " * 90, "\u200b"):
        assert_valid(one)
    assert_valid(said(model, "\u200b")[0])  # of which the tokenizer leaves nothing
    assert found[0]["age"] in (None, 70), "a number that no row to learn from has"


def test_a_field_that_is_never_null_has_a_value_all_the_same(tmp_path: Path) -> None:
    fields = (RecordField("who", "span", nullable=False), RecordField("age", "number", nullable=False))
    task = replace(RECORD, record=fields)
    rows = [Example({"text": f"{name} is {n}"}, json.dumps({"who": name, "age": n}))
            for n, name in enumerate(["Ada", "Ben", "Cleo", "Dora", "Emil"] * 3, start=20)]  # fmt: skip
    for one in said(solved(LinearRecords(), task, rows, tmp_path), "Fay is 71", "hello", "!"):
        assert_valid(one, task)
        assert one["who"]


def test_labels_alone_and_spans_alone_do(tmp_path: Path) -> None:
    for number, fields in enumerate((RECORD.record[:1], RECORD.record[1:2], RECORD.record[4:])):
        task, names = replace(RECORD, record=fields), [field.name for field in fields]
        rows = [replace(row, output=json.dumps({name: json.loads(row.output)[name] for name in names}))
                for row in ROWS[:40]]  # fmt: skip
        model = solved(LinearRecords(), task, rows, tmp_path / str(number))
        assert said(model, *(row.input["text"] for row in rows)) == [json.loads(row.output) for row in rows]


def test_what_cannot_be_learnt_is_said(tmp_path: Path) -> None:
    assert LinearRecords().refusal(RECORD) is None
    assert "answers with records" in (
        LinearRecords().refusal(replace(RECORD, type=TaskType.EXTRACTION)) or ""
    )
    written = replace(RECORD, record=(RecordField("reply", "text"),))
    assert "cannot write the text of 'reply'" in (LinearRecords().refusal(written) or "")
    assert "knows en" in (LinearRecordsMiniLM().refusal(replace(RECORD, language="de")) or "")
    bad = replace(ROWS[0], output=json.dumps(json.loads(ROWS[0].output) | {"tags": ["loud"]}))
    with pytest.raises(DataError, match="'loud'"):
        solved(LinearRecords(), RECORD, [*ROWS[:9], bad], tmp_path)
