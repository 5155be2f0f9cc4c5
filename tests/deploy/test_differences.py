"""Two answers side by side, as reports and cards show them."""

from __future__ import annotations

import json

from p2m.deploy.differences import apart
from p2m.types import Field, Layout, RecordField, Task, TaskType

TYPED = Task(TaskType.EXTRACTION, "", (Field("text"),), Field("spans"), layout=Layout(has_types=True))
DATES = Task(
    TaskType.EXTRACTION, "", (Field("text"),), Field("dates"), none="N/A",
    layout=Layout(style="text", has_values=True),
)  # fmt: skip
RECORD = Task(TaskType.RECORDS, "", (Field("text"),), Field("bug"), record=(RecordField("where", "span"),))


def test_only_spans_that_differ_are_told() -> None:
    ann, rome = (
        {"type": kind, "text": text, "start": start, "end": start + len(text)}
        for kind, text, start in (("who", "Ann", 0), ("where", "Rome", 9))
    )
    said, right = (json.dumps(each) for each in ([ann, {**rome, "type": "who"}], [ann, rome]))
    assert apart(TYPED, said, right) == ("who: Rome (and 1 right)", "where: Rome")
    assert apart(TYPED, "[]", right) == ("(nothing)", "who: Ann; where: Rome")
    assert apart(DATES, "May == 5 | June == 6", "May == 4 | June == 6") == (
        "May = 5 (and 1 right)",
        "May = 4",
    )
    assert apart(DATES, "May == 5", "N/A") == ("May = 5", "(nothing)")


def test_only_fields_that_differ_are_told() -> None:
    said, right = '{"where": "menu", "n": 3, "bad": true}', '{"where": null, "n": 3, "bad": true}'
    assert apart(RECORD, said, right) == ("where: menu (and 2 right)", "where: null")
    assert apart(RECORD, "", right)[0] == "(nothing)"


def test_other_answers_are_told_as_they_are() -> None:
    task = Task(TaskType.TEXT_TO_TEXT, "", (Field("text"),), Field("text"))
    assert apart(task, "", "a") == ("(nothing)", "a")
