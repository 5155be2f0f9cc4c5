"""What differs between two builds, as text. Pure: values in, lines out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from p2m.cli.groups import fold, folded_names
from p2m.cli.text import table as aligned
from p2m.comparison import Comparison, Figure, StepDifference
from p2m.engine.explaining.survey import listed
from p2m.reporting.facts import milliseconds
from p2m.row_changes import lines, short
from p2m.sizes import show_size

_FORMS: dict[str, tuple[str, Callable[[float], str]]] = {
    "size_bytes": ("size", lambda value: show_size(int(value))),
    "peak_memory": ("peak memory", lambda value: show_size(int(value))),
    "latency_p50": ("p50", milliseconds),
    "latency_p95": ("p95", milliseconds),
    "parameters": ("parameters", lambda value: f"{value:,.0f}"),
}


def folded(found: Comparison, groups: Mapping[str, str]) -> Comparison:
    """The steps of one group as one: a change that they share is told once."""
    steps = {each.step: each for each in found.steps}
    own = []
    for line in fold(((name, "", None) for name in steps), groups):
        members = [steps[name] for name in line.steps]
        changes = dict.fromkeys(change for each in members for change in each.changes)
        note = next((each.note for each in members if each.note), "")
        own.append(StepDifference(line.name, tuple(changes), note))
    return replace(
        found, steps=tuple(own), follow=folded_names(found.follow, groups),
        only_old=folded_names(found.only_old, groups), only_new=folded_names(found.only_new, groups),
        unreached={side: folded_names(names, groups) for side, names in found.unreached.items()},
    )  # fmt: skip


def diff_text(found: Comparison, *, rows: int = 3) -> str:
    """The first divergent step, then causes, rows and figures."""
    out = [f"{found.old} -> {found.new}"]
    if found.is_empty:
        return "\n".join([*out, "no difference"])
    if found.first:
        out.append(f"first divergent step: {found.first}")
    for name, changes in found.sources.items():
        out += [f"  {name}: {change}" if change.kind == "file" else f"  {change}" for change in changes]
    out += [f"  {name} is gone" for name in found.only_old] + [f"  {name} is new" for name in found.only_new]
    out += [f"  not reached by {side}: {listed(names)}" for side, names in found.unreached.items()]
    for each in found.steps:
        out += [
            f"  {each.step}: {line}"
            for line in (*map(str, each.changes), *([each.note] if each.note else []))
        ]
    out += [f"  and what takes from these: {listed(found.follow)}"] if found.follow else []
    for table in found.tables:
        name = table.step if table.table == "rows" else f"{table.step}.{table.table}"
        if table.step == "evaluate":
            out += _answers(table.rows.changed, rows)
            continue
        head, *examples = lines(table.rows, most=rows)
        out += [f"{name}: {head}", *examples]
    return "\n".join([*out, *_figures(found)])


def _answers(changed: tuple[tuple[object, object], ...], most: int) -> Iterator[str]:
    """Rows of the test set that the two models answer differently."""
    pairs = [(dict(one), dict(other)) for one, other in changed]  # type: ignore[call-overload]
    moved = [(one, other) for one, other in pairs if one.get("predicted") != other.get("predicted")]
    if not moved:
        return
    better = sum(other["correct"] > one["correct"] for one, other in moved)
    worse = sum(other["correct"] < one["correct"] for one, other in moved)
    yield f"answers: {len(moved):,} differ, {better:,} better, {worse:,} worse"
    for one, other in moved[:most]:
        yield f"  {short({'input': one['input'], 'output': one['output']})}"
        yield f"    {one['predicted']!r} -> {other['predicted']!r}"


def _figures(found: Comparison) -> list[str]:
    if not found.figures:
        return []
    rows = [figure_cells(figure) for figure in found.figures]
    return [aligned(rows, header=("", "old", "new", ""), right={1: 0, 2: 0})]


def figure_cells(figure: Figure) -> tuple[str, str, str, str]:
    """A figure's name, its old and its new value, and the change."""
    name, form = _FORMS.get(figure.name, (figure.name, "{:.3f}".format))
    cells = [form(value) if value is not None else "-" for value in (figure.old, figure.new)]
    change = ""
    if figure.old is not None and figure.new is not None and figure.old != figure.new:
        difference = figure.new - figure.old
        metric = figure.name not in _FORMS
        share = f"{difference / figure.old:+.0%}" if figure.old else ""
        change = f"{difference:+.3f}" if metric else share
    return name, cells[0], cells[1], change
