"""JSON Schema of a recipe as users write it, for editors: units as text, `defaults`, every key described.

Descriptions are the comments at the ends of the fields' lines, so that code and editor say the same.
"""

from __future__ import annotations

import inspect
import io
import textwrap
import tokenize
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, TypeAdapter

from p2m.marked_yaml import read_marked
from p2m.resources import conf_folder
from p2m.spec.components import Family, family_at, resolve_target
from p2m.spec.model import CHOICES, RANGES, ROLES, ModelSpec, Wish, WrittenExample
from p2m.spec.problems import DEPTH, SECTIONS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_OWN = {
    "retriever": "Retrieval",
    "teacher": "Teachers",
    "tuning": "Tuning",
}  # sections whose keys stand beside a component's
_TEXT = {"type": ["string", "number", "boolean"]}  # a user's own words, read as they are written


def json_schema() -> dict[str, Any]:
    """The schema of a recipe. Sections may be partial: a recipe only says what differs from its groups."""
    schema = ModelSpec.model_json_schema(mode="validation")
    definitions = schema["$defs"]
    for section in (*SECTIONS.values(), WrittenExample, Wish):
        _describe(schema if section is ModelSpec else definitions.get(section.__name__, {}), section)
    _loosen(definitions["WrittenExample"]["properties"])
    definitions["TaskWords"]["properties"]["labels"]["items"] = _TEXT
    properties = schema["properties"]
    for group, depth in DEPTH.items():
        own = definitions[_OWN[group]]["properties"] if group in _OWN else {}
        component = _component(family_at(group), own)
        if group == "teacher":
            role = _component(family_at(group), {})
            component["properties"] |= {
                name: role | {"description": own[name]["description"]} for name in ROLES
            }
        if depth == 3:
            section = definitions[properties[group]["$ref"].rpartition("/")[2]]
            section["properties"]["candidates"]["additionalProperties"] = component
            section.pop("required", None)
        else:
            value = component if depth == 1 else {"type": "object", "additionalProperties": component}
            properties[group] = value | {"description": properties[group].get("description", "")}
    definitions["Distil"]["properties"]["from"] |= {
        "anyOf": [{"type": ["string", "null"]}, _component(family_at("student"), {})]
    }
    for used in ("WrittenComponent", *_OWN.values()):
        definitions.pop(used)
    schema["properties"] = properties | _of_hydra()
    return {"$schema": DIALECT} | schema | {"required": ["prompt"], "title": "p2m recipe"}


def field_comments(section: type) -> dict[str, str]:
    """Name to the comment at the end of its line, for the annotated fields of a class."""
    found: dict[str, str] = {}
    for base in reversed(section.__mro__):
        if base.__module__ != "builtins" and base is not BaseModel:
            found |= _own_comments(base)
    return found


@cache
def _own_comments(section: type) -> dict[str, str]:
    try:
        source = textwrap.dedent(inspect.getsource(section))
    except (OSError, TypeError):
        return {}
    found: dict[str, str] = {}
    name, fresh = "", True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME and fresh and token.start[1] == 4:
            name = token.string
        elif token.type == tokenize.COMMENT and name:
            found[name] = token.string.lstrip("# ").strip()
        fresh = token.type in (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT)
        if token.type == tokenize.NEWLINE:
            name = ""
    return found


def _describe(schema: dict[str, Any], section: type) -> None:
    """Add descriptions, ranges and choices to the properties that `section` has."""
    comments = field_comments(section)
    for name, field in getattr(section, "model_fields", {}).items():
        comments[field.alias or name] = comments.get(name, "")
    for name, item in schema.get("properties", {}).items():
        item.pop("title", None)
        if comments.get(name):
            item["description"] = comments[name]
        if limits := RANGES.get(section, {}).get(name):
            item["minimum"], item["maximum"] = limits
        if choices := CHOICES.get(section, {}).get(name):
            item["enum"] = list(choices)


def _loosen(properties: dict[str, Any]) -> None:
    """Text that is read as written may look like a number to an editor."""
    properties["input"]["anyOf"] = [{"type": "object", "additionalProperties": _TEXT}, _TEXT]
    properties["output"] = properties["output"] | _TEXT
    properties["also"]["items"] = _TEXT


def _component(family: Family, own: Mapping[str, Any]) -> dict[str, Any]:
    """A component of a group: its target, the fields of the shipped ones, and the stage's `own` settings."""
    properties: dict[str, Any] = {}
    targets = sorted(set(_targets(family.group)))
    for target in targets:
        found = resolve_target(target, family)
        schema = TypeAdapter(found).json_schema()
        _describe(schema, found)
        for name, item in schema.get("properties", {}).items():
            note = f"{target.rpartition('.')[2]}: {item.get('description', name)}"
            properties[name] = item | {"description": note}
    properties |= {name: item for name, item in own.items() if name != "component"}
    note = "the component's class; null: none"
    target_schema = {"type": ["string", "null"], "description": note, "examples": targets}
    return {"type": ["object", "null"], "properties": {"target": target_schema} | properties}


def _targets(group: str) -> Iterator[str]:
    """Every target that the shipped options of a group name."""
    pending: list[Any] = [read_marked(file).value for file in sorted((conf_folder() / group).glob("*.yaml"))]
    while pending:
        value = pending.pop()
        if isinstance(value, Mapping):
            if isinstance(value.get("target"), str):
                yield value["target"]
            pending.extend(value.values())


def _of_hydra() -> dict[str, Any]:
    """The two keys that are about composing."""
    groups = {}
    for folder in sorted(entry for entry in conf_folder().iterdir() if entry.is_dir()):
        options = sorted(file.stem for file in folder.glob("*.yaml"))
        choice: dict[str, Any] = {"type": ["string", "array", "null"], "examples": options}
        groups[f"override {folder.name}"] = choice | {"description": f"one of: {', '.join(options)}"}
    entry = {"anyOf": [{"type": "string"}, {"type": "object", "properties": groups, "maxProperties": 1}]}
    return {
        "defaults": {
            "type": ["array", "null"],
            "items": entry,
            "description": "what the recipe builds on: `- base`, then `- override <group>: <option>`",
        },
        "hydra": {
            "type": "object",
            "description": "how sweeps (-m) run: settings of the launcher and of the sweeper",
            "properties": {
                "launcher": {"type": "object", "description": "settings of the chosen hydra/launcher"},
                "sweeper": {"type": "object", "description": "settings of the chosen hydra/sweeper"},
            },
            "additionalProperties": False,
        },
    }
