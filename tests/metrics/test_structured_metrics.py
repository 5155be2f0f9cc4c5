"""Metrics of spans and records: hand-computed cases, and the laws that they obey."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from p2m.metrics.base import Metric
from p2m.metrics.exact_match import ExactMatch
from p2m.metrics.field_accuracy import FieldAccuracy
from p2m.metrics.span_f1 import SpanF1
from p2m.types import Field, Layout, Task, TaskType

ANN = {"type": "who", "text": "Ann", "start": 0, "end": 3}
ANN_LATER = {"type": "who", "text": "Ann", "start": 9, "end": 12}
ROME = {"type": "where", "text": "Rome", "start": 4, "end": 8}


def without(*names: str, **span: object) -> dict[str, object]:
    return {name: value for name, value in span.items() if name not in names}


def bare(*spans: dict[str, object]) -> str:
    return json.dumps([without("start", "end", **span) for span in spans])


def score(metric: Metric, said: list[str], right: list[list[str]]) -> float:
    return metric.value(metric.statistics(said, right))


@pytest.mark.parametrize(
    ("said", "right", "f1", "exact"),
    [
        ([ANN, ROME], [ROME, ANN], 1.0, 1.0),
        ([ANN], [ANN, ROME], 2 / 3, 0.0),
        ([ANN], [ANN_LATER], 0.0, 0.0),
        ([{**ANN, "type": "where"}], [ANN], 0.0, 0.0),
        ([{**ANN, "end": 2}], [ANN], 0.0, 0.0),
        ([], [], 1.0, 1.0),
        ([ANN], [], 0.0, 0.0),
        ([{**ANN, "value": "1"}], [{**ANN, "value": "2"}], 0.0, 0.0),
    ],
)
def test_a_span_is_right_where_borders_and_type_are(said: list, right: list, f1: float, exact: float) -> None:
    pair = [json.dumps(said)], [[json.dumps(right)]]
    assert score(SpanF1(), *pair) == pytest.approx(f1)
    assert score(ExactMatch(), *pair) == exact


def test_places_are_optional_on_either_side() -> None:
    with_places, without_places = json.dumps([ANN, ANN_LATER, ROME]), bare(ROME, ANN)
    for pair in ([with_places], [[without_places]]), ([without_places], [[with_places]]):
        assert score(SpanF1(), *pair) == 1.0
        assert score(ExactMatch(), *pair) == 1.0
    assert score(SpanF1(), [bare(ROME)], [[with_places]]) == pytest.approx(2 / 3)


def test_it_is_micro_over_rows_and_takes_the_best_of_several_answers() -> None:
    said = [json.dumps([ANN]), json.dumps([ANN, ROME]), "no list"]
    right = [[json.dumps([ANN])], [json.dumps([]), json.dumps([ROME])], [json.dumps([ROME])]]
    assert score(SpanF1(), said, right) == pytest.approx(2 * 2 / (4 + 3))


def test_spans_as_text_are_read_as_the_task_writes_them() -> None:
    layout = Layout(style="text", has_values=True, between="; ")
    task = Task(TaskType.EXTRACTION, "", (Field("text"),), Field("dates"), none="-", layout=layout)
    metric = SpanF1().suited(task)
    assert score(metric, ["a == 1; b == 2", "-"], [["b == 2;  a == 1"], ["-"]]) == 1.0
    assert score(metric, ["a == 1; b == 3", "c == 1"], [["a == 1; b == 2"], ["-"]]) == pytest.approx(2 / 5)
    assert score(SpanF1(), ["a == 1 | b == 2"], [["b == 2 | a == 1"]]) == 1.0


def test_records_are_compared_field_by_field() -> None:
    right = json.dumps({"who": "Ann", "age": 3, "ok": True, "tags": ["a", "b"], "none": None})
    said = json.dumps({"none": None, "tags": ["b", "a"], "ok": True, "age": 3.0, "who": "ann"})
    assert score(FieldAccuracy(), [said], [[right]]) == 1.0
    assert score(ExactMatch(), [said], [[right]]) == 1.0
    assert score(FieldAccuracy(normalisation="blanks"), [said], [[right]]) == pytest.approx(4 / 5)
    wrong = json.dumps({"who": None, "age": 4, "ok": 1, "tags": ["a"], "more": 2})
    assert score(FieldAccuracy(), [wrong, said], [[right], [right]]) == pytest.approx((1 + 5) / (6 + 5))
    assert score(ExactMatch(), [wrong], [[right]]) == 0.0
    assert score(FieldAccuracy(), ["no record"], [[right]]) == 0.0


@pytest.mark.parametrize("metric", [SpanF1(), FieldAccuracy(), ExactMatch()], ids=lambda each: each.name)
def test_resampled_statistics_are_those_of_the_resampled_rows(metric: Metric) -> None:
    lot = random.Random(3)
    make = (lambda: bare(*lot.sample([ANN, ROME], lot.randint(0, 2)))) if metric.name == "span_f1" else (
        lambda: json.dumps({"a": lot.randint(0, 1), "b": lot.choice(["x", None])})
    )  # fmt: skip
    said, right = [make() for _ in range(30)], [[make()] for _ in range(30)]
    numbers = np.random.default_rng(0).integers(0, 30, 30)
    drawn = metric.statistics([said[i] for i in numbers], [right[i] for i in numbers])
    assert metric.value(metric.statistics(said, right)[numbers]) == metric.value(drawn)
    assert 0 < metric.value(drawn) < 1


def test_tasks_that_they_do_not_fit_are_refused_with_what_does() -> None:
    task = Task(TaskType.EXTRACTION, "", (Field("text"),), Field("name"))
    assert "exact_match" in str(SpanF1().refusal(task))
    assert "exact_match" in str(FieldAccuracy().refusal(task))
