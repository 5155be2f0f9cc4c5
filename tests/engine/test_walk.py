"""Whoever looks at a plan sees each step as the build does, a volatile one included."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_executor import build
from toys import Number, halve, push, read_number, total

from p2m.engine.care.rebuild import rebuild
from p2m.engine.executor import stored
from p2m.engine.explaining.survey import Survey
from p2m.engine.explaining.union import unite
from p2m.engine.handles import Device
from p2m.engine.keys import identify_all
from p2m.engine.plan import Plan
from p2m.engine.sources import digests_of, read_sources
from p2m.engine.store import Action, Store
from p2m.engine.walk import Walk
from p2m.errors import UserError


def plan_of(folder: Path, *, plus: int = 0) -> Plan:
    plan = Plan("walk")
    number = plan.add("n", read_number, plan.source("file", folder / "n.txt"))
    pushed = plan.add("push", push, plan.add("sum", total, number, plus=plus))
    plan.add("after", halve, pushed)
    return plan


def walk_of(plan: Plan, store: Store) -> Walk[Action]:
    sources = digests_of(read_sources(plan.steps, store.stats))
    return Walk(identify_all(plan.steps, store), sources, store.lookup)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "n.txt").write_text("10")
    return Store(tmp_path / "store")


def test_a_volatile_step_is_never_looked_up_even_where_its_key_has_an_entry(
    tmp_path: Path, store: Store
) -> None:
    plan = plan_of(tmp_path)
    outcome = build(plan, store).outcome("push")
    walk = walk_of(plan, store)
    states = {step.name: walk.at(step) for step in plan.steps}
    key = states["push"].key
    assert key is not None
    assert key.value == outcome.key
    store.publish(key.value, key.preimage, outcome.output, 0.0)  # as nothing of p2m does
    assert store.lookup(key.value) is not None

    assert build(plan, store).outcome("push").status == "cut-off"
    assert stored(plan, store, "push") is None
    assert stored(plan, store, "after") is None
    assert [told.status for told in Survey(plan, store).previews[2:]] == ["cached", "run", "unknown"]
    assert [member.status for member in unite([plan], store).plans[0][1:]] == ["cached", "run", "unknown"]
    with pytest.raises(UserError, match="nothing to compare with"):
        rebuild(plan, store, Device(), "after")


def test_a_step_is_known_by_its_key_or_by_what_it_waits_for(tmp_path: Path, store: Store) -> None:
    plan = plan_of(tmp_path)
    build(plan, store)
    walk = walk_of(plan, store)
    states = {step.name: walk.at(step) for step in plan.steps}
    assert [name for name, state in states.items() if state.made] == ["n", "sum"]
    assert (states["after"].key, states["after"].waits) == (None, ("push",))
    assert walk.digests.keys() == {"file", "n", "sum"}
    assert stored(plan, store, "sum") == Number(10)

    changed = plan_of(tmp_path, plus=1)
    walk = walk_of(changed, store)
    state = [walk.at(step) for step in changed.steps][2]
    assert state.key is not None
    assert state.key != states["sum"].key
    assert state.made is None


def test_what_this_build_made_counts_under_its_key_alone(tmp_path: Path, store: Store) -> None:
    plan = plan_of(tmp_path)
    outcomes = {each.step: each for each in build(plan, store).outcomes}
    sources, identities = digests_of(read_sources(plan.steps)), identify_all(plan.steps, store)
    walk = Walk(identities, sources, lambda key: None, outcomes)
    assert all(step.is_source or walk.at(step).made is outcomes[step.name] for step in plan.steps)
    edited = identify_all(plan_of(tmp_path, plus=1).steps, store)
    walk = Walk(edited, sources, lambda key: None, outcomes)
    assert [bool(walk.at(step).made) for step in plan.steps] == [False, True, False, False, False]
