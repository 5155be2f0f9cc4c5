"""Steps and their edges as a picture: text, Mermaid, DOT or JSON, coloured by what would happen or did.

The JSON form is for other programs and stays as it is; new fields may join:
    {"plan": "qa", "run": null, "steps": [{"name", "kind", "status", "seconds", "needs", "recorded"}, ...]}
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from p2m.engine.explaining.survey import StepPreview
from p2m.engine.journal import RunRecord, StepRecord
from p2m.engine.plan import Plan
from p2m.engine.store import Store
from p2m.errors import nearest

MARKS = {
    "cached": "=", "run": "+", "unknown": "?", "source": ".",
    "reused": "=", "ran": "+", "cut-off": "~",
    "failed": "!", "interrupted": "!", "running": ">", "not reached": "-",
}  # fmt: skip
_FILLS = {
    "cached": "#d5f5d5", "run": "#ffe3b3", "unknown": "#eeeeee", "source": "#dce9ff",
    "reused": "#d5f5d5", "ran": "#ffe3b3", "cut-off": "#e6f2b8", "failed": "#ffc2c2",
    "interrupted": "#ffc2c2", "running": "#fff6a8", "not reached": "#eeeeee",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Node:
    """A step, what became of it or will, and what it takes."""

    name: str
    kind: str
    status: str  # as in `StepPreview` or `StepRecord`; "not reached" by a run; "" where nothing is known
    seconds: float | None
    needs: tuple[str, ...]
    recorded: bool = False  # whether it asks somebody, and is replayed from the ledger


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in the order of the plan."""

    plan: str
    run: str | None  # the run whose doings colour it
    nodes: tuple[Node, ...]


def of_plan(plan: Plan, previews: Sequence[StepPreview] = ()) -> Graph:
    """The plan, coloured by what a build would do where that is given."""
    found = {told.step: told for told in previews}
    nodes = []
    for step in plan.steps:
        told = found.get(step.name)
        seconds = told.seconds if told is not None and told.status != "source" else None
        nodes.append(
            Node(step.name, step.kind, told.status if told else "", seconds, step.needs, step.is_recorded)
        )
    return Graph(plan.name, None, tuple(nodes))


def of_run(record: RunRecord, plan: Plan, store: Store) -> Graph:
    """What a run did. Steps that the plan no longer has are joined by the digests of what they took."""
    now = {step.name: step for step in plan.steps}
    makers = {step.output: name for name, step in record.steps.items() if step.output}
    nodes = []
    for name, done in record.steps.items():
        if name in now:
            continue
        action = store.entry(done.key) if done.key else None
        taken = action.preimage["inputs"].values() if action is not None else ()
        needs = tuple(dict.fromkeys(makers[digest] for digest in taken if digest in makers))
        kind = str(action.preimage["kind"]) if action is not None else "source"
        nodes.append(Node(name, kind, done.status, _took(done), needs))
    for name, step in now.items():
        done_now = record.steps.get(name)
        status = done_now.status if done_now else "not reached"
        nodes.append(Node(name, step.kind, status, _took(done_now), step.needs, step.is_recorded))
    return Graph(record.plan, record.id, _sorted(nodes, list({**now, **record.steps})))


def draw(graph: Graph, fmt: str) -> str:
    """The graph in one of FORMATS.

    Raises:
        ValueError: another format.
    """
    if fmt not in FORMATS:
        raise ValueError(f"no graph format {fmt!r}: {nearest(fmt, FORMATS)}")
    return FORMATS[fmt](graph)


def _took(done: StepRecord | None) -> float | None:
    """How long a step took in a run; None where it did not run to its end."""
    return done.seconds if done is not None and done.status in ("ran", "cut-off") else None


def _sorted(nodes: Sequence[Node], order: Sequence[str]) -> tuple[Node, ...]:
    """Inputs before what takes them, else as the run went."""
    place = {name: number for number, name in enumerate(order)}
    waiting = sorted(nodes, key=lambda node: place.get(node.name, len(place)))
    names = {node.name for node in nodes}
    done: dict[str, Node] = {}
    while waiting:
        ready = [node for node in waiting if all(need in done or need not in names for need in node.needs)]
        first = (ready or waiting)[0]
        done[first.name] = first
        waiting.remove(first)
    return tuple(done.values())


def _text(graph: Graph) -> str:
    width = max((len(node.name) for node in graph.nodes), default=0)
    named = max((len(node.status) for node in graph.nodes), default=0)
    lines = []
    for node in graph.nodes:
        mark = f"{MARKS[node.status]} " if node.status else ""
        status = f"  {node.status:<{named}}" if named else ""
        time = f"  {_seconds(node):>9}" if any(_seconds(other) for other in graph.nodes) else ""
        needs = f"  <- {', '.join(node.needs)}" if node.needs else ""
        lines.append(f"{mark}{node.name:<{width}}{status}{time}{needs}".rstrip())
    return "\n".join(lines)


def _seconds(node: Node) -> str:
    return "" if node.seconds is None else f"{node.seconds:,.1f} s"


def _label(node: Node) -> tuple[str, ...]:
    return tuple(part for part in (node.name, node.status, _seconds(node)) if part)


def _mermaid(graph: Graph) -> str:
    ids = {node.name: f"s{number}" for number, node in enumerate(graph.nodes)}
    lines = ["flowchart TD"]
    for node in graph.nodes:
        left, right = ("[(", ")]") if node.kind == "source" else ("[", "]")
        label = "<br>".join(part.replace('"', "#quot;") for part in _label(node))
        lines.append(f'    {ids[node.name]}{left}"{label}"{right}')
    for node in graph.nodes:
        lines += [f"    {ids[need]} --> {ids[node.name]}" for need in node.needs if need in ids]
    lines += [f"    style {ids[node.name]} fill:{_FILLS[node.status]}" for node in graph.nodes if node.status]
    return "\n".join(lines)


def _dot(graph: Graph) -> str:
    lines = [f"digraph {_quoted(graph.plan)} {{", "    node [shape=box, style=filled, fillcolor=white];"]
    for node in graph.nodes:
        words = [f"label={_quoted(chr(10).join(_label(node)))}"]
        words += ["shape=cylinder"] if node.kind == "source" else []
        words += [f'fillcolor="{_FILLS[node.status]}"'] if node.status else []
        lines.append(f"    {_quoted(node.name)} [{', '.join(words)}];")
    for node in graph.nodes:
        lines += [f"    {_quoted(need)} -> {_quoted(node.name)};" for need in node.needs]
    return "\n".join([*lines, "}"])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _json(graph: Graph) -> str:
    steps = [asdict(node) for node in graph.nodes]
    return json.dumps({"plan": graph.plan, "run": graph.run, "steps": steps}, indent=2, ensure_ascii=False)


FORMATS = {"text": _text, "mermaid": _mermaid, "dot": _dot, "json": _json}
