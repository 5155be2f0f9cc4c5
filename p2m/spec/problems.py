"""Pydantic's errors as Problems: the config path, the place it was written, and the nearest right name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from p2m.errors import Problem, nearest
from p2m.spec.components import FAMILIES, field_names
from p2m.spec.model import (
    Compression,
    DataFiles,
    Evaluating,
    ExecutorWords,
    Generation,
    ModelSpec,
    Preferences,
    StoreWords,
    Students,
    TaskWords,
    WrittenConstraints,
    WrittenExample,
)
from p2m.types import Curation, Runtime, Splitting, Training

SECTIONS: dict[str, type] = {
    "": ModelSpec,
    "task": TaskWords,
    "constraints": WrittenConstraints,
    "metrics": Preferences,
    "data": DataFiles,
    "student": Students,
    "generation": Generation,
    "curation": Curation,
    "split": Splitting,
    "training": Training,
    "compression": Compression,
    "evaluation": Evaluating,
    "runtime": Runtime,
    "executor": ExecutorWords,
    "store": StoreWords,
    "examples": WrittenExample,
}
_PLAIN = {
    "missing": "is missing",
    "extra_forbidden": "unknown key",
    "unexpected_keyword_argument": "unknown key",
    "string_type": "expected text",
    "model_type": "expected a mapping",
    "dict_type": "expected a mapping",
    "dataclass_type": "expected a mapping",
    "tuple_type": "expected a list",
    "list_type": "expected a list",
    "path_type": "expected a path",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
}


def problems_of(
    error: ValidationError,
    data: Mapping[str, Any],
    place: Callable[[str], str],
    *,
    trust: Sequence[str] = (),
) -> list[Problem]:
    """Every error of a failed ModelSpec validation of `data`; `place` maps a config path to file:line."""
    found: dict[tuple[str, str], Problem] = {}
    for item in error.errors(include_url=False):
        path, parents = _config_path(item["loc"])
        message = _message(item)
        unknown = _PLAIN.get(item["type"]) == "unknown key"
        hint = _names(parents, data, trust) if unknown else ""
        if unknown and hint:
            hint = nearest(str(parents[-1]), hint)
        found.setdefault((path, message), Problem(message, path, place(path), hint or ""))
    return list(found.values())


def names_at(
    parents: Sequence[str | int], data: Mapping[str, Any], trust: Sequence[str] = ()
) -> tuple[str, ...]:
    """The keys that may stand in the section at `parents`."""
    top = str(parents[0]) if parents else ""
    section = SECTIONS.get(top)
    if top == "retriever" and len(parents) == 1:
        return (
            *field_names(data.get(top), FAMILIES[top], trust=trust),
            "target",
            "sources",
            "limit",
            "max_rows",
        )
    if top == "teacher" and len(parents) == 1:
        return (*field_names(data.get(top), FAMILIES[top], trust=trust), "target")
    inner = {"metric": 2, "student": 3, "compression": 3}.get(top)
    if inner is not None and len(parents) == inner:
        return (*field_names(_at(data, parents), FAMILIES[top], trust=trust), "target")
    if section is None or (len(parents) > 1 and top != "examples"):
        return ()
    if issubclass(section, BaseModel):
        return tuple(section.model_fields)
    return tuple(field.name for field in dataclasses.fields(section))


def _names(parents: Sequence[str | int], data: Mapping[str, Any], trust: Sequence[str]) -> tuple[str, ...]:
    return names_at(parents[:-1], data, trust)


def _at(data: Any, parents: Sequence[str | int]) -> Any:
    for part in parents:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _config_path(loc: Sequence[str | int]) -> tuple[str, list[str | int]]:
    """Pydantic's location as a config path: union branches and our own nesting are left out."""
    path, parts = "", []
    for index, part in enumerate(loc):
        if (index == 1 and loc[0] == "retriever" and part == "component") or str(part).endswith(("]", ")")):
            continue
        if parts and parts[0] == "examples" and index > 1 and part in ("str", "dict"):
            continue
        parts.append(part)
        path = f"{path}[{part}]" if isinstance(part, int) else f"{path}.{part}" if path else str(part)
    return path, parts


def _message(item: Any) -> str:
    kind, shown = item["type"], _shown(item.get("input"))
    if kind in ("missing", "extra_forbidden", "unexpected_keyword_argument"):
        return _PLAIN[kind]
    if kind in _PLAIN:
        return f"{_PLAIN[kind]}, got {shown}"
    if kind == "enum":
        return f"{shown} is not one of {item['ctx']['expected']}"
    message = str(item["msg"]).removeprefix("Value error, ")
    if kind in ("p2m", "value_error"):
        return message
    return f"{message[:1].lower()}{message[1:]}, got {shown}"


def _shown(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
