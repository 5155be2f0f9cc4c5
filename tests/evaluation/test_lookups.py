"""Looking up the spans and fields of training rows: what a model of spans or records must beat."""

from __future__ import annotations

import json

from p2m.evaluation.baselines import trivial
from p2m.metrics.span_f1 import SpanF1
from p2m.types import Example, Field, Layout, RecordField, Task, TaskType

SPANS = Task(
    TaskType.EXTRACTION, "", (Field("text"),), Field("names"), layout=Layout(has_types=True),
)  # fmt: skip
DATES = Task(
    TaskType.EXTRACTION, "", (Field("text"),), Field("dates"), none="N/A",
    layout=Layout(style="text", has_values=True),
)  # fmt: skip
RECORD = Task(
    TaskType.RECORDS, "", (Field("text"),), Field("bug"),
    record=(RecordField("where", "span"), RecordField("bad", "label", labels=("true", "false"))),
)  # fmt: skip


def spans(text: str, *found: tuple[str, str]) -> Example:
    listed = [
        {"type": kind, "text": span, "start": text.index(span), "end": text.index(span) + len(span)}
        for span, kind in found
    ]
    return Example({"text": text}, json.dumps(listed))


TRAIN = [
    spans("Ann went to New York in May.", ("Ann", "who"), ("New York", "where")),
    spans("May flew home to York.", ("May", "who"), ("York", "where")),
    spans("In May it rains, in May it rains."),
]


def test_the_dictionary_marks_known_spans_but_for_those_that_mostly_are_none() -> None:
    rows = [spans("May and Ann left York for New York.", ("Ann", "who"), ("York", "where"))]
    (said,) = trivial(SPANS, TRAIN, rows)["dictionary"]
    found = [(each["type"], each["text"], each["start"]) for each in json.loads(said)]
    assert found == [("who", "Ann", 8), ("where", "York", 17), ("where", "New York", 26)]


def test_the_dictionary_gives_values_and_says_where_there_are_none() -> None:
    train = [Example({"text": "on Monday or June 3"}, "Monday == 1 | June 3 == 06-03")]
    rows = [Example({"text": "June 3, a Monday"}, "?"), Example({"text": "never"}, "?")]
    assert trivial(DATES, train, rows)["dictionary"] == ["June 3 == 06-03 | Monday == 1", "N/A"]


def test_the_nearest_row_s_places_mean_nothing_elsewhere() -> None:
    rows = [spans("Yes, Ann went to New York in May!", ("Ann", "who"), ("New York", "where"))]
    said = trivial(SPANS, TRAIN, rows)["nearest"]
    assert "start" not in said[0]
    metric = SpanF1()
    assert metric.value(metric.statistics(said, [[rows[0].output]])) == 1.0


def test_fields_are_the_commonest_or_stand_in_the_text() -> None:
    train = [
        Example({"text": "the login page fails"}, '{"where": "login page", "bad": true}'),
        Example({"text": "menu and login page fail"}, '{"where": "login page", "bad": true}'),
        Example({"text": "the menu is slow"}, '{"where": "menu", "bad": false}'),
    ]
    rows = [Example({"text": "a menu is gone"}, "?"), Example({"text": "all gone"}, "?")]
    assert trivial(RECORD, train, rows)["fields"] == [
        '{"where": "menu", "bad": true}', '{"where": "login page", "bad": true}',
    ]  # fmt: skip
