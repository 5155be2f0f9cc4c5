"""What several plans would do together is counted exactly before any of it is done."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from toys import halve, measured, mix, push, read_number, total

from p2m.engine import hashing
from p2m.engine.code.packages import machine_profile
from p2m.engine.executor import Result, execute
from p2m.engine.explaining.union import PlanUnion, unite
from p2m.engine.files.stats import SETTLED
from p2m.engine.handles import Device
from p2m.engine.plan import Plan, Ref
from p2m.engine.store import Store
from p2m.errors import UserError

CASES = 12  # of each law; P2M_CASES says how many the long forms take
MANY = int(os.environ.get("P2M_CASES", "300"))
STAGES = {"mix": mix, "total": total, "halve": halve}

Node = tuple[str, int, int | None, int]  # stage, first input, second input, plus; inputs count backwards
Shape = tuple[Node, ...]


def plan_of(folder: Path, shape: Shape) -> Plan:
    """A plan with a step a node, over one file."""
    plan = Plan("shape")
    refs: list[Ref] = [plan.add("number", read_number, plan.source("file", folder / "n.txt"))]
    for index, (stage, first, second, plus) in enumerate(shape):
        one = refs[-1 - first % len(refs)]
        if stage == "push":
            refs.append(plan.add(f"s{index}", push, one))
        else:
            other = None if second is None else refs[-1 - second % len(refs)]
            refs.append(plan.add(f"s{index}", STAGES[stage], one, other, plus=plus))
    return plan


def nodes(*stages: str) -> st.SearchStrategy[Node]:
    back = st.integers(0, 3)
    return st.tuples(st.sampled_from(stages), back, st.none() | back, st.integers(0, 2))


@st.composite
def variants(draw: st.DrawFn, *stages: str) -> list[Shape]:
    """Up to four shapes that differ from the first in a few nodes."""
    base = draw(st.lists(nodes(*stages), min_size=1, max_size=7))
    shapes = [tuple(base)]
    for _ in range(draw(st.integers(0, 3))):
        edited = list(base)
        for place in draw(st.lists(st.integers(0, len(base) - 1), max_size=2)):
            edited[place] = draw(nodes(*stages))
        shapes.append(tuple(edited))
    return shapes


def build(folder: Path, shapes: Sequence[Shape], store: Store) -> tuple[int, list[Result]]:
    """How many steps ran in building all of them, by the stages' own count."""
    log = folder / "log.txt"
    log.write_text("")
    results = [execute(plan_of(folder, shape), store, Device()) for shape in shapes]
    return len(log.read_text().splitlines()), results


@pytest.fixture
def count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("P2M_TOY_LOG", str(tmp_path / "log.txt"))
    (tmp_path / "n.txt").write_text("10")
    return tmp_path


@contextmanager
def ready() -> Iterator[tuple[Path, Store]]:
    """A folder and a store of its own for each case of a property."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        (folder / "n.txt").write_text("10")
        patch.setenv("P2M_TOY_LOG", str(folder / "log.txt"))
        yield folder, Store(folder / "store")


def united(folder: Path, shapes: Sequence[Shape], store: Store) -> PlanUnion:
    return unite([plan_of(folder, shape) for shape in shapes], store)


BRANCHED: list[Shape] = [
    (("mix", 0, None, 0), ("mix", 0, None, 0), ("mix", 0, None, plus)) for plus in (0, 1, 2)
]


def check_exactly(shapes: list[Shape], built: list[int]) -> None:
    with ready() as (folder, store):
        build(folder, [shapes[index % len(shapes)] for index in built], store)
        found = united(folder, shapes, store)
        ran, results = build(folder, shapes, store)
        assert ran == found.unique - found.cached
        assert found.steps == sum(len(result.outcomes) for result in results)
        for members, result in zip(found.plans, results, strict=True):
            for member, outcome in zip(members, result.outcomes, strict=True):
                assert member.is_symbolic or member.key == outcome.key
        assert united(folder, shapes, store).cached == found.unique


def check_at_most(shapes: list[Shape], built: list[int], lost: list[int]) -> None:
    with ready() as (folder, store):
        _, results = build(folder, [shapes[index % len(shapes)] for index in built], store)
        for place in lost:
            for result in results:
                store.forget(result.outcomes[place % len(result.outcomes)].key, "test")
        found = united(folder, shapes, store)
        ran, _ = build(folder, shapes, store)
        assert ran <= found.unique - found.cached


SOME = st.lists(st.integers(0, 3), max_size=2)
LOST = st.lists(st.integers(0, 7), max_size=2)
DIFFERING = variants("mix")
COINCIDING = variants("mix", "total", "halve", "push")


@settings(max_examples=CASES)
@given(shapes=DIFFERING, built=SOME)
@example(shapes=BRANCHED, built=[])
@example(shapes=BRANCHED, built=[1])
def test_where_outputs_differ_with_inputs_exactly_the_unique_uncached_steps_run(
    shapes: list[Shape], built: list[int]
) -> None:
    check_exactly(shapes, built)


@settings(max_examples=CASES)
@given(shapes=COINCIDING, built=SOME, lost=LOST)
def test_no_more_than_the_unique_uncached_steps_run_whatever_coincides_or_was_lost(
    shapes: list[Shape], built: list[int], lost: list[int]
) -> None:
    check_at_most(shapes, built, lost)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(max_examples=MANY)
@given(shapes=DIFFERING, built=SOME)
def test_in_hundreds_of_unions_exactly_the_unique_uncached_steps_run(
    shapes: list[Shape], built: list[int]
) -> None:
    check_exactly(shapes, built)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@settings(max_examples=MANY)
@given(shapes=COINCIDING, built=SOME, lost=LOST)
def test_in_hundreds_of_unions_no_more_than_those_run(
    shapes: list[Shape], built: list[int], lost: list[int]
) -> None:
    check_at_most(shapes, built, lost)


def test_a_shared_unbuilt_beginning_is_counted_once(count: Path) -> None:
    store = Store(count / "store")
    found = united(count, BRANCHED, store)
    assert (found.steps, found.unique, found.cached) == (12, 6, 0)
    assert [len(found.own(index)) for index in range(3)] == [4, 1, 1]
    assert [member.first for member in found.plans[2]] == [0, 0, 0, 2]
    assert found.seconds is None
    build(count, BRANCHED[:1], store)
    again = united(count, BRANCHED, store)
    assert (again.steps, again.unique, again.cached) == (12, 6, 4)
    assert again.seconds is not None
    assert [member.status for member in again.plans[1]] == ["cached", "cached", "cached", "run"]


def test_a_step_that_runs_only_if_an_input_changes_says_so(count: Path) -> None:
    store = Store(count / "store")
    shape: Shape = (("halve", 0, None, 0), ("mix", 0, None, 0), ("mix", 0, None, 0))
    build(count, [shape], store)
    edited: Shape = (("halve", 0, None, 1), *shape[1:])
    (members,) = united(count, [edited], store).plans
    assert [member.status for member in members] == ["cached", "run", "unknown", "unknown"]
    ran, _ = build(count, [edited], store)
    assert ran == 1  # 10 and 11 have the same half


def test_volatile_steps_are_shared_by_no_two_plans(count: Path) -> None:
    store = Store(count / "store")
    shape: Shape = (("mix", 0, None, 0), ("push", 0, None, 0))
    build(count, [shape], store)
    found = united(count, [shape, shape], store)
    assert found.unique - found.cached == 2
    assert build(count, [shape, shape], store)[0] == 2


def test_the_identity_of_a_plan_is_what_it_is_made_of_and_not_what_is_built(count: Path) -> None:
    store = Store(count / "store")
    before = united(count, BRANCHED, store).identities
    assert len(set(before)) == 3
    build(count, BRANCHED[:2], store)
    assert united(count, BRANCHED, store).identities == before
    (count / "n.txt").write_text("11")
    after = united(count, BRANCHED, store).identities
    assert not set(before) & set(after)


def test_a_missing_source_is_the_users_mistake(count: Path) -> None:
    (count / "n.txt").unlink()
    with pytest.raises(UserError, match="does not exist"):
        united(count, BRANCHED, Store(count / "store"))


def test_sources_that_were_hashed_before_are_not_read_again_for_a_union(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "n.txt").write_text("1")
    time.sleep(SETTLED / 1e9 + 0.1)  # a file younger than that is never trusted by its times
    plan, store = plan_of(tmp_path, ()), Store(tmp_path / "store")
    unite([plan], store)

    def read(path: Path) -> str:
        raise AssertionError(f"{path} was read again")

    monkeypatch.setattr(hashing, "digest_file", read)
    unite([plan], Store(tmp_path / "store"))


def test_a_plan_is_the_same_on_another_machine_though_its_measured_steps_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "n.txt").write_text("7")
    plan = plan_of(tmp_path, ())
    plan.add("time", measured, name="time")
    here = unite([plan], Store(tmp_path / "store"))
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    machine_profile.cache_clear()
    there = unite([plan], Store(tmp_path / "store"))
    machine_profile.cache_clear()
    assert there.identities == here.identities
    keys = [{member.step: member.key for member in union.plans[0]} for union in (here, there)]
    assert keys[0]["number"] == keys[1]["number"]
    assert keys[0]["time"] != keys[1]["time"]
