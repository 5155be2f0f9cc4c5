"""Laws of explaining, over random histories of one plan: edits of settings, data and shape, builds between.

P2M_CASES says how many histories the long form plays.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_executor import build
from toys import Scale, count_rows, halve, read_number, tabulate, total

from p2m.comparable import of_run, of_survey
from p2m.comparison import Comparison, compare_sides
from p2m.engine.explaining.differences import Change, compare, difference
from p2m.engine.explaining.explain import Survey, causes, why
from p2m.engine.hashing import digest_tree_of_plain, plain
from p2m.engine.journal import find_run
from p2m.engine.plan import Plan
from p2m.engine.store import KEY_TAG, Store
from p2m.saved_plan import Words, differences, read_plan, write_plan


@dataclass(frozen=True)
class State:
    """What a user may edit."""

    number: int
    plus: int
    factor: int
    extra: bool  # whether the plan has one step more


def plan_of(state: State, folder: Path) -> Plan:
    (folder / "n.txt").write_text(str(state.number))
    plan = Plan("laws")
    number = plan.add("number", read_number, plan.source("file", folder / "n.txt", origin="r.yaml:3"))
    half = plan.add("half", halve, number, None, plus=state.plus, origins={"plus": "r.yaml:5"})
    if state.extra:
        half = plan.add("more", total, half, number)
    plan.add("rows", count_rows, plan.add("table", tabulate, half, None), scale=Scale(state.factor))
    return plan


states = st.builds(State, st.integers(0, 5), st.integers(0, 2), st.integers(1, 2), st.booleans())
histories = st.lists(st.tuples(states, st.booleans()), min_size=1, max_size=5)  # whether it is built


def check(history: list[tuple[State, bool]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        store = Store(folder / "store")
        for state, built in history:
            plan = plan_of(state, folder)
            survey = Survey(plan, store)
            explains(survey)
            diffs(survey, store)
            saved_plans(survey, folder, build_it=built)


def explains(survey: Survey) -> None:
    """A difference is listed if and only if the keys differ, and every step that runs has a cause."""
    for name, key in survey.keys.items():
        before, last = survey.before(name), survey.last.get(name)
        if before is not None and last is not None:
            changes = compare(survey.plan.step(name), before, key.preimage)
            assert bool(changes) == (last.key != key.value)
    found = causes(survey)
    explained = {step for cause in found for step in cause.steps}
    running = {told.step for told in survey.previews if told.status == "run"}
    assert running == explained
    assert {step for cause in found for step in cause.follow} <= {
        told.step for told in survey.previews if told.status == "unknown"
    }
    for told in survey.previews:
        assert why(survey, told.step).status == told.status


def diffs(survey: Survey, store: Store) -> None:
    now = of_survey("now", survey)
    assert compare_sides(now, now, store).is_empty
    try:
        last = of_run(find_run(store, "last", survey.plan.name), store)
    except Exception:
        return
    assert compare_sides(last, last, store).is_empty
    forth, back = compare_sides(last, now, store), compare_sides(now, last, store)
    assert mirrored(forth) == content(back)
    same = all(last.steps[n].key == s.key for n, s in now.steps.items() if n in last.steps and s.key)
    if last.steps.keys() == now.steps.keys() and all(step.key for step in now.steps.values()):
        assert forth.is_empty == (same and last.sources.keys() == now.sources.keys() and not forth.sources)


def content(found: Comparison) -> object:
    """A comparison without its labels and places."""
    return (
        {each.step: ({bare(change) for change in each.changes}, each.note) for each in found.steps},
        set(found.follow),
        (set(found.only_old), set(found.only_new)),
        {name: {bare(change) for change in changes} for name, changes in found.sources.items()},
        {figure.name: (figure.old, figure.new) for figure in found.figures},
        {(t.step, t.table): (t.rows.old, t.rows.new, t.rows.added, t.rows.removed) for t in found.tables},
    )


def mirrored(found: Comparison) -> object:
    steps, follow, (gone, come), sources, figures, tables = content(found)  # type: ignore[misc]
    return (
        {step: ({turned(each) for each in changes}, note) for step, (changes, note) in steps.items()},
        follow,
        (come, gone),
        {name: {turned(each) for each in changes} for name, changes in sources.items()},
        {name: (new, old) for name, (old, new) in figures.items()},
        {where: (new, old, removed, added) for where, (old, new, added, removed) in tables.items()},
    )


def bare(change: Change) -> tuple[str, str, str, str]:
    return change.kind, change.path, change.old, change.new


def turned(change: tuple[str, str, str, str]) -> tuple[str, str, str, str]:
    kind, path, old, new = change
    return kind, path, new, old


def saved_plans(survey: Survey, folder: Path, *, build_it: bool) -> None:
    """A plan that is built at once runs what it said; then it is stale, unless there was nothing to do."""
    config = {"name": "laws"}
    write_plan(folder / "plan.json", Words("r.yaml", (), (), ""), survey, config)
    saved = read_plan(folder / "plan.json")
    again = Survey(survey.plan, survey.store)
    assert list(differences(saved, again, config, {})) == []
    if not build_it:
        return
    result = build(survey.plan, survey.store)
    for outcome in result.outcomes:
        foreseen = saved.steps[outcome.step]["status"]
        needs = survey.plan.step(outcome.step).needs
        known = all(saved.steps.get(need, {"status": "cached"})["status"] == "cached" for need in needs)
        # A changed step whose inputs are still to be made may turn out to have been built long ago.
        if foreseen == "cached" or (foreseen == "run" and known):
            assert (foreseen == "cached") == (outcome.status == "reused")
    ran = any(outcome.status != "reused" for outcome in result.outcomes)
    stale = list(differences(saved, Survey(survey.plan, survey.store), config, {}))
    assert bool(stale) == (ran or any(step["status"] != "cached" for step in saved.steps.values()))


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(histories)
def test_whatever_the_history_explanations_hold(history: list[tuple[State, bool]]) -> None:
    check(history)


@pytest.mark.slow
@settings(
    max_examples=int(os.environ.get("P2M_CASES", "1000")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(histories)
def test_whatever_the_history_explanations_hold_at_length(history: list[tuple[State, bool]]) -> None:
    check(history)


leaves = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from([0.0, 1.0, 2.0, "1", "", "a"])
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
closures = st.dictionaries(st.sampled_from("mn"), st.sampled_from(["1" * 64, "2" * 64]), max_size=2)


@given(trees, trees)
def test_two_values_differ_in_a_leaf_if_and_only_if_their_digests_do(one: object, other: object) -> None:
    first, second = plain(one), plain(other)
    differ = digest_tree_of_plain(first) != digest_tree_of_plain(second)
    assert bool(list(difference(first, second))) == differ
    backward = {(path, repr(old), repr(new)) for path, new, old in difference(second, first)}
    assert backward == {(path, repr(old), repr(new)) for path, old, new in difference(first, second)}


preimages = st.fixed_dictionaries(
    {
        "stage": st.sampled_from(["s", "t"]),
        "settings": st.dictionaries(st.sampled_from("xy"), leaves, max_size=2),
        "code": closures,
        "components": st.dictionaries(st.sampled_from("CD"), closures, max_size=2),
        "inputs": st.dictionaries(st.sampled_from("pq"), st.none() | st.just("a" * 64), max_size=2),
        "packages": st.dictionaries(st.just("torch"), st.sampled_from(["1", "2"])),
    }
)


@given(preimages, preimages)
def test_a_difference_is_listed_if_and_only_if_the_keys_differ(
    one: dict[str, object], other: dict[str, object]
) -> None:
    differ = digest_tree_of_plain(one, tag=KEY_TAG) != digest_tree_of_plain(other, tag=KEY_TAG)
    step = Plan("p").source("s", Path("n"))
    plan = Plan("p")
    plan.source("s", Path("n"))
    assert step is not None
    assert bool(compare(plan.step("s"), one, other)) == differ
