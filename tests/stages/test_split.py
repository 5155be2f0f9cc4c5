"""The split stage: nothing near and no group crosses a border, and a user's own test set is sacred."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from itertools import chain, combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2m.curation.similar import fold
from p2m.errors import DataError
from p2m.stages.split import BORDER, split
from p2m.types import FEEDBACK, Example, Examples, Field, Split, Splitting, Task, TaskType

INTENT = Task(
    type=TaskType.CLASSIFICATION,
    instruction="",
    inputs=(Field("text"),),
    output=Field("label"),
    labels=("play", "stop"),
)
SPANS = Task(TaskType.QUESTION_ANSWERING, "", (Field("text"),), Field("output"))
FREE = Task(type=TaskType.TEXT_TO_TEXT, instruction="", inputs=(Field("text"),), output=Field("output"))
WORDS = ["".join(random.Random(n).choices("abcdefghijklmnopqrst", k=6)) for n in range(400)]


def row(seed: int, output: str = "", source: str = "generated:t", group: str = "") -> Example:
    text = " ".join(random.Random(f"row{seed}").choices(WORDS, k=9))
    return Example({"text": text}, output or f"answer {seed}", source=source, group=group)


def cut(rows: list[Example], task: Task = FREE, seed: int = 0, **given_: object) -> Split:
    parts = [Examples(tuple(given_.pop(n))) if n in given_ else None for n in ("validation", "test")]  # type: ignore[arg-type]
    return split(task, Examples(tuple(rows)), *parts, splitting=Splitting(**given_), seed=seed)  # type: ignore[arg-type]


def similar(left: Example, right: Example) -> bool:
    a, b = (shingles(r.input["text"]) for r in (left, right))
    return len(a & b) / len(a | b) >= BORDER


@lru_cache(maxsize=200)
def shingles(text: str) -> frozenset[str]:
    return frozenset(fold(text)[n : n + 5] for n in range(max(1, len(text) - 4)))


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), own_test=st.booleans(), own_validation=st.booleans())
def test_no_group_and_no_near_pair_crosses_a_border(seed: int, own_test: bool, own_validation: bool) -> None:
    lot = random.Random(seed)
    rows: list[Example] = []
    for number in range(60):
        base = row(number)
        if rows and lot.random() < 0.25:
            base = Example({"text": lot.choice(rows).input["text"] + lot.choice(["", ".", "s"])}, "")
        group, source = (
            lot.choice(["", "", "", "g1", "g2", "g3"]),
            lot.choice(["user", "user", "generated:t"]),
        )
        rows.append(Example(base.input, f"answer {number}", source=source, group=group))
    given_ = {}
    if own_test:
        given_["test"] = [row(1000, source="user"), *lot.choices(rows, k=lot.randint(0, 4))]
    if own_validation:
        given_["validation"] = [row(2000, source="user"), *lot.choices(rows, k=lot.randint(0, 4))]
    try:
        found = cut(rows, seed=seed, **given_)
    except DataError as error:
        assert "alike" in str(error)  # noqa: PT017
        return
    for left, right in combinations((found.train, found.validation, found.test), 2):
        assert not {(r.source, r.group) for r in left if r.group} & {(r.source, r.group) for r in right}
        assert not any(similar(a, b) for a in left for b in right)
    if own_test:
        assert found.test == tuple(given_["test"])
    assert {r.output for r in chain(found.train, found.validation, found.test)} <= {
        r.output for r in chain(rows, *given_.values())
    }


def test_without_own_sets_every_row_lands_in_exactly_one_part() -> None:
    rows = [row(n) for n in range(1200)]
    found = cut(rows)
    parts = [*found.train, *found.validation, *found.test]
    assert sorted(r.output for r in parts) == sorted(r.output for r in rows)
    assert len(found.test) == 200
    assert len(found.validation) == 60
    assert found.judged == found.test
    assert found.train != tuple(r for r in rows if r in found.train)  # shuffled
    assert cut(rows) == found
    assert cut(rows, seed=1).test != found.test


def test_a_users_test_set_is_kept_whole_and_never_sampled_from() -> None:
    test = [row(n, source="") for n in range(900, 1300)]
    found = cut([row(n) for n in range(200)], test=test, max_test=10)
    assert found.test == tuple(test)
    assert found.evidence == "gold"
    assert not {r.output for r in (*found.train, *found.validation)} & {r.output for r in test}


def test_rows_give_way_to_the_users_own_sets_and_are_counted() -> None:
    rows = [row(n) for n in range(100)]
    found = cut(rows, test=[rows[3], row(500)], validation=[rows[4], row(500), row(501)])
    counts = {count.what: count.rows for count in found.counts}
    assert counts["given up: near a test row"] == 1
    assert counts["given up: near a validation row"] == 1
    assert counts["given up: of the validation set, near a test row"] == 1
    assert found.validation == (rows[4], row(501))
    assert len(found.train) == 98


def test_the_evidence_is_that_of_the_most_trusted_origin_with_enough_rows() -> None:
    generated = [row(n) for n in range(600)]
    found = cut([row(n, source="retrieved:squad") for n in range(1000, 1150)] + generated)
    assert found.evidence == "retrieved"
    assert all(r.source.startswith("retrieved") for r in found.test)
    assert len(found.test) == 75  # half of what there is, so that the other half still teaches
    assert cut([row(n, source="user") for n in range(1000, 1120)] + generated).evidence == "set aside"
    few = cut([row(n, source="user") for n in range(1000, 1020)] + generated)
    assert few.evidence == "synthetic"
    assert all(r.source.startswith("generated") for r in few.test)


def test_a_synthetic_test_set_has_templates_that_training_never_saw_and_facts_of_known_ones() -> None:
    rows = [
        row(n, source=f"generated:embedded:{n % 50}", group=f"fact {n % 50} {n // 100}") for n in range(2000)
    ]
    found = cut(rows)
    known = {r.source for r in found.train}
    unseen = [r for r in found.test if r.source not in known]
    assert len(found.test) <= 200
    assert 0.25 * len(found.test) < len(unseen) < 0.75 * len(found.test)
    assert found.figures["test_rows_of_unseen_templates"] == len(unseen)
    assert len(known) >= 45


def test_with_few_templates_none_is_held_out_whole() -> None:
    rows = [row(n, source=f"generated:{n % 4}") for n in range(400)]
    assert cut(rows).figures["test_rows_of_unseen_templates"] == 0


def test_a_classification_is_stratified() -> None:
    rows = [row(n, "play" if n % 10 else "stop", source="user") for n in range(1500)]
    found = cut(rows, INTENT)
    for part in (found.test, found.validation, found.train):
        share = sum(r.output == "stop" for r in part) / len(part)
        assert share == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("source", ["user", "generated:x"])
def test_a_remedy_is_one_that_there_is(source: str) -> None:
    for rows, task in (
        ([row(n, "play", source=source) for n in range(50)], INTENT),
        ([row(n, "play", source=source) for n in range(50)], replace(INTENT, labels=())),
        ([row(n, source=source) for n in range(5)], INTENT),
    ):
        with pytest.raises(DataError) as caught:
            cut(rows, task)
        assert ("generation.num_examples" in str(caught.value)) is (source != "user")
        is_named = bool(task.labels) and len(rows) == 50
        assert ("take the label out" in str(caught.value)) is is_named


def test_rows_in_one_group_cannot_be_split_and_the_error_says_what_to_do() -> None:
    with pytest.raises(DataError, match=r"data\.validation and data\.test"):
        cut([row(n, group="one") for n in range(50)])
    with pytest.raises(DataError, match="5 rows are too few"):
        cut([row(n) for n in range(5)])
    with pytest.raises(DataError, match="no row to learn 'stop' from"):
        cut([row(n, "play") for n in range(50)], INTENT)
    with pytest.raises(DataError, match="test has no rows"):
        cut([row(n) for n in range(50)], test=[])
    with pytest.raises(DataError, match=r"test_share=0\.7 must lie between"):
        cut([row(n) for n in range(50)], test_share=0.7)


def test_gold_rows_that_do_not_fit_the_task_are_kept_and_counted() -> None:
    rows = [row(n, "play" if n % 2 else "stop") for n in range(60)]
    found = cut(rows, INTENT, test=[row(900, "play"), row(901, "Stop")])
    counts = {count.what: count.rows for count in found.counts}
    assert counts["test rows that do not fit the task: output is none of the labels"] == 1
    assert len(found.test) == 2


# --------------------------------------------------------------------------- few rows: folds


def own(number: int, output: str = "", group: str = "") -> Example:
    return row(number, output, source="user", group=group)


def test_of_few_own_rows_none_is_set_aside_and_folds_of_them_judge() -> None:
    rows = [own(n) for n in range(200)]
    found = cut(rows, SPANS)
    assert found.evidence == "cross-validation"
    assert found.is_cross_validated
    assert found.validation == found.test == ()
    assert sorted(r.output for r in found.train) == sorted(r.output for r in rows)
    assert found.judged == found.train
    assert Counter(found.folds) == dict.fromkeys(range(5), 40)
    assert cut(rows, SPANS) == found
    assert cut(rows, SPANS, seed=1).train != found.train
    assert Counter(cut(rows, SPANS, folds=4).folds) == dict.fromkeys(range(4), 50)


def test_six_own_rows_are_enough_to_fold() -> None:
    found = cut([own(n) for n in range(6)], SPANS)
    assert sorted(Counter(found.folds).values()) == [1, 1, 1, 1, 2]


def test_rows_are_few_below_the_setting_and_only_where_all_are_the_users_own() -> None:
    rows = [own(n) for n in range(300)]
    assert cut(rows, SPANS, cross_validate_below=301).is_cross_validated
    enough = cut(rows, SPANS, cross_validate_below=300)
    assert enough.evidence == "set aside"
    assert len(enough.test) == 60
    mixed = cut([*rows, row(300)], SPANS)
    assert not mixed.is_cross_validated
    assert mixed.test


def test_rows_that_people_judged_in_service_are_only_learnt_from() -> None:
    rows = [own(n) for n in range(300)]
    said = [row(n, source=FEEDBACK) for n in range(300, 400)]
    found = cut([*said, *rows], SPANS, cross_validate_below=300)
    assert (found.evidence, len(found.test), len(found.validation) > 0) == ("set aside", 80, True)
    assert {each.source for each in (*found.test, *found.validation)} == {"user"}
    assert {each.output for each in said} <= {each.output for each in found.train}
    alone = cut(said, SPANS, cross_validate_below=0)  # where nothing else is there, they judge
    assert alone.test


def test_the_users_own_sets_take_part_in_no_fold() -> None:
    rows = [own(n, "play" if n % 2 else "stop") for n in range(100)]
    judged = cut(rows, INTENT, test=[own(900, "play")])
    assert judged.evidence == "gold"
    assert judged.judged == judged.test
    assert len(judged.folds) == len(judged.train) == 100
    assert (
        cut([own(n) for n in range(100)], SPANS, test=[own(900)]).folds == ()
    )  # nothing to choose between by folds
    stopped = cut(rows, SPANS, validation=[own(901)])
    assert stopped.is_cross_validated
    assert stopped.validation == (own(901),)
    assert len(stopped.folds) == 100


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), labels=st.booleans(), folds=st.integers(2, 7))
def test_every_row_is_in_one_fold_and_no_group_or_near_pair_in_two(
    seed: int, labels: bool, folds: int
) -> None:
    lot = random.Random(seed)
    rows: list[Example] = []
    for number in range(60):
        answer = lot.choice(["play", "stop"]) if labels else f"answer {number}"
        text = own(number).input["text"]
        if rows and lot.random() < 0.25:
            text = lot.choice(rows).input["text"] + lot.choice(["", ".", "s"])
        group = lot.choice(["", "", "", "g1", "g2", "g3"])
        rows.append(Example({"text": text}, answer, source="user", group=group))
    found = cut(rows, INTENT if labels else SPANS, seed=seed, folds=folds)
    assert len(found.folds) == len(found.train) == 60
    assert set(found.folds) <= set(range(folds))
    for (left, one), (right, two) in combinations(zip(found.train, found.folds, strict=True), 2):
        if one != two:
            assert not (left.group and left.group == right.group)
            assert not similar(left, right)
    sizes = Counter(found.folds)
    assert max(sizes.values()) <= 60 / folds + found.figures["largest_unit_rows"] + 1


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), counts=st.lists(st.integers(1, 40), min_size=2, max_size=6))
def test_folds_are_stratified_and_of_about_one_size(seed: int, counts: list[int]) -> None:
    names = [f"label {n}" for n, count in enumerate(counts) for _ in range(count)]
    names += ["label 0"] * max(0, 20 - len(names))
    task = Task(TaskType.CLASSIFICATION, "", (Field("text"),), Field("label"))
    found = cut([own(n, name) for n, name in enumerate(names)], task, seed=seed)
    spread = Counter(zip(found.folds, (r.output for r in found.train), strict=True))
    for name in set(names):
        shares = [spread[fold, name] for fold in range(5)]
        assert max(shares) - min(shares) <= 1
    sizes = [sum(1 for each in found.folds if each == fold) for fold in range(5)]
    assert max(sizes) - min(sizes) <= len(set(names))


def test_rows_that_are_all_in_one_group_cannot_be_folded() -> None:
    """A fold that leaves nothing to learn from judges nothing."""
    with pytest.raises(DataError, match=r"data\.validation and data\.test"):
        cut([own(n, group="one") for n in range(50)], SPANS)
    with pytest.raises(DataError, match=r"data\.validation and data\.test"):
        cut([row(n, "play" if n % 2 else "stop", group="one") for n in range(50)], INTENT)
    rows = [own(n, "play" if n % 2 else "stop", group="one") for n in range(50)]
    assert cut(rows, INTENT, test=[own(900, "play")]).folds == ()


def test_text_is_judged_by_rows_set_aside_however_few_and_folds_only_choose() -> None:
    found = cut([own(n) for n in range(200)], FREE)
    assert found.evidence == "set aside"
    assert (len(found.test), len(found.folds)) == (40, len(found.train))
    assert not found.is_cross_validated
    assert found.validation
    judged = cut([own(n) for n in range(200)], FREE, test=[own(900)])
    assert judged.validation
