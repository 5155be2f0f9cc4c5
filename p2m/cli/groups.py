"""What the views show, with the steps of one group as one. Pure: values in, values out."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

from p2m.engine.explaining.differences import Change
from p2m.engine.explaining.explain import Cause, Reason
from p2m.engine.explaining.survey import Status

if TYPE_CHECKING:
    from p2m.engine.explaining.graphs import Graph
    from p2m.engine.plan import Plan

STATUS = {"cached": "cached", "run": "run", "unknown": "may run", "source": "source"}
_WORST = ("failed", "interrupted", "running", "run", "ran", "unknown", "cut-off", "not reached")


@dataclass(frozen=True, slots=True)
class Line:
    """A step, or several of one group."""

    name: str  # the step's, or `folds (4 steps)`
    steps: tuple[str, ...]
    status: str  # the step's, or `3 cached, 1 run`; "" where none is known
    seconds: float | None  # of all its steps; None where none is known


def fold(steps: Iterable[tuple[str, str, float | None]], groups: Mapping[str, str]) -> list[Line]:
    """A line a step (its name, status and seconds), but one for all steps of a group, where its first stands.

    `groups` names the groups of those steps that are in one; a single step of a group stays as it is.
    """
    members: dict[tuple[str, str], list[tuple[str, str, float | None]]] = {}
    for step in steps:
        group = groups.get(step[0], "")
        members.setdefault((group, "" if group else step[0]), []).append(step)
    lines = []
    for (group, _), found in members.items():
        names, statuses, seconds = zip(*found, strict=True)
        counts = Counter(status for status in statuses if status)
        known = [each for each in seconds if each is not None]
        many = len(names) > 1
        status = ", ".join(f"{number} {word}" for word, number in counts.items()) if many else statuses[0]
        name = f"{group} ({len(names)} steps)" if many else names[0]
        lines.append(Line(name, names, status, sum(known) if known else None))
    return lines


def groups_of(plan: Plan, arguments: argparse.Namespace) -> dict[str, str]:
    """Step -> its group; nothing where every step is asked for by --unfold."""
    found = {} if arguments.unfold else {step.name: step.group for step in plan.steps}
    return {name: group for name, group in found.items() if group}


def worst(statuses: Iterable[str]) -> str:
    """Of several steps, the status that one should hear of."""
    found = list(statuses)
    return next((status for status in _WORST if status in found), found[0])


def folded_names(names: Iterable[str], groups: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(line.name for line in fold(((name, "", None) for name in names), groups))


def folded_causes(causes: Iterable[Cause], groups: Mapping[str, str]) -> tuple[Cause, ...]:
    return tuple(
        replace(each, steps=folded_names(each.steps, groups), follow=folded_names(each.follow, groups))
        for each in causes
    )


def folded_reason(reason: Reason, groups: Mapping[str, str]) -> Reason:
    """The reason with what it rests on; of several steps of a group, their sum and the first one."""
    inner = {each.step: folded_reason(each, groups) for each in reason.because}
    because = []
    for line in fold(((name, STATUS[each.status], None) for name, each in inner.items()), groups):
        first, *others = [inner[name] for name in line.steps]
        status = cast(Status, worst(each.status for each in (first, *others)))
        summed = Reason(line.name, status, f"{line.status}; the first of them:", (), (first,))
        because.append(summed if others else first)
    changes = tuple(each for each in reason.changes if maker(each) not in inner)
    return replace(reason, changes=changes, because=tuple(because))


def maker(change: Change) -> str:
    """The step that an input comes from, as `compare` writes it: `files (data.train)`."""
    if change.kind != "input":
        return ""
    return change.path.rpartition(" (")[2].removesuffix(")") if " (" in change.path else change.path


def folded_graph(graph: Graph, groups: Mapping[str, str]) -> Graph:
    """The graph with the steps of one group as one node, which takes whatever they take from others."""
    nodes = {node.name: node for node in graph.nodes}
    lines = fold(((node.name, node.status, node.seconds) for node in graph.nodes), groups)
    # A node has one status, so one that is mixed is in its name: `folds (4 steps: 3 cached, 1 run)`.
    labels = {
        line.steps: f"{line.name[:-1]}: {line.status})" if "," in line.status else line.name for line in lines
    }
    shown = {step: labels[line.steps] for line in lines for step in line.steps}
    made = []
    for line in lines:
        found, label = [nodes[step] for step in line.steps], labels[line.steps]
        needs = dict.fromkeys(shown.get(need, need) for node in found for need in node.needs)
        needs.pop(label, None)
        status = worst(node.status for node in found)
        made.append(replace(found[0], name=label, status=status, seconds=line.seconds, needs=tuple(needs)))
    return replace(graph, nodes=tuple(made))
