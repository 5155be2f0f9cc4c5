"""Steps of one group as one line, in every view that lists steps."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2m.cli.diff_views import diff_text, folded
from p2m.cli.groups import fold, folded_causes, folded_graph, folded_names, folded_reason, groups_of
from p2m.cli.plan_views import causes_text, plan_text, why_text
from p2m.comparison import Comparison, StepDifference
from p2m.engine.explaining.differences import Change
from p2m.engine.explaining.explain import Cause, Reason, StepPreview
from p2m.engine.explaining.graphs import FORMATS, Graph, Node, draw
from p2m.engine.plan import Plan, Step

GROUPS = {"fold-0": "folds", "fold-1": "folds", "fold-2": "folds", "try-a": "tries"}
STEPS = st.lists(
    st.tuples(
        st.sampled_from([*GROUPS, "read", "folds", "train"]),
        st.sampled_from(["cached", "run", "may run"]),
        st.none() | st.floats(0, 100),
    ),
    unique_by=lambda step: step[0],
)


@given(STEPS)
def test_every_step_is_in_one_line_and_those_of_a_group_in_the_same(
    steps: list[tuple[str, str, float | None]],
) -> None:
    lines = fold(steps, GROUPS)
    named = [name for line in lines for name in line.steps]
    assert sorted(named) == sorted(name for name, *_ in steps)
    firsts = [line.steps[0] for line in lines]
    assert firsts == [name for name, *_ in steps if name in firsts]  # where the first of them stands
    status = {name: status for name, status, _ in steps}
    seconds = {name: time for name, _, time in steps}
    for line in lines:
        if len(line.steps) == 1:
            assert (line.name, line.status) == (line.steps[0], status[line.steps[0]])
        else:
            assert {GROUPS[name] for name in line.steps} == {line.name.split()[0]}
            counted = [part.split(" ", 1) for part in line.status.split(", ")]
            assert sorted(word for number, word in counted for _ in range(int(number))) == sorted(
                status[name] for name in line.steps
            )
        known = [seconds[name] for name in line.steps if seconds[name] is not None]
        assert line.seconds == (pytest.approx(sum(filter(None, known))) if known else None)


@given(STEPS)
def test_without_groups_nothing_changes(steps: list[tuple[str, str, float | None]]) -> None:
    assert [(line.name, line.status, line.seconds) for line in fold(steps, {})] == steps


@dataclass(frozen=True, eq=False)
class Grouped(Step):
    group: str = ""


def test_groups_are_those_of_the_plan_unless_every_step_is_asked_for() -> None:
    plan = Plan("toy")
    for name in ("read", *GROUPS):
        plan._append(Grouped(name, object, group=GROUPS.get(name, "")))
    plan._append(Step("plain", object))  # a step that knows no groups
    assert groups_of(plan, Namespace(unfold=False)) == GROUPS
    assert groups_of(plan, Namespace(unfold=True)) == {}


def preview(name: str, status: str, **more: object) -> StepPreview:
    reason = {"cached": "unchanged", "run": "never built"}.get(status, "if the output of read changes")
    return StepPreview(name, status, reason, **more)  # type: ignore[arg-type]


def test_a_plan_shows_a_group_in_a_line_with_its_sums() -> None:
    previews = [
        preview("read", "cached", size=1000),
        preview("fold-0", "cached", seconds=9.0, size=2000),
        preview("fold-1", "run", seconds=2.0, size=2000),
        preview("train", "run"),
        preview("fold-2", "run", seconds=3.0),
    ]
    assert plan_text(previews, GROUPS).split("\n") == [
        "  = read             cached                         1.0 kB",
        "  + folds (3 steps)  1 cached, 2 run       5.0 s    4.0 kB  never built",
        "  + train            run                                    never built",
    ]
    unfolded = plan_text(previews, {}).split("\n")
    assert [line.split()[1] for line in unfolded] == ["read", "fold-0", "fold-1", "train", "fold-2"]


def test_a_cause_names_the_groups_that_it_reaches() -> None:
    change = Change("setting", "seed", "0", "1")
    cause = Cause("seed", change, ("fold-0", "fold-1", "train"), ("fold-2", "report"))
    told = causes_text([preview("read", "cached")], folded_causes([cause], GROUPS), {})
    assert "  -> folds (2 steps) and train; perhaps fold-2 and report" in told.split("\n")


def test_a_chain_of_reasons_goes_on_with_the_first_step_of_a_group() -> None:
    read = Reason("read", "run", "never built", (), ())
    folds = tuple(
        Reason(name, status, "if the output of read changes", (), (read,))  # type: ignore[arg-type]
        for name, status in (("fold-0", "unknown"), ("fold-1", "run"), ("fold-2", "run"))
    )
    changed = Change("input", "folds[0] (fold-0)", "a", "b"), Change("setting", "seed", "0", "1")
    told = why_text(folded_reason(Reason("pick", "run", "changed", changed, (*folds, read)), GROUPS), {})
    assert told.split("\n") == [
        "pick runs: changed",
        f"  {changed[1]}",
        "  folds (3 steps) runs: 1 may run, 2 run; the first of them:",
        "    fold-0 may run: if the output of read changes",
        "      read runs: never built",
        "  read runs: never built",
    ]


def test_a_graph_joins_the_edges_of_a_group() -> None:
    nodes = (
        Node("read", "pure", "cached", 1.0, ()),
        Node("fold-0", "seeded", "cached", 2.0, ("read",)),
        Node("fold-1", "seeded", "run", None, ("read", "fold-0")),
        Node("pick", "pure", "unknown", None, ("fold-0", "fold-1")),
    )
    graph = folded_graph(Graph("toy", None, nodes), GROUPS)
    assert draw(graph, "text").split("\n") == [
        "= read                              cached       1.0 s",
        "+ folds (2 steps: 1 cached, 1 run)  run          2.0 s  <- read",
        "? pick                              unknown             <- folds (2 steps: 1 cached, 1 run)",
    ]
    assert all(draw(graph, form) for form in FORMATS)
    alike = folded_graph(Graph("toy", None, tuple(replace(node, status="run") for node in nodes)), GROUPS)
    assert [node.name for node in alike.nodes] == ["read", "folds (2 steps)", "pick"]
    assert folded_graph(Graph("toy", None, nodes), {}) == Graph("toy", None, nodes)


def test_a_difference_that_the_steps_of_a_group_share_is_told_once() -> None:
    seed = Change("setting", "seed", "0", "1")
    steps = tuple(StepDifference(name, (seed,)) for name in ("fold-0", "fold-1", "train"))
    found = Comparison("a", "b", "fold-0", steps, ("fold-2", "report"), ("try-a",), (), {}, (), ())
    told = diff_text(folded(found, GROUPS)).split("\n")
    assert [line for line in told if "seed" in line] == [f"  folds (2 steps): {seed}", f"  train: {seed}"]
    assert "  try-a is gone" in told
    assert "  and what takes from these: fold-2 and report" in told
    assert folded(found, {}) == found


def test_names_of_a_group_stand_where_its_first_stood() -> None:
    assert folded_names(["a", "fold-1", "b", "fold-0"], GROUPS) == ("a", "folds (2 steps)", "b")
