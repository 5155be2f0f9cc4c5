"""Which rows are asked about, and what is said of answers so far, over vectors made here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from p2m.curation.decisions import key_of
from p2m.review.desk import Item
from p2m.review.opening import ASKED, of_service
from p2m.review.ranking import Doubt, First, Learning, QuickStudent, advice, doubts, interval, representatives
from p2m.students.linear_minilm import LinearMiniLM
from p2m.types import Example, Field, Task, TaskType

LABELS = ("a", "b", "c")
TASK = Task(TaskType.CLASSIFICATION, "Sort it.", (Field("text"),), Field("label"), LABELS)


def space(
    sizes: tuple[int, ...], *, spread: float = 0.05
) -> tuple[list[Item], dict[Any, Any], dict[str, str]]:
    """Rows around orthogonal centres, a label each."""
    lot = np.random.default_rng(0)
    items, vectors, truth = [], {}, {}
    for label, (size, centre) in zip(LABELS, zip(sizes, np.eye(8), strict=False), strict=False):
        for number in range(size):
            item = Item({"text": f"{label} {number}"})
            vector = centre + lot.normal(0, spread, 8)
            items.append(item)
            vectors[item.key] = (vector / np.linalg.norm(vector)).astype(np.float32)
            truth[item.input["text"]] = label
    return items, vectors, truth


def answered(items: list[Item], truth: dict[str, str]) -> list[Example]:
    return [Example(item.input, truth[item.input["text"]]) for item in items]


def learning(vectors: dict[Any, Any], folder: Path) -> Learning:
    return Learning(TASK, vectors, QuickStudent(TASK, LinearMiniLM(), None, folder))


def test_the_first_rows_are_of_every_cluster_the_largest_first(tmp_path: Path) -> None:
    items, vectors, truth = space((60, 30, 6))
    ranker = learning(vectors, tmp_path)
    asked = ranker.next(items, [], 3)
    assert [truth[each.item.input["text"]] for each in asked] == ["a", "b", "c"]
    assert asked == ranker.next(items, [], 3)
    assert {each.why for each in asked} == {"typical of rows like it"}


def test_what_is_answered_or_surely_known_is_not_asked_again(tmp_path: Path) -> None:
    items, vectors, truth = space((60, 30, 6))
    between = Item({"text": "either"})
    vectors[between.key] = np.float32([0.7071, 0.7071, 0, 0, 0, 0, 0, 0])
    known = [each.item for each in learning(vectors, tmp_path).next(items, [], 12)]
    left = [item for item in [*items, between] if item not in known]
    asked = learning(vectors, tmp_path).next(left, answered(known, truth), 4)
    assert between in [each.item for each in asked]
    assert next(each.why for each in asked if each.item is between) in ("unsure: a or b?", "unsure: b or a?")
    assert len({each.item.id for each in asked}) == 4


@pytest.mark.parametrize("number", [1, 5, 40])
def test_there_are_as_many_as_are_wanted_and_each_once_also_of_alike_rows(number: int) -> None:
    alike = np.repeat(np.eye(4, dtype=np.float32), 10, axis=0)
    order = representatives(alike, alike[:2], np.ones(40), number, seed=0)
    assert len(order) == len(set(order)) == number


def test_quality_says_how_good_it_is_and_stops_asking_once_half_as_many_do_as_well(tmp_path: Path) -> None:
    items, vectors, truth = space((40, 40, 40))
    ranker = learning(vectors, tmp_path)
    assert "accuracy" not in ranker.quality(answered(items[:5], truth))
    lacking = ranker.quality(answered([*items[:15], *items[40:55], items[80]], truth))
    assert lacking["pays"]
    assert "fewer than 2 answers are c" in lacking["advice"]
    some = [*items[:10], *items[40:50], *items[80:90]]
    found = ranker.quality(answered(some, truth))
    assert (found["accuracy"], found["rows"], found["pays"]) == (1.0, 30, False)
    assert "hardly pays" in found["advice"]
    assert advice(0.05, (), is_sure=False).startswith("Go on: with half of the answers it is 5 points worse")
    assert advice(0.05, (), is_sure=True).startswith("Asking more hardly pays")
    assert found["curve"] == [(31, lacking["accuracy"]), (30, 1.0)][1:]
    lot = np.random.default_rng(1)
    noise = [Example(item.input, str(lot.choice(LABELS))) for item in items]
    assert ranker.quality(noise)["accuracy"] < 0.6


def test_where_no_student_can_be_tried_it_is_said(tmp_path: Path) -> None:
    items, vectors, _ = space((10, 10))
    spans = replace(TASK, type=TaskType.EXTRACTION, labels=())
    ranker = Learning(spans, vectors, None)
    asked = ranker.next(items, [], 4)
    assert {each.why for each in asked} == {"typical of rows like it"}
    assert len(asked) == 4
    assert "p2m build says how good" in ranker.quality([Example(items[0].input, "a")])["advice"]


def test_rows_whose_answers_the_others_speak_against_are_the_most_doubtful(tmp_path: Path) -> None:
    items, vectors, truth = space((20, 20, 20))
    given = [Item(item.input, truth[item.input["text"]]) for item in items]
    given[3] = Item(given[3].input, "b")
    given[30] = Item(given[30].input, given[30].was, {"b": 0.6, "a": 0.4})
    student = QuickStudent(TASK, LinearMiniLM(), None, tmp_path)
    found = doubts(TASK, given, vectors, student, seed=0)
    first, second = sorted(found, key=lambda key: -found[key][0])[:2]
    assert (first, found[first][1]) == (given[3].key, "the other rows say a")
    assert (second, found[second][1]) == (given[30].key, "votes: 60% for it")
    assert doubts(TASK, given, vectors, None, seed=0).keys() == {given[30].key}


def test_intervals_are_wilsons() -> None:
    assert interval(8, 10) == pytest.approx((0.4902, 0.9433), abs=5e-4)
    assert interval(0, 10)[0] == pytest.approx(0.0, abs=1e-9)


def test_rows_that_have_no_vector_are_left_out_rather_than_in_the_way(tmp_path: Path) -> None:
    items, vectors, truth = space((5, 5))
    stranger = Item({"text": "not among the texts"})
    ranker = learning(vectors, tmp_path)
    asked = ranker.next([stranger, *items], [Example(stranger.input, "a")], 20)
    assert {each.item.key for each in asked} == vectors.keys()
    assert key_of(stranger.input) not in vectors
    assert ranker.next([stranger], [], 20) == []
    assert truth


def test_rows_of_the_service_come_before_all_others_until_they_are_answered(tmp_path: Path) -> None:
    task = Task(TaskType.CLASSIFICATION, "", (Field("text"),), Field("label"), labels=("a", "b"))
    (tmp_path / "desk.feedback-inputs.jsonl").write_text('{"text": "asked"}\n')
    (asked,) = of_service(tmp_path / "desk.yaml", task)
    assert (asked.input, asked.was, asked.source) == ({"text": "asked"}, "", ASKED)
    assert of_service(tmp_path / "other.yaml", task) == []
    others = [Item({"text": "sure"}, "a"), Item({"text": "doubtful"}, "a")]
    ranker = First(frozenset((asked.key,)), ASKED, Doubt({others[1].key: (0.9, "torn")}))
    assert [each.item for each in ranker.next([*others, asked], [], 20)] == [asked]
    assert [each.why for each in ranker.next(others, [], 20)] == ["torn", "not looked at"]
    assert ranker.quality([]) == {}
