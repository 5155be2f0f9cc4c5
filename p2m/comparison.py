"""What differs between two states of a project, from recipes, journal and store; nothing runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from p2m.engine.blobs import DamagedError
from p2m.engine.explain import Survey
from p2m.engine.journal import RunRecord
from p2m.engine.plan import Plan, Step
from p2m.engine.store import Store
from p2m.errors import P2MError
from p2m.row_changes import Row, lines, rows_between
from p2m.stages.read import read
from p2m.types import Files, Task

_LARGEST = 50_000_000  # bytes of a source whose rows are read to be compared


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


def _rows_now(source: Step, step: Step, task: Task, old: list[Row]) -> tuple[str, ...]:
    assert source.path is not None
    try:
        now = read(task, Files(source.path), **step.settings)
    except P2MError as error:
        return (f"it cannot be read: {error}",)
    return lines(rows_between(old, [json.loads(json.dumps(asdict(row))) for row in now.rows]))


def table(store: Store, output: str, field: str = "rows") -> list[Row] | None:
    """The rows of an artifact as they lie in the store, verified; None where it is not there or has none."""
    content = blob(store, output, f"{field}.jsonl")
    return None if content is None else [json.loads(line) for line in content.split(b"\n")[:-1]]


def plain_fields(store: Store, output: str) -> Mapping[str, Any]:
    """The plain fields of an artifact; {} where it is not there."""
    content = blob(store, output, "value.json")
    found = json.loads(content) if content is not None else {}
    return dict(found.get("fields", {}))


def verdict_of(store: Store, record: RunRecord) -> str:
    """`SHIP` or `FALLS SHORT` where the run packaged a model that is still there; else ""."""
    packaged = record.steps.get("package")
    fields = plain_fields(store, packaged.output) if packaged is not None else {}
    verdict = fields.get("verdict")
    return "" if not isinstance(verdict, dict) else "SHIP" if verdict.get("ship") else "FALLS SHORT"


def blob(store: Store, output: str, name: str) -> bytes | None:
    """One file of an artifact."""
    try:
        digests = {entry.name: entry.digest for entry in store.tree(output)} if output else {}
        return store.read(digests[name]) if name in digests else None
    except DamagedError:
        return None
