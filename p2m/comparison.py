"""What differs between two states of a project, from recipes, journal and store; nothing runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from p2m.comparable import Side, SideStep
from p2m.engine.explaining.differences import Change, compare, files_between, written_at
from p2m.engine.explaining.survey import Survey
from p2m.engine.journal import RunRecord
from p2m.engine.plan import Edge, Plan, Step
from p2m.engine.rows import mapped
from p2m.engine.storage.blobs import DamagedError
from p2m.engine.store import Store
from p2m.errors import P2MError
from p2m.row_changes import Lines, Row, RowChanges, lines, rows_between
from p2m.stages.read import read
from p2m.types import Example, Files, Task

_LARGEST = 50_000_000  # bytes of a source whose rows are read to be compared
_TABLES = ("rows", "train", "validation", "test")  # fields of artifacts that hold rows
_FIGURES = {  # step -> its plain fields that are figures
    "pick": ("parameters", "size_bytes"),
    "measure": ("latency_p50", "latency_p95", "peak_memory"),
}


@dataclass(frozen=True)
class StepDifference:
    """What differs between two states of one step; `changes` from the first to the second."""

    step: str
    changes: tuple[Change, ...]  # its own, not what it takes from steps that differ themselves
    note: str = ""  # where the changes do not tell all


@dataclass(frozen=True)
class TableDifference:
    """Rows that two artifacts do not share."""

    step: str
    table: str
    rows: RowChanges


@dataclass(frozen=True)
class Figure:
    """A figure of both sides; None where one lacks it."""

    name: str
    old: float | None
    new: float | None


@dataclass(frozen=True)
class Comparison:
    """Everything that differs between two sides, in the order of the plan."""

    old: str
    new: str
    first: str  # the first step that differs; "" where none does
    steps: tuple[StepDifference, ...]  # that differ by themselves
    follow: tuple[str, ...]  # that differ only in what they take
    only_old: tuple[str, ...]
    only_new: tuple[str, ...]
    sources: Mapping[str, tuple[Change, ...]]
    figures: tuple[Figure, ...]
    tables: tuple[TableDifference, ...]
    unreached: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # side -> steps that it never began

    @property
    def is_empty(self) -> bool:
        return not (
            self.steps or self.follow or self.only_old or self.only_new or self.sources or self.unreached
        )


def compare_sides(old: Side, new: Side, store: Store) -> Comparison:
    """Compare two sides by keys, by what the keys are made of, and by what was made."""
    names = _order(old, new)
    both = [name for name in names if name in old.steps and name in new.steps]
    found = {name: _step_difference(name, old, new) for name in both}
    own = tuple(each for each in found.values() if each is not None and (each.changes or each.note))
    follow = tuple(name for name, each in found.items() if each is not None and each not in own)
    only_old, unreached = _lacked(names, new)
    only_new, unreached_old = _lacked(names, old)
    apart = {each.step for each in own} | {*follow, *only_old, *only_new}
    first = next((name for name in names if name in apart), "")
    tables = tuple(each for name in both for each in _tables(name, old.steps[name], new.steps[name], store))
    return Comparison(
        old.label, new.label, first, own, follow, only_old, only_new,
        _source_changes(old, new), _figures(old, new, store), tables, {**unreached_old, **unreached},
    )  # fmt: skip


def _lacked(names: list[str], side: Side) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """The steps that a side is without, and by its name those that it did not reach."""
    absent = tuple(name for name in names if name not in side.steps)
    return ((), {side.label: absent} if absent else {}) if side.is_partial else (absent, {})


def _order(old: Side, new: Side) -> list[str]:
    """All steps: those of the new side in its order, each missing one after what it followed in the old."""
    names = list(new.steps)
    before = ""
    for name in old.steps:
        if name not in new.steps:
            names.insert(names.index(before) + 1 if before else 0, name)
        before = name
    return names


def _step_difference(name: str, old: Side, new: Side) -> StepDifference | None:
    """None where the two states of a step are the same, as far as is known."""
    one, other = old.steps[name], new.steps[name]
    if one.key and one.key == other.key:
        if one.output and other.output and one.output != other.output:
            return StepDifference(name, (), "the same key, but another result")
        return None
    if one.preimage is None or other.preimage is None:
        if one.key and other.key:
            return StepDifference(name, (), "the keys differ; what one of them was made of is not kept")
        return None
    shared = one.preimage["inputs"].keys() & other.preimage["inputs"].keys()
    complete = bool(one.key and other.key)
    old_inputs, new_inputs = (
        {key: value for key, value in side.preimage["inputs"].items() if complete or key in shared}
        for side in (one, other)
        if side.preimage is not None
    )
    changes = compare(
        _stand_in(name, old, new),
        {**one.preimage, "inputs": old_inputs},
        {**other.preimage, "inputs": new_inputs},
    )
    own = tuple(_placed(change, one, other) for change in changes if change.kind != "input")
    if own or changes:
        return StepDifference(name, own)
    return None if complete else _unknown(name, one, other)


def _unknown(name: str, one: SideStep, other: SideStep) -> StepDifference | None:
    """A step whose key waits for others on one side at least: it follows whatever those do."""
    return None if one.key == other.key == "" else StepDifference(name, ())


def _stand_in(name: str, old: Side, new: Side) -> Step:
    """Names the makers of inputs, told by the digests of what they made."""
    edges: dict[str, Edge] = {}
    for side in (old, new):
        makers = {step.output: maker for maker, step in side.steps.items() if step.output}
        makers |= {source.digest: maker for maker, source in side.sources.items()}
        preimage = side.steps[name].preimage or {"inputs": {}}
        for parameter, digest in preimage["inputs"].items():
            edges[parameter] = Edge(parameter, makers.get(digest))
    return Step(name, object, inputs=tuple(edges.values()))


def _placed(change: Change, one: SideStep, other: SideStep) -> Change:
    """The change with its places on both sides."""
    if change.kind != "setting":
        return change
    places = filter(None, (written_at(each.origins, change.path) for each in (one, other)))
    return replace(change, where=" -> ".join(dict.fromkeys(places)))


def _source_changes(old: Side, new: Side) -> dict[str, tuple[Change, ...]]:
    """Sources that differ, with their files where both listings are known."""
    changes: dict[str, tuple[Change, ...]] = {}
    for name in sorted(old.sources.keys() | new.sources.keys()):
        one, other = old.sources.get(name), new.sources.get(name)
        if one is not None and other is not None and one.digest == other.digest:
            continue
        if (one is None and old.is_partial) or (other is None and new.is_partial):
            continue
        listings = [
            {} if side is None else {entry.name: entry for entry in side.entries or ()}
            for side in (one, other)
        ]
        known = all(side is None or side.entries is not None for side in (one, other))
        found = files_between(listings[0], listings[1]) if known else ()
        whole = Change("source", name, one.digest[:12] if one else "", other.digest[:12] if other else "")
        changes[name] = found or (whole,)
    return changes


def _figures(old: Side, new: Side, store: Store) -> tuple[Figure, ...]:
    """Metrics, size and latency of both sides."""
    one, other = _figures_of(old, store), _figures_of(new, store)
    names = dict.fromkeys([*other, *one])
    return tuple(Figure(name, one.get(name), other.get(name)) for name in names)


def _figures_of(side: Side, store: Store) -> dict[str, float]:
    found = dict(side.figures)
    evaluated = side.steps.get("evaluate")
    scores = table(store, evaluated.output, "scores") if evaluated is not None else None
    for score in scores or ():
        found[str(score["metric"])] = float(score["value"])
    for name, fields in _FIGURES.items():
        step = side.steps.get(name)
        plain = plain_fields(store, step.output) if step is not None else {}
        found |= {field: float(plain[field]) for field in fields if field in plain}
    return found


def _tables(name: str, one: SideStep, other: SideStep, store: Store) -> Iterator[TableDifference]:
    """Rows of a step's artifact that differ, where both are in the store."""
    if not one.output or not other.output or one.output == other.output:
        return
    for part in _TABLES:
        before, after = table(store, one.output, part), table(store, other.output, part)
        if before is not None and after is not None:
            found = rows_between(before, after)
            if found:
                yield TableDifference(name, part, found)


def changed_rows(plan: Plan, task: Task, found: Survey) -> dict[str, tuple[str, ...]]:
    """For each data file that changed, which rows did: those of the last build are in the store, made by the
    step that read the file; those of now are read by the same rules."""
    told: dict[str, tuple[str, ...]] = {}
    for name, state in found.sources.items():
        if not found.found[name].changes or sum(entry.size for entry in state.entries) > _LARGEST:
            continue
        for step in plan.consumers(name):
            last = found.last.get(step.name)
            old = table(found.store, last.output) if last is not None and step.stage is read else None
            if old is not None:
                told[name] = _rows_now(plan.step(name), step, task, old)
    return told


def _rows_now(source: Step, step: Step, task: Task, old: Sequence[Row]) -> tuple[str, ...]:
    assert source.path is not None
    try:
        now = read(task, Files(source.path), **step.settings)
    except P2MError as error:
        return (f"it cannot be read: {error}",)
    return lines(rows_between(old, mapped(_plain, now.rows)))


def _plain(row: Example) -> Row:
    """The row as artifacts keep it."""
    found: Row = json.loads(json.dumps(asdict(row)))
    return found


def table(store: Store, output: str, field: str = "rows") -> Sequence[Row] | None:
    """The rows of an artifact as they lie in the store, verified; None where it is not there or has none."""
    content = blob(store, output, f"{field}.jsonl")
    return None if content is None else Lines(content)


def plain_fields(store: Store, output: str) -> Mapping[str, Any]:
    """The plain fields of an artifact; {} where it is not there."""
    content = blob(store, output, "value.json")
    found = json.loads(content) if content is not None else {}
    return dict(found.get("fields", {}))


def verdict_of(store: Store, record: RunRecord) -> str:
    """`SHIP`, `FALLS SHORT` or `UNPROVEN` where the run packaged a model that is still there; else ""."""
    packaged = record.steps.get("package")
    fields = plain_fields(store, packaged.output) if packaged is not None else {}
    verdict = fields.get("verdict")
    return str(verdict.get("decision", "")) if isinstance(verdict, dict) else ""


def blob(store: Store, output: str, name: str) -> bytes | None:
    """One file of an artifact."""
    try:
        digests = {entry.name: entry.digest for entry in store.tree(output)} if output else {}
        return store.read(digests[name]) if name in digests else None
    except DamagedError:
        return None
