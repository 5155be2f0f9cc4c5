"""What the manifest of a bundle says of its recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from typing import Any

from p2m.engine.hashing import keyed_fields
from p2m.spec import ROLES, ModelSpec, Teachers
from p2m.types import Metric


def committed(spec: ModelSpec, reported: Sequence[Metric]) -> dict[str, Any]:
    """What the manifest says of the recipe, as plain data: what was decided, no place, no machine.

    `reported` are the metrics that judged the model, the primary one first.
    """
    return {
        "name": spec.name, "prompt": spec.prompt, "seed": spec.seed,
        "metrics": {"primary": spec.metrics.primary, "also": list(spec.metrics.also)},
        "metric": {each.name: _described(each) for each in reported},
        "teacher": _described_teachers(spec.teacher), "num_examples": spec.rows_wanted,
        "students": {name: _described(student) for name, student in spec.student.candidates.items()},
        "compression": {name: _described(way) for name, way in spec.compression.candidates.items()},
        "runtime": _described(spec.runtime),
        "constraints": asdict(spec.constraints), "curation": asdict(spec.curation),
        "split": asdict(spec.split), "training": asdict(spec.training), **_distilled(spec),
    }  # fmt: skip


# Where the parts of `committed` come from, for their places.
COMMITTED = {
    **{
        f"spec.{name}": name
        for name in ("name", "prompt", "seed", "metrics", "teacher", "constraints", "curation", "runtime")
    },
    **{f"spec.{name}": name for name in ("split", "training", "metric", "distil")},
    "spec.num_examples": "generation.num_examples",
    "spec.students": "student.candidates",
    "spec.compression": "compression.candidates",
}


def _distilled(spec: ModelSpec) -> dict[str, Any]:
    """Who taught the student by logits, where the recipe names anybody."""
    told = spec.distil
    if told.source is None:
        return {}
    taught = {"from": told.source.name, "teacher": _described(told.source.student)}
    return {"distil": taught | {"alpha": told.alpha, "temperature": told.temperature, "top_k": told.top_k}}


def _described(component: Any) -> dict[str, Any] | None:
    """A component as a recipe would write it."""
    if component is None:
        return None
    made = type(component)
    return {"target": f"{made.__module__}.{made.__qualname__}", **_keyed(component)}


def _described_teachers(teachers: Teachers) -> dict[str, Any] | None:
    """The teacher of all roles, or the one of each that is named, as a recipe would write them."""
    if not teachers.named:
        return _described(teachers.component)
    return {role: _described(teachers.of(role)) for role in ROLES}


def _keyed(value: Any) -> Any:
    """Plain data of `value`, of dataclasses at any depth only the fields that can change a result."""
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _keyed(getattr(value, each.name)) for each in keyed_fields(type(value))}
    if isinstance(value, (tuple, list)):
        return type(value)(map(_keyed, value))
    return {name: _keyed(each) for name, each in value.items()} if isinstance(value, dict) else value
