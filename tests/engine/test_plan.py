"""A plan that could not run cannot be written."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from toys import Number, Scale, Table, count_rows, read_number, tabulate, total

from p2m.engine.handles import Run
from p2m.engine.plan import Plan, Ref
from p2m.engine.stage import stage
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
