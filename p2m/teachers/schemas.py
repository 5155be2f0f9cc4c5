"""A JSON Schema as providers take it: objects closed, every property required, no bounds that they refuse.

What is left out here is held all the same: `asking` validates every reply by the schema as it was asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LEFT_OUT = frozenset(
    (
        *("minLength", "maxLength", "uniqueItems", "contains", "minContains", "maxContains", "default"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minProperties", "maxProperties", "propertyNames", "patternProperties", "examples", "$schema"),
    )
)
_MAPS = frozenset(("properties", "$defs", "definitions"))  # name -> schema


def closed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema with closed objects, as strict structured output wants it."""
    made: dict[str, Any] = {}
    for name, value in schema.items():
        if name in _MAPS and isinstance(value, Mapping):
            made[name] = {key: closed(each) for key, each in value.items()}
        elif name in ("enum", "const", "required"):
            made[name] = value
        elif name not in _LEFT_OUT:
            made[name] = _within(value)
    if isinstance(made.get("properties"), dict):
        made["required"] = list(made["properties"])
        made["additionalProperties"] = False
    return made


def is_closable(schema: object) -> bool:
    """Whether every object in it names its properties, so that closing it loses none."""
    if isinstance(schema, Mapping):
        kind = schema.get("type")
        is_open = kind == "object" or (isinstance(kind, list) and "object" in kind)
        if is_open and not schema.get("properties"):
            return False
        if isinstance(schema.get("additionalProperties"), Mapping) or schema.get("patternProperties"):
            return False
        inner = (value for name, value in schema.items() if name not in ("enum", "const"))
        return all(
            is_closable(each)
            for value in inner
            for each in (value.values() if isinstance(value, Mapping) and not value.get("type") else [value])
        )
    return all(is_closable(each) for each in schema) if isinstance(schema, list) else True


def _within(value: Any) -> Any:
    if isinstance(value, Mapping):
        return closed(value)
    return [_within(each) for each in value] if isinstance(value, list) else value
