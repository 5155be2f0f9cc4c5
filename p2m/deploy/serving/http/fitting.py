"""Values against the part of JSON Schema that the API is described in.

What the description says is what is enforced: one schema is published and checked by.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from ..rows import kind_of, named

# What is blank to Python or to ECMAScript is blank to everyone who reads the description.
NOT_BLANK = r"[^\s\u001c-\u001f\u0085\ufeff]"

Schema = Mapping[str, Any]
_SHOWN = 60  # characters of a wrong value
_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: (
        isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
    ),
}
_CALLED = {"object": "an object", "array": "a list", "string": "text", "boolean": "true or false"} | {
    "null": "null", "number": "a number", "integer": "a whole number",
}  # fmt: skip


def fault_in(value: Any, schema: Schema, where: str = "the body") -> str:
    """What is wrong with a value, where, and what was expected; "" where it fits."""
    if "anyOf" in schema and (said := _none_of(value, schema["anyOf"], where)):
        return said
    if "const" in schema and not _same(value, schema["const"]):
        return f"{where} must be {json.dumps(schema['const'])}, not {_shown(value)}"
    if "enum" in schema and not any(_same(value, each) for each in schema["enum"]):
        return f"{where} must be one of {named(schema['enum'])}, not {_shown(value)}"
    kind = schema.get("type")
    if kind is not None and not _TYPES[kind](value):
        return f"{where} must be {_CALLED[kind]}, not {kind_of(value)}"
    if isinstance(value, str):
        return _text_fault(value, schema, where)
    if isinstance(value, dict):
        return _object_fault(value, schema, where)
    if isinstance(value, list):
        return _list_fault(value, schema, where)
    return _number_fault(value, schema, where) if _TYPES["number"](value) else ""


def _none_of(value: Any, schemas: list[Schema], where: str) -> str:
    """What is wrong by the schema that comes nearest: by properties that fit, and how deep the fault lies."""
    faults = [fault_in(value, schema, where) for schema in schemas]
    if not all(faults):
        return ""
    fits = [_fitting(value, schema) for schema in schemas]
    nearest = max(range(len(faults)), key=lambda at: (fits[at], len(faults[at].partition(" must ")[0])))
    return faults[nearest]


def _fitting(value: Any, schema: Schema) -> int:
    """How many of a schema's properties an object has, as they should be."""
    inner = schema.get("properties", {}) if isinstance(value, dict) else {}
    return sum(name in value and not fault_in(value[name], each) for name, each in inner.items())


def _text_fault(value: str, schema: Schema, where: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return f"{where} must be text, and holds half a surrogate pair"
    pattern = schema.get("pattern")
    if pattern and not _compiled(pattern).search(value):
        return (
            f"{where} must be text that is not blank"
            if pattern == NOT_BLANK
            else f"{where} must match {pattern}"
        )
    return ""


def _object_fault(value: dict[str, Any], schema: Schema, where: str) -> str:
    missing = [name for name in schema.get("required", ()) if name not in value]
    if missing:
        return f"{where} must have {named(missing)}; there is {named(list(value)) or 'nothing'}"
    low, high = schema.get("minProperties", 0), schema.get("maxProperties", len(value))
    if not low <= len(value) <= high:
        number = f"{low} or more" if high == len(value) else f"just {high}"
        return f"{where} must have {number}; there is {named(list(value)) or 'nothing'}"
    known, others = schema.get("properties", {}), schema.get("additionalProperties", {})
    for name, each in value.items():
        if said := fault_in(each, known.get(name, others), f"{where}, {name}"):
            return said
    return ""


def _list_fault(value: list[Any], schema: Schema, where: str) -> str:
    if len(value) < schema.get("minItems", 0):
        return f"{where} must not be empty"
    if len(value) > schema.get("maxItems", len(value)):
        return f"{where} must have at most {schema['maxItems']:,} items, not {len(value):,}"
    for place, each in enumerate(value) if "items" in schema else ():
        if said := fault_in(each, schema["items"], f"{where}, item {place}"):
            return said
    contains = schema.get("contains")
    if contains and all(fault_in(each, contains) for each in value):
        return f"{where} must have {schema['$comment']}"
    return ""


def _number_fault(value: float, schema: Schema, where: str) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if (low is not None and value < low) or (high is not None and value > high):
        return (
            f"{where} must be a number from {low:g}{'' if high is None else f' to {high:g}'}, not {value:g}"
        )
    return ""


def cut_to(value: Any, schema: Schema) -> Any:
    """The value without what a schema of an object does not name, so that it fits a closed one."""
    wanted = schema.get("properties")
    if isinstance(value, dict) and isinstance(wanted, Mapping):
        named = {name: inner for name, inner in wanted.items() if name in value}
        return {
            name: cut_to(value[name], inner if isinstance(inner, Mapping) else {})
            for name, inner in named.items()
        }
    if isinstance(value, list) and isinstance(schema.get("items"), Mapping):
        return [cut_to(each, schema["items"]) for each in value]
    return value


def _same(left: Any, right: Any) -> bool:
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
