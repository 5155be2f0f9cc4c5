"""What is told of two locks: nothing where nothing differs, one fact for one edit, no consequence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from some_locks import LOCK, A, B, C, locks, settings

from p2m.errors import UserError
from p2m.lock import (
    GROUPS,
    Difference,
    FilePin,
    Lock,
    MetricPin,
    ModelPin,
    Policy,
    StepPin,
    counted,
    differences,
    drift_text,
    upgrade,
)
from p2m.lock.compare import holds


def place(path: str) -> str:
    return f"recipes/qa.yaml#{path}"


def only(old: Lock, new: Lock) -> Difference:
    found = differences(old, new, place)
    assert len(found) == 1, found
    assert found[0].old != found[0].new
    return found[0]


def edited(table: Mapping[str, Any], **entries: Any) -> dict[str, Any]:
    return {name: value for name, value in {**table, **entries}.items() if value is not ...}


@given(locks)
def test_a_lock_differs_from_itself_in_nothing(lock: Lock) -> None:
    assert differences(lock, lock) == ()


@given(locks, st.data())
def test_one_setting_that_changed_came_or_went_is_one_difference_with_its_place(
    lock: Lock, data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from([*sorted(lock.settings), "training.epochs"]))
    old, new = lock.settings.get(path, ...), data.draw(settings | st.just(...))
    assume(type(old) is not type(new) or old != new)
    found = only(lock, replace(lock, settings=edited(lock.settings, **{path: new})))
    assert (found.group, found.name, found.where) == ("recipe", path, place(path))


@given(locks, st.data())
def test_one_file_that_changed_came_or_went_is_one_difference_with_the_place_of_its_input(
    lock: Lock, data: st.DataObject
) -> None:
    assume(lock.inputs)
    name = data.draw(st.sampled_from(sorted(lock.inputs)))
    files = lock.inputs[name].files
    file = data.draw(st.sampled_from([*sorted(files), "new.jsonl"]))
    pin = data.draw(st.just(FilePin("f" * 64, 1)) | st.just(...))
    assume(files.get(file, ...) != pin)
    inputs = {**lock.inputs, name: replace(lock.inputs[name], digest=A, files=edited(files, **{file: pin}))}
    found = only(lock, replace(lock, inputs=inputs))
    section = "retriever.sources" if name.startswith("catalogue") else name
    assert (found.group, found.name, found.where) == ("inputs", f"{name} {file}", place(section))


@given(locks, st.sampled_from(["packages", "code"]), st.text(min_size=1) | st.just(...), st.data())
def test_one_package_or_module_is_one_difference(
    lock: Lock, group: str, value: Any, data: st.DataObject
) -> None:
    table = getattr(lock, group)
    name = data.draw(st.sampled_from([*sorted(table), "torch"]))
    assume(table.get(name, ...) != value)
    found = only(lock, replace(lock, **{group: edited(table, **{name: value})}))
    assert (found.group, found.name) == (group, name)


def test_a_file_replaced_by_another_of_the_same_size_shows_both_digests() -> None:
    gold = replace(LOCK.inputs["data.test"], digest=C, files={"gold.jsonl": FilePin(C, 351)})
    found = only(LOCK, replace(LOCK, inputs={**LOCK.inputs, "data.test": gold}))
    assert str(found) == (
        f"data.test gold.jsonl: {B[:12]} (351 bytes) -> {C[:12]} (351 bytes)  recipes/qa.yaml#data.test"
    )


def test_another_version_of_p2m_is_a_difference_of_its_own_group() -> None:
    assert str(only(LOCK, replace(LOCK, p2m="0.2.0"))) == "version: 0.1.0 -> 0.2.0"


def test_changed_weights_are_told_by_file_and_weights_that_are_not_here_are_not() -> None:
    assert LOCK.weights is not None
    other = replace(LOCK.weights, files={"model.safetensors": FilePin(B, 90_000)})
    assert only(LOCK, replace(LOCK, weights=other)).name == "weights of minilm model.safetensors"
    assert differences(LOCK, replace(LOCK, weights=replace(other, files={}))) == ()


def with_step(name: str, **changes: Any) -> Lock:
    return replace(LOCK, steps={**LOCK.steps, name: replace(LOCK.steps[name], **changes)})


def test_another_output_of_a_pure_step_is_drift_and_of_a_seeded_one_is_not() -> None:
    assert only(LOCK, with_step("parse", output=C)).name == "parse: output"
    assert differences(LOCK, with_step("train", output=A)) == ()


def test_another_key_is_drift_but_not_below_a_seeded_step() -> None:
    assert only(LOCK, with_step("parse", key=C)).name == "parse: key"
    assert only(LOCK, with_step("train", key=C)).name == "train: key"
    assert differences(LOCK, with_step("report", key=A)) == ()
    assert differences(LOCK, with_step("report", key=A, output=B)) == ()


def test_below_a_seeded_step_a_pure_step_must_still_give_the_same_for_the_same_key() -> None:
    assert only(LOCK, with_step("report", output=B)).name == "report: output"


def test_other_wiring_is_drift_wherever_the_step_stands() -> None:
    for name in LOCK.steps:
        assert only(LOCK, with_step(name, own="f" * 16)).name == f"{name}: stage, settings or wiring"


def test_what_is_not_known_is_no_difference() -> None:
    steps = {name: replace(pin, key="", output="") for name, pin in LOCK.steps.items()}
    unbuilt = replace(LOCK, steps=steps, metrics={}, model=None, datasets={})
    assert differences(LOCK, unbuilt) == ()
    assert differences(replace(LOCK, steps={}, metrics={}, model=None), LOCK) == ()


def test_consequences_are_not_told_beside_their_cause() -> None:
    other = replace(with_step("parse", key=C, output=A), packages={**LOCK.packages, "torch": "2.14.0"})
    steps = {**other.steps, "new": StepPin("pure", "9" * 16)}
    assert only(LOCK, replace(other, steps=steps)).group == "packages"


def test_metrics_are_held_to_their_tolerance() -> None:
    inside = replace(LOCK, metrics={"exact_match": MetricPin(0.60, 0.01)})
    outside = replace(LOCK, metrics={"exact_match": MetricPin(0.61, 0.01)})
    assert differences(LOCK, inside) == ()
    assert str(only(LOCK, outside)) == "exact_match: 0.5200 (within 0.0800) -> 0.6100"


@pytest.mark.parametrize(
    ("change", "does"),
    [
        ({}, True),
        ({"metrics": {"exact_match": MetricPin(0.55, 0.07)}}, True),
        ({"model": ModelPin(22_000_000, 24_000_100, "int8")}, True),
        ({"model": ModelPin(22_000_000, 24_000_000, "fp32")}, False),
        ({"metrics": {"exact_match": MetricPin(0.7, 0.08)}}, False),
        ({"settings": {**LOCK.settings, "seed": 1}}, False),
        ({"recipe": "other.yaml"}, False),
        ({"weights": replace(LOCK.weights, files={})}, False),
    ],
)
def test_a_lock_holds_where_only_what_may_differ_does(change: dict[str, Any], does: bool) -> None:
    assert holds(LOCK, replace(LOCK, **change)) is does


def test_of_steps_only_what_may_differ_lets_a_lock_hold() -> None:
    for name, field, does in (
        ("train", "output", True), ("report", "key", True),
        ("parse", "output", False), ("train", "own", False),
    ):  # fmt: skip
        pin = replace(LOCK.steps[name], **{field: "9" * len(getattr(LOCK.steps[name], field))})
        assert holds(LOCK, replace(LOCK, steps={**LOCK.steps, name: pin})) is does
    without = replace(LOCK, metrics={}, model=None)
    assert not holds(without, LOCK)


def test_a_larger_model_is_told_and_a_few_bytes_are_not() -> None:
    assert LOCK.model is not None
    assert differences(LOCK, replace(LOCK, model=replace(LOCK.model, size=24_100_000))) == ()
    assert only(LOCK, replace(LOCK, model=replace(LOCK.model, size=25_000_000))).name == "size"
    assert only(LOCK, replace(LOCK, model=ModelPin(23_000_000, 24_000_000, "int8"))).name == "parameters"


def test_one_number_and_its_text_are_told_apart() -> None:
    found = only(LOCK, replace(LOCK, settings={**LOCK.settings, "seed": "0"}))
    assert (found.old, found.new) == ("0", "'0'")


def test_long_texts_are_shown_around_the_first_difference() -> None:
    long = {"prompt": "word " * 50 + "here " + "word " * 50}
    old, new = (replace(LOCK, settings={"prompt": text}) for text in (long["prompt"], long["prompt"] + "x"))
    assert len(str(only(old, new))) < 200


def test_groups_can_be_ignored_and_unknown_ones_are_refused() -> None:
    new = replace(LOCK, code={"p2m.stages.train": "f" * 16}, p2m="0.2.0")
    found = differences(LOCK, new)
    assert [one.group for one in counted(found, ("code",))] == ["p2m"]
    with pytest.raises(UserError, match="did you mean 'packages'"):
        Policy(ignore=("package",))


def test_the_text_groups_what_it_tells() -> None:
    found = [Difference(group, group, "1", "2") for group in reversed(GROUPS)]
    heads = [
        line.split()[0] for line in drift_text(found).splitlines() if line.startswith("  ") and line[2] != " "
    ]
    assert heads == list(GROUPS)


# --------------------------------------------------------------------------- upgrades

NOW = replace(
    LOCK,
    packages={"torch": "2.14.0", "numpy": "2.5.0"},
    inputs={
        **LOCK.inputs,
        "data.test": replace(LOCK.inputs["data.test"], files={"gold.jsonl": FilePin(C, 9)}),
    },
    metrics={"exact_match": MetricPin(0.6, 0.08)},
)


@pytest.mark.parametrize("names", [["packages", "data.test"], ["torch", "numpy", "data.test"], []])
def test_upgrading_everything_that_changed_gives_the_lock_of_now(names: list[str]) -> None:
    upgraded = upgrade(LOCK, NOW, names)
    assert upgraded.lock == NOW
    assert upgraded.left == ()
    assert {one.group for one in upgraded.changes} >= {"inputs", "packages"}


def test_upgrading_one_name_leaves_the_others_as_drift_and_drops_results_of_no_build() -> None:
    upgraded = upgrade(LOCK, NOW, ["torch"])
    assert upgraded.lock.packages == {"torch": "2.14.0", "numpy": "2.4.6"}
    assert [one.name for one in upgraded.changes] == ["torch"]
    assert sorted(one.name for one in upgraded.left) == ["data.test gold.jsonl", "numpy"]
    assert upgraded.lock.steps == upgraded.lock.metrics == {}


def test_upgrading_what_did_not_change_changes_nothing() -> None:
    upgraded = upgrade(LOCK, NOW, ["teacher", "minilm", "catalogue"])
    assert upgraded.lock == LOCK
    assert upgraded.changes == ()
    assert len(upgraded.left) == 3


def test_upgrading_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UserError, match=r"did you mean 'data\.test'"):
        upgrade(LOCK, NOW, ["data.tset"])
