"""A recipe's settings as one flat table, every default included: what a lock keeps of a `ModelSpec`.

Values are those that were meant (`250M` is 250000000), so another way to write the same is no difference;
places of files are relative to the recipe; what never enters a key (device, executor, store, tracker) is
left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from p2m.engine.hashing import keyed_fields
from p2m.lock.model import Setting
from p2m.marked_yaml import join
from p2m.spec import ModelSpec, Retrieval, Teachers, Tuning
from p2m.types import Dimension, Requirement

_UNKEYED = ("device", "executor", "store", "tracker")
_PLAIN_MODULE = "p2m.types"  # values that are no components, so that their class says nothing


def settings_of(spec: ModelSpec, folder: Path) -> dict[str, Setting]:
    """Config path -> value; `folder` is the recipe's."""
    left = _UNKEYED if spec.distil.source else (*_UNKEYED, "distil")  # which says nothing without a teacher
    tree = {name: value for name, value in _fields(spec).items() if name not in left}
    return dict(_flat(tree, "", folder))


def relative_place(path: Path, folder: Path) -> str:
    """A place as a recipe in `folder` names it; of one that it names absolutely, the last part alone."""
    try:
        return path.relative_to(folder).as_posix()
    except ValueError:
        return path.name


def _fields(value: Any) -> dict[str, Any]:
    return {field.alias or name: getattr(value, name) for name, field in type(value).model_fields.items()}


def _flat(value: Any, path: str, folder: Path) -> Iterator[tuple[str, Setting]]:
    tree = _opened(value)
    if isinstance(tree, Mapping):
        for key, item in tree.items():
            yield from _flat(item, join(path, str(key)), folder)
        if not tree:
            yield path, {}
    elif isinstance(tree, (tuple, list)):
        for index, item in enumerate(tree):
            yield from _flat(item, join(path, index), folder)
        if not tree:
            yield path, []
    elif isinstance(tree, Path):
        yield path, relative_place(tree, folder)
    else:
        yield path, tree.value if isinstance(tree, Enum) else tree


def _opened(value: Any) -> Any:
    """One level of a value as a recipe would write it."""
    if isinstance(value, (Retrieval, Teachers, Tuning)):  # its component's settings stand beside its own
        fields = _fields(value)
        component = fields.pop("component")
        if isinstance(value, Teachers):
            fields = {name: each for name, each in fields.items() if each is not None}
        return {**fields, **(_opened(component) if component is not None else {"target": None})}
    if isinstance(value, Dimension):
        return str(value)
    if isinstance(value, Requirement):
        return f"{value.operator} {value.value!r}"
    if isinstance(value, BaseModel):
        return _fields(value)
    if isinstance(value, tuple) and value and all(isinstance(item, Requirement) for item in value):
        return _requirements(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in keyed_fields(type(value))}
        made = type(value)
        if made.__module__ == _PLAIN_MODULE:
            return fields
        return {"target": f"{made.__module__}.{made.__qualname__}", **fields}
    return value


def _requirements(found: tuple[Requirement, ...]) -> dict[str, str]:
    """Metric -> `>= 0.3`; of a metric that is required twice, both."""
    words: dict[str, str] = {}
    for one in found:
        text = f"{one.operator} {one.value!r}"
        words[one.metric] = f"{words[one.metric]}, {text}" if one.metric in words else text
    return words
