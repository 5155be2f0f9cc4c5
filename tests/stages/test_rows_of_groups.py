"""Rows of one group are never parted: not by the split, the folds, or what a student holds out for itself."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Here
from hypothesis import given, settings
from hypothesis import strategies as st

from p2m.deploy.serving.shapes import write_labels
from p2m.errors import DataError
from p2m.evaluation.base import interval, swaps, units_of
from p2m.metrics.accuracy import Accuracy
from p2m.metrics.micro_f1 import MicroF1
from p2m.stages.collect import collect
from p2m.stages.cross_validate import cross_validate
from p2m.stages.lessons import Material, solve_and_ask, solve_and_decide
from p2m.stages.read import read
from p2m.stages.split import split
from p2m.students import linear
from p2m.students.dealing import dealt
from p2m.students.linear_tfidf import LinearTfidf
from p2m.students.strengths import chosen
from p2m.types import (
    GROUPED,
    Example,
    Examples,
    Field,
    Files,
    Lesson,
    Split,
    Splitting,
    Task,
    TaskType,
)

TEAMS = ("billing", "sales", "technical")
TASK = Task(TaskType.CLASSIFICATION, "Say which team answers.", (Field("text"),), Field("team"), TEAMS)
TAGS = replace(TASK, type=TaskType.MULTI_LABEL)
VOCABULARY = ["".join(random.Random(n).choices("abcdefghijklmnop", k=6)) for n in range(300)]
HINTS = {team: [f"{team[:2]}{word[:5]}" for word in VOCABULARY[n * 20 : n * 20 + 20]]
         for n, team in enumerate(TEAMS)}  # fmt: skip


def messages(customers: range, each: int = 10, source: str = "user") -> tuple[Example, ...]:
    """Of every customer some, with words and mostly a team of their own."""
    found = []
    for customer in customers:
        lot = random.Random(f"customer {customer}")
        style, own = lot.sample(VOCABULARY, 6), lot.choice(TEAMS)
        for _ in range(each):
            team = own if lot.random() < 0.8 else lot.choice(TEAMS)
            words = [*lot.choices(VOCABULARY, k=7), *lot.choices(style, k=5)]
            words += [lot.choice(HINTS[team] if lot.random() < 0.4 else VOCABULARY) for _ in range(3)]
            lot.shuffle(words)
            row = Example({"text": " ".join(words)}, team, source=source, group=f"{GROUPED}c{customer}")
            found.append(row)
    return tuple(found)


def cut(rows: Sequence[Example], test: Sequence[Example] = (), seed: int = 0, **words: Any) -> Split:
    own = Examples(tuple(test)) if test else None
    return split(TASK, Examples(tuple(rows)), None, own, splitting=Splitting(**words), seed=seed)


def ungrouped(rows: Sequence[Example]) -> tuple[Example, ...]:
    return tuple(replace(row, group="") for row in rows)


def parted(*parts: Sequence[Example]) -> set[str]:
    """Groups that have rows in several of these."""
    names = [{row.group for row in part if row.group} for part in parts]
    return {name for left, right in combinations(names, 2) for name in left & right}


def by_fold(rows: Sequence[Example], folds: Sequence[int]) -> list[list[Example]]:
    return [[row for row, one in zip(rows, folds, strict=True) if one == fold] for fold in sorted(set(folds))]


# --------------------------------------------------------------------------- the law


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000), customers=st.integers(8, 30), each=st.integers(1, 12),
    below=st.sampled_from([0, 1000]), own=st.integers(0, 3),
)  # fmt: skip
def test_no_group_is_on_both_sides_of_any_border(
    seed: int, customers: int, each: int, below: int, own: int
) -> None:
    lot = random.Random(seed)
    rows = [row for row in messages(range(customers), each) if lot.random() < 0.8]
    rows += ungrouped(messages(range(100, 110), 2)) + messages(range(3), 2, source="generated:t")
    lot.shuffle(rows)
    test = messages(range(own), 2)
    try:
        found = cut(rows, test, seed, cross_validate_below=below)
    except DataError as error:
        assert "groups" in str(error)  # noqa: PT017
        return
    assert not parted(found.train, found.validation, found.test)
    assert not parted(*by_fold(found.train, found.folds))


@settings(max_examples=50, deadline=None)
@given(groups=st.lists(st.sampled_from(["", "a", "b", "c", "d"]), max_size=40), folds=st.integers(2, 5))
def test_rows_are_dealt_by_groups_and_else_in_turns(groups: list[str], folds: int) -> None:
    rows = [
        Example({}, "x" if n % 3 else "y", group=name and GROUPED + name) for n, name in enumerate(groups)
    ]
    assert not parted(*by_fold(rows, dealt(rows, folds, [row.output for row in rows])))
    alone = dealt(ungrouped(rows), folds, [row.output for row in rows])
    turns: Counter[str] = Counter()
    for row, fold in zip(rows, alone, strict=True):
        assert fold == turns[row.output] % folds
        turns[row.output] += 1


@dataclass(frozen=True)
class Memory(LinearTfidf):
    """A linear student that writes down of which groups the rows were that it was taught."""

    log: str = ""

    def solve(self, lesson: Lesson, target: Path) -> int:
        with Path(self.log).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps([row.group for row in lesson.rows]) + "\n")
        return super().solve(lesson, target)


def test_what_a_student_holds_out_for_itself_is_whole_groups(tmp_path: Path) -> None:
    rows = tuple(replace(row, output=write_labels([row.output])) for row in messages(range(12), 5))
    every = Counter(row.group for row in rows)
    student = Memory(max_words=200, max_pieces=10, log=str(tmp_path / "log"))
    material = Material(TAGS, Split(rows, (), (), "cross-validation"), None, None)
    solve_and_decide(student, material, (rows, None), metric=MicroF1(), folder=tmp_path / "it")
    taught = [Counter(json.loads(line)) for line in (tmp_path / "log").read_text().splitlines()]
    assert len(taught) == 5
    assert all(count == every[name] for each in taught for name, count in each.items())
    assert sum(len(each) for each in taught[:4]) == 3 * len(every)

    sizes = []

    def solve(features: Any, lesson: Lesson, strength: float) -> Any:
        held = Counter(row.group for row in lesson.rows)
        assert all(count == every_of[name] for name, count in held.items())
        sizes.append(len(held))
        return linear.logistic(features, lesson, strength=strength, label_weight=0.0)

    many = messages(range(30), 8)
    every_of = Counter(row.group for row in many)
    features = np.random.default_rng(0).normal(size=(len(many), 5))
    chosen([(features, 1.0)], Lesson(TASK, TEAMS, many, None, None), solve)
    assert set(sizes) == {20}


def test_the_penalty_on_numbers_is_chosen_by_whole_groups() -> None:
    """Where each group has a level of its own that its features give away, more is to be held back."""
    noise = np.random.default_rng(3)
    rows, features, numbers = [], [], []
    for group in range(20):
        mark, level = noise.normal(size=15), noise.normal()
        for _ in range(6):
            rows.append(Example({"text": ""}, str(level), group=f"{GROUPED}{group}"))
            features.append(mark + 0.05 * noise.normal(size=15))
            numbers.append(level)
    task = Task(TaskType.REGRESSION, "", (Field("text"),), Field("level"))
    found = [
        linear.logistic(np.array(features), Lesson(task, ("-3", "3"), tuple(each), None, None),
                        strength=20.0, label_weight=0.0)
        for each in (rows, ungrouped(rows))
    ]  # fmt: skip
    assert np.abs(found[0].matrix).sum() < 0.7 * np.abs(found[1].matrix).sum()


# --------------------------------------------------------------------------- the false verdict


def test_a_cross_validation_says_what_rows_of_new_customers_get(tmp_path: Path) -> None:
    rows, new = messages(range(32), 12), messages(range(50, 90), 12)
    student, metric = LinearTfidf(strength=4.0, max_words=2000, max_pieces=10), Accuracy()

    def accuracy(said: Sequence[str], asked: Sequence[Example]) -> float:
        return metric.value(metric.statistics(said, [row.answers for row in asked]))

    def said(parts: Split) -> float:
        found = cross_validate(
            TASK, parts, None, None, name="it", student=student, to_choose=True, metric=metric,
            run=Here(tmp_path),
        )  # fmt: skip
        return accuracy(found.answers, [parts.train[row] for row in found.rows])

    material = Material(TASK, cut(rows), None, None)
    answers = solve_and_ask(
        student, material, (rows, None), (new, None), metric=metric, folder=tmp_path / "new"
    )  # fmt: skip
    truth = accuracy([each.output for each in answers], new)
    assert said(cut(ungrouped(rows))) > truth + 0.15
    assert abs(said(cut(rows)) - truth) < 0.06


# --------------------------------------------------------------------------- where rows are set aside


def test_rows_are_set_aside_though_a_group_has_more_of_a_label_than_its_quota() -> None:
    labels = [f"label {n}" for n in range(20)]
    task = replace(TASK, labels=tuple(labels))
    rows = [replace(row, output=labels[int(row.group.removeprefix(f"{GROUPED}c")) % 20])
            for row in messages(range(120), 10)]  # fmt: skip
    found = split(task, Examples(tuple(rows)), None, None, splitting=Splitting(), seed=0)
    assert len(found.test) >= 100
    assert not parted(found.train, found.validation, found.test)


def test_too_few_groups_are_said_with_what_to_do() -> None:
    with pytest.raises(DataError, match=r"in 3 groups .* 5 are needed.*give rows of more.*split.folds=3"):
        cut(messages(range(3), 20))
    assert set(cut(messages(range(3), 20), folds=3).folds) == {0, 1, 2}
    with pytest.raises(DataError, match=r"in 1 group .*take data.group out"):
        cut(messages(range(1), 40))


def test_a_test_set_of_the_same_groups_leaves_nothing_to_learn_from() -> None:
    rows = messages(range(12), 10)
    found = cut(rows, messages(range(4), 2))
    leak = next(count for count in found.counts if "a leak between files" in count.what)
    assert leak.rows == 40
    assert not parted(found.train, found.test)
    with pytest.raises(DataError, match=r"give a data\.test of other groups"):
        cut(rows, messages(range(12), 1))


# --------------------------------------------------------------------------- how sure a figure is


def test_rows_of_a_group_are_drawn_and_swapped_together() -> None:
    """Ten rows of one group that are right or wrong together say as much as one."""
    rows = [Example({}, "x", group=f"{GROUPED}{n // 10}") for n in range(200)]
    column = np.repeat(np.arange(20) % 2, 10).reshape(-1, 1).astype(float)
    metric = Accuracy()
    assert units_of(ungrouped(rows)) is None
    alone = interval(metric, column, resamples=1000, seed=0)
    whole = interval(metric, column, resamples=1000, seed=0, units=units_of(rows))
    assert alone[1] - alone[0] == pytest.approx(2 * 1.96 * (0.25 / 200) ** 0.5, abs=0.02)
    assert whole[1] - whole[0] == pytest.approx(2 * 1.96 * (0.25 / 20) ** 0.5, abs=0.08)
    right = [("x",)] * 200
    ours, theirs = ["x"] * 200, ["x"] * 150 + ["y"] * 50
    assert swaps(metric, ours, theirs, right, seed=0)[0] < 0.001
    assert swaps(metric, ours, theirs, right, seed=0, units=units_of(rows))[0] == pytest.approx(
        1 / 32, abs=0.02
    )


# --------------------------------------------------------------------------- reading


def test_a_column_tells_the_group_and_is_no_input(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("body,team,customer\nwhere is it,sales,7\nis it new,billing,\n")
    (tmp_path / "b.jsonl").write_text(
        '{"text": "how", "team": "sales", "customer": 7}\n{"text": "x", "team": "sales"}'
    )
    task = replace(TASK, inputs=(Field("customer_text"),))
    found = read(task, Files(tmp_path / "a.csv"), role="train", group="customer").rows
    assert [(row.input["customer_text"], row.group) for row in found] == [
        ("where is it", f"{GROUPED}7"), ("is it new", ""),
    ]  # fmt: skip
    with pytest.raises(DataError, match=r"b.jsonl:2: the row lacks the column 'customer'"):
        read(TASK, Files(tmp_path / "b.jsonl"), role="train", group="customer")
    judged = read(TASK, Files(tmp_path / "b.jsonl"), role="test", group="customer").rows
    assert [row.group for row in judged] == [f"{GROUPED}7", ""]
    texts = collect(task, Files(tmp_path / "a.csv"), group="customer").rows
    assert [row.group for row in texts] == [f"{GROUPED}7", ""]
