"""A plan that could not run cannot be written."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from toys import Number, Scale, Table, count_rows, read_number, single, tabulate, total

from p2m.engine.handles import Run
from p2m.engine.keys import identify_all, make_key
from p2m.engine.plan import Plan, Ref
from p2m.engine.stage import Stage, stage
from p2m.engine.store import Store
from p2m.types import Files


@dataclass(frozen=True)
class Bigger(Number):
    more: int = 0


@stage(version="1", kind="seeded")
def grow(first: Number, *rest: Number, seed: int, run: Run, scale: Scale = Scale(3)) -> Bigger:  # noqa: B008
    return Bigger(first.value + sum(number.value for number in rest))


@pytest.fixture
def plan() -> Plan:
    return Plan("toy")


@pytest.fixture
def number(plan: Plan, tmp_path: Path) -> Ref:
    return plan.add("number", read_number, plan.source("file", tmp_path / "n", origin="r.yaml:3"))


def test_a_stage_reads_its_contract_from_the_signature() -> None:
    assert (grow.name, grow.version, grow.kind, grow.output) == ("grow", "1", "seeded", Bigger)
    assert dict(grow.inputs) == {"first": Number, "rest": Number}
    assert (grow.variadic, grow.settings, grow.wants_run) == ("rest", ("seed", "scale"), True)
    assert total.optional == {"second"}
    assert total(Number(1), None, plus=2) == Number(3)


def test_a_step_holds_edges_and_settings_with_defaults(plan: Plan, number: Ref) -> None:
    ref = plan.add("grown", grow, number, number, seed=1, origins={"seed": "r.yaml:9"})
    step = plan.step("grown")
    assert [(edge.parameter, edge.step) for edge in step.inputs] == [
        ("first", "number"),
        ("rest[0]", "number"),
    ]
    assert dict(step.settings) == {"seed": 1, "scale": Scale(3)}
    assert step.needs == ("number",)
    assert [step.name for step in plan.steps] == ["file", "number", "grown"]
    assert plan.add("sum", total, ref, None).type is Number  # a subtype fits, None fits `| None`
    assert plan.consumers("grown") == (plan.step("sum"),)
    with pytest.raises(dataclasses.FrozenInstanceError):
        step.name = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        step.settings["seed"] = 2  # type: ignore[index]


@pytest.mark.parametrize(
    ("add", "message"),
    [
        (lambda p, n: p.add("x", count_rows, n, scale=Scale()), "input table must be a Table, but 'number'"),
        (lambda p, n: p.add("x", total, None, n), "needs its input first, a Number"),
        (lambda p, n: p.add("x", total, n, n, n), "takes 2 inputs (first, second), not 3"),
        (lambda p, n: p.add("x", total, n, pluss=1), "no setting 'pluss'; did you mean 'plus'?"),
        (lambda p, n: p.add("x", grow, n), "lacks its settings seed"),
        (lambda p, n: p.add("x", grow, n, seed=1, run=None), "no setting 'run'"),
        (lambda p, n: p.add("x", grow, n, seed=Path("/tmp")), "setting seed: value is a pathlib.PosixPath"),
        (lambda p, n: p.add("x", grow, n, seed={1, 2}), "sort it into a tuple"),
        (lambda p, n: p.add("x", total, Ref("number", Number)), "no earlier step of this plan"),
        (lambda p, n: Plan("other").add("x", total, n), "no earlier step of this plan"),
        (lambda p, n: p.add("x", total, "number"), "must be what an earlier step returned"),
        (lambda p, n: p.add("number", total, n), "has a step 'number' already"),
        (lambda p, n: p.step("numbr"), "did you mean 'number'?"),
    ],
)
def test_mistakes_are_refused_when_the_plan_is_written(
    plan: Plan, number: Ref, add: Callable[[Plan, Ref], Any], message: str
) -> None:
    with pytest.raises((TypeError, ValueError, KeyError)) as caught:
        add(plan, number)
    assert message in str(caught.value)
    assert "x" not in [step.name for step in plan.steps]


def untyped(first, *, k: int) -> Number:  # type: ignore[no-untyped-def]
    return first  # type: ignore[no-any-return]


def keywords(first: Number, **settings: int) -> Number:
    return first


def no_artifact(first: int) -> Number:
    return Number(first)


def no_result(first: Number) -> None:
    return None


def may_be_nothing(first: Number) -> Number | None:
    return first


@pytest.mark.parametrize("function", [untyped, keywords, no_artifact, no_result, may_be_nothing])
def test_a_function_whose_signature_hides_something_is_no_stage(function: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=function.__name__):
        stage(version="1", kind="pure")(function)


def test_a_function_that_closes_over_a_variable_is_no_stage() -> None:
    hidden = 3

    def leaky(first: Number) -> Number:
        return Number(first.value + hidden)

    with pytest.raises(TypeError, match="closes over hidden"):
        stage(version="1", kind="pure")(leaky)
    with pytest.raises(TypeError, match="kind"):
        stage(version="1", kind="impure")  # type: ignore[arg-type]


def test_planning_imports_no_heavy_library() -> None:
    program = (
        "import sys, p2m.engine.plan, p2m.engine.executor, p2m.engine.explaining.explain\n"
        "heavy = {'torch', 'transformers', 'datasets', 'hydra', 'omegaconf', 'pydantic', 'numpy', 'yaml'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_source_is_of_the_type_that_was_asked_for(plan: Plan, tmp_path: Path) -> None:
    assert plan.source("a", tmp_path).type is Files
    with pytest.raises(TypeError):
        plan.add("t", tabulate, plan.source("b", tmp_path))
    assert Table.__name__ == tabulate.output.__name__


# --------------------------------------------------------------------------- groups


def test_steps_and_sources_know_the_group_that_they_were_added_in(
    plan: Plan, number: Ref, tmp_path: Path
) -> None:
    with plan.group("pair"):
        one = plan.add("one", total, number, None)
        plan.source("inside", tmp_path)
    after = plan.add("after", total, one, None)
    with plan.group("pair"):  # which goes on
        plan.add("two", total, after, None)
    assert {step.name: step.group for step in plan.steps} == {
        "file": "", "number": "", "one": "pair", "inside": "pair", "after": "", "two": "pair",
    }  # fmt: skip
    assert [step.name for step in plan.consumers("one")] == ["after"]  # a group is no border


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("number", "'number' cannot name a group"),
        ("file", "'file' cannot name a group"),
        ("", "'' cannot name a group"),
        ("two words", "'two words' cannot name a group"),
        (" padded", "' padded' cannot name a group"),
        ("a\nb", "cannot name a group: one word that names no step"),
    ],
)
def test_a_group_is_named_by_one_word_that_names_no_step(
    plan: Plan, number: Ref, name: str, message: str
) -> None:
    with pytest.raises(ValueError, match="plan toy") as caught, plan.group(name):
        pytest.fail("steps may be added")
    assert message in str(caught.value)
    assert plan.step(plan.add("after", total, number, None).name).group == ""


def test_a_step_cannot_be_named_like_a_group(plan: Plan, number: Ref, tmp_path: Path) -> None:
    with plan.group("pair"):
        with pytest.raises(ValueError, match="has a group 'pair' already"):
            plan.add("pair", total, number, None)
        with pytest.raises(ValueError, match="has a group 'pair' already"):
            plan.source("pair", tmp_path)
    with pytest.raises(ValueError, match="has a group 'pair' already"):
        plan.add("pair", total, number, None)
    assert [step.name for step in plan.steps] == ["file", "number"]


def test_groups_do_not_nest_and_end_with_an_error_within(plan: Plan, number: Ref) -> None:
    with plan.group("outer"):
        with pytest.raises(ValueError, match="'inner' would lie within 'outer'"), plan.group("inner"):
            pytest.fail("groups were nested")
        plan.add("still", total, number, None)
    with pytest.raises(ZeroDivisionError), plan.group("failed"):
        raise ZeroDivisionError
    plan.add("after", total, number, None)
    assert (plan.step("still").group, plan.step("after").group) == ("outer", "")


def test_a_group_is_no_part_of_a_key(tmp_path: Path) -> None:
    keys = []
    for grouped in (True, False):
        plan = Plan("toy")
        with plan.group("one") if grouped else nullcontext():
            plan.add("it", single, name="it")
        identity = identify_all(plan.steps, Store(tmp_path / "store"))["it"]
        keys.append(make_key(identity, {}).value)
    assert keys[0] == keys[1]


# --------------------------------------------------------------------------- components that call out


@dataclass(frozen=True)
class Caller:
    """A component that calls out, or does not."""

    calls_out: bool = True

    def ask(self) -> int:
        return 1


@stage(version="1", kind="pure")
def ask_purely(*, caller: Caller, others: tuple[Caller, ...] = ()) -> Number:
    return Number(caller.ask())


@stage(version="1", kind="seeded")
def ask_by_lot(*, caller: Caller) -> Number:
    return Number(caller.ask())


@pytest.mark.parametrize(("asking", "kind"), [(ask_purely, "pure"), (ask_by_lot, "seeded")])
def test_a_step_whose_component_calls_out_keeps_its_kind_and_is_recorded(
    plan: Plan, asking: Stage[..., Number], kind: str
) -> None:
    plan.add("out", asking, caller=Caller())
    plan.add("in", asking, caller=Caller(calls_out=False))
    assert [(step.kind, step.is_recorded) for step in plan.steps] == [(kind, True), (kind, False)]


def test_a_component_calls_out_wherever_it_lies_in_the_settings(plan: Plan, number: Ref) -> None:
    plan.add("deep", ask_purely, caller=Caller(calls_out=False), others=(Caller(),))
    assert plan.step("deep").is_recorded
    assert not plan.step("number").is_recorded
    assert not plan.step("file").is_recorded
