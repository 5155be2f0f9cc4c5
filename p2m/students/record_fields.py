"""What rows tell of the fields of a record: labels, scales, and which numbers stand in their texts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from statistics import median_low
from typing import Any

from p2m.deploy.serving.records import RecordField, numbers_in
from p2m.deploy.serving.rows import joined
from p2m.deploy.serving.shapes import read_record
from p2m.types import Example, Task
from p2m.types import RecordField as Asked

READ = 0.8  # share of a field's numbers that must stand in their texts to be read out of them


def told_of(task: Task, rows: Sequence[Example]) -> tuple[str, ...]:
    """Of each field a JSON object of what the rows tell of it; what the task says itself is left out."""
    names = tuple(each.name for each in task.inputs)
    pairs = [(value, joined(row.input, names)) for row in rows if (value := _record(row.output)) is not None]
    return tuple(json.dumps(_told(field, pairs), ensure_ascii=False) for field in task.record)


def described(task: Task, told: Sequence[str]) -> tuple[RecordField, ...]:
    """The fields with what `told_of` found."""
    known = [json.loads(each) for each in told] or [{}] * len(task.record)
    return tuple(_described(*pair) for pair in zip(task.record, known, strict=True))


def plain_label(value: Any) -> str:
    """A label of a record as a text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _described(field: Asked, told: Mapping[str, Any]) -> RecordField:
    scale = told.get("scale")
    if field.scale is not None:
        scale = (field.scale.low, field.scale.high, field.scale.step)
    return RecordField(
        field.name, field.kind, field.labels or tuple(told.get("labels", ())), field.nullable,
        told.get("decimal", ""), tuple(scale) if scale else None, told.get("middle", 0.0),
    )  # fmt: skip


def _record(output: str) -> dict[str, Any] | None:
    try:
        return read_record(output)
    except ValueError:
        return None


def _told(field: Asked, pairs: Sequence[tuple[dict[str, Any], str]]) -> dict[str, Any]:
    given = [(value[field.name], text) for value, text in pairs if value.get(field.name) is not None]
    if field.kind in ("label", "labels") and not field.labels:
        said = (value if isinstance(value, list) else [value] for value, _ in given)
        return {"labels": sorted({plain_label(each) for values in said for each in values})}
    if field.kind != "number":
        return {}
    known = [(float(value), text) for value, text in given if isinstance(value, (int, float))]
    if not known:
        return {"decimal": "."}
    numbers = [number for number, _ in known]
    found: dict[str, Any] = {"middle": median_low(numbers)}
    standing = {
        mark: sum(any(number == each for _, _, each in numbers_in(text, mark)) for number, text in known)
        for mark in ".,"
    }
    mark = max(standing, key=lambda each: standing[each])  # of equals the point
    if standing[mark] >= READ * len(known):
        return found | {"decimal": mark}
    whole = all(number == int(number) for number in numbers)
    return found | {"scale": [min(numbers), max(numbers), 1.0 if whole else 0.0]}
