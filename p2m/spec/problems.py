"""Pydantic's errors as Problems: the config path, the place it was written, and the nearest right name."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from p2m.engine.handles import Device
from p2m.engine.storage.shared_address import redacted
from p2m.errors import Problem, is_secret, nearest
from p2m.sizes import short
from p2m.spec.components import family_at, resolve_target
from p2m.spec.model import (
    ROLES,
    Baselines,
    Compression,
    DataFiles,
    Distil,
    Evaluating,
    ExecutorWords,
    Generation,
    ModelSpec,
    Preferences,
    RerankWords,
    Retrieval,
    SharedWords,
    StoreWords,
    Students,
    TaskWords,
    Teachers,
    Tuning,
    Wish,
    WrittenConstraints,
    WrittenExample,
)
from p2m.types import Choosing, Curation, Splitting, TaskType, Training

SECTIONS: dict[str, type] = {
    "": ModelSpec,
    "task": TaskWords,
    "constraints": WrittenConstraints,
    "metrics": Preferences,
    "data": DataFiles,
    "teacher": Teachers,
    "retriever": Retrieval,
    "retriever.rerank": RerankWords,
    "student": Students,
    "baselines": Baselines,
    "generation": Generation,
    "curation": Curation,
    "split": Splitting,
    "choosing": Choosing,
    "training": Training,
    "tuning": Tuning,
    "distil": Distil,
    "compression": Compression,
    "evaluation": Evaluating,
    "device": Device,
    "executor": ExecutorWords,
    "store": StoreWords,
    "store.shared": SharedWords,
}
DEPTH = {  # of a section's components
    "teacher": 1,
    "retriever": 1,
    "runtime": 1,
    "metric": 2,
    "temperature": 1,
    "verifier": 2,
    "student": 3,
    "baselines": 3,
    "compression": 3,
    "tuning": 1,
    "tracker": 1,
}
_WANTED = {
    "string_type": "text",
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "dataclass_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
    "path_type": "a path",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
}
# What stood under `runtime` before that named what runs the deployed model, and where it stands now.
_WAS_RUNTIME = {"device": "type", "threads": "threads", "batch_size": "batch_size"}
_SECTIONAL = ("model_type", "dict_type", "mapping_type", "dataclass_type")
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")


def problems_of(
    error: ValidationError,
    data: Mapping[str, Any],
    place: Callable[[str], str],
    *,
    trust: Sequence[str] = (),
) -> list[Problem]:
    """Every error of a failed ModelSpec validation of `data`; `place` maps a config path to file:line."""
    found: dict[str, Problem] = {}
    for item in error.errors(include_url=False):
        parts = _parts(item["loc"])
        path, hint = config_path(parts), ""
        if item["type"] in _UNKNOWN and parts:
            hint = _was_runtime(parts, item, place(path)) or _was_trials(parts, item, place(path))
            hint = hint or _not_written(parts) or _elsewhere(parts)
            hint = hint or nearest(str(parts[-1]), keys_at(parts[:-1], data, trust=trust))
        elif item["type"] in _SECTIONAL and path in SECTIONS:
            hint = _as_section(path, item.get("input"))
        elif item["type"] == "enum" and path == "task.type":
            hint = nearest(str(item.get("input")), [one.value for one in TaskType if one.is_learnt])
        # What was typed for a url may hold a password, and a place may repeat what was typed.
        found.setdefault(path, Problem(redacted(_message(item)), path, redacted(place(path)), hint))
    return list(found.values())


def misplaced_booleans(
    data: Mapping[str, Any], place: Callable[[str], str], *, trust: Sequence[str] = ()
) -> list[Problem]:
    """pydantic takes true for 1; we do not: a Problem for each boolean where a number belongs."""
    found: list[Problem] = []
    for parts, value in _leaves(data, ()):
        if isinstance(value, bool):
            kinds = _kinds(parts, data, trust)
            if kinds & {int, float} and bool not in kinds:
                message = f"expected a number, got {str(value).lower()}"
                found.append(Problem(message, config_path(parts), place(config_path(parts))))
    return found


def keys_at(parents: Sequence[str | int], data: Mapping[str, Any], *, trust: Sequence[str] = ()) -> list[str]:
    """The keys that may stand in the section at `parents`; [] where any may, or none is known."""
    top = str(parents[0]) if parents else ""
    keys = list(_fields(_component_at(parents, data, trust)))
    if _is_component(parents):
        keys.append("target")
    if top == "examples" and len(parents) == 2:
        keys += WrittenExample.model_fields
    if list(map(str, parents[:2])) == ["retriever", "transform"] and len(parents) == 3:
        keys += Wish.model_fields
    section = SECTIONS.get(".".join(str(part) for part in parents))
    keys += [key for key in _fields(section) if key != "component"]
    return keys


def config_path(parts: Sequence[str | int]) -> str:
    """`training.epochs`, `examples[0].output`."""
    path = ""
    for part in parts:
        path = f"{path}[{part}]" if isinstance(part, int) else f"{path}.{part}" if path else str(part)
    return path


def _was_runtime(parts: Sequence[str | int], item: Any, where: str) -> str:
    """What to type for a device's setting under `runtime`; "" for any other key."""
    if parts[0] != "runtime" or parts[-1] not in _WAS_RUNTIME:
        return ""
    name, value = _WAS_RUNTIME[str(parts[-1])], item.get("input")
    is_typed = where.startswith("override ")
    line = f"type: device.{name}={value}" if is_typed else f"write `device: {{{name}: {value}}}`"
    return f"what was `runtime` is `device` now; {line}"


def _was_trials(parts: Sequence[str | int], item: Any, where: str) -> str:
    """What to type for the number of trials, which stood under `training`; "" for any other key."""
    if list(parts) != ["training", "trials"]:
        return ""
    value = item.get("input")
    is_typed = where.startswith("override ")
    return f"type: tuning.trials={value}" if is_typed else f"write `tuning: {{trials: {value}}}`"


def _not_written(parts: Sequence[str | int]) -> str:
    """What to do with a key of a teacher's, which stands in no recipe; "" for any other setting."""
    if parts[0] != "teacher" or not is_secret(str(parts[-1])):
        return ""
    return (
        "a key is written down nowhere: teacher.key_env names the variable that holds it, or key_file a file"
    )


def _elsewhere(parts: Sequence[str | int]) -> str:
    """The sections that have a key which was written where it does not belong; "" where none has."""
    name = str(parts[-1])
    found = [f"{path}.{name}" for path, section in SECTIONS.items() if path and name in _fields(section)]
    return f"did you mean {' or '.join(found)}?" if found else ""


def _as_section(path: str, value: Any) -> str:
    """How the section at `path` is written, where something else stands there."""
    keys = [key for key in _fields(SECTIONS[path]) if key != "component"]
    if path == "data" and isinstance(value, str):
        return f"write `data: {{train: {value}}}`"
    return f"below it, indented, stand its keys: {', '.join(keys[:6])}{', ...' if len(keys) > 6 else ''}"


def _is_component(parents: Sequence[str | int]) -> bool:
    """Whether components are described there; a teacher's roles lie below the one for all."""
    top = str(parents[0]) if parents else ""
    is_role = top == "teacher" and len(parents) == 2 and parents[1] in ROLES
    return is_role or len(parents) == DEPTH.get(top)


def _component_at(parents: Sequence[str | int], data: Mapping[str, Any], trust: Sequence[str]) -> type | None:
    """The class of the component that `data` describes at `parents`, where it does."""
    top = str(parents[0]) if parents else ""
    if not _is_component(parents):
        return None
    value: Any = data
    try:
        for part in parents:
            value = value[part]
        return resolve_target(value["target"], family_at(top), trust=trust)
    except (KeyError, IndexError, TypeError, ValueError):
        return None


def _fields(section: type | None) -> dict[str, Any]:
    """Names and types of the fields of a section or a settings class."""
    if section is None:
        return {}
    if issubclass(section, BaseModel):
        return {item.alias or name: item.annotation for name, item in section.model_fields.items()}
    if dataclasses.is_dataclass(section):
        hints = typing.get_type_hints(section)
        return {item.name: hints[item.name] for item in dataclasses.fields(section) if item.init}
    return {}


def _kinds(parts: Sequence[str | int], data: Mapping[str, Any], trust: Sequence[str]) -> set[type]:
    """The plain types that the field at `parts` may have."""
    section = _component_at(parts[:-1], data, trust)
    if str(parts[-1]) not in _fields(section):
        section = SECTIONS.get(".".join(str(part) for part in parts[:-1]))
    annotation = _fields(section).get(str(parts[-1]))
    return {kind for kind in (annotation, *typing.get_args(annotation)) if isinstance(kind, type)}


def _leaves(value: Any, parts: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, (*parts, str(key)))
    elif not isinstance(value, list):
        yield parts, value


def _parts(loc: Sequence[str | int]) -> list[str | int]:
    """Pydantic's location without what is pydantic's own or ours: union branches, our nesting."""
    parts: list[str | int] = []
    for index, part in enumerate(loc):
        nested = index == 1 and loc[0] in ("retriever", "teacher", "tuning") and part == "component"
        branch = index > 2 and loc[0] == "examples" and part in ("str", "dict[str,str]")
        made = index == 3 and list(loc[:2]) == ["retriever", "transform"] and part in ("sql", "wish")
        if not (nested or branch or made):
            parts.append(part)
    return parts


def _message(item: Any) -> str:
    kind, shown = item["type"], _shown(item.get("input"))
    if kind in _UNKNOWN:
        return "unknown key"
    if kind == "missing":
        return "is missing"
    if kind in _WANTED:
        return f"expected {_WANTED[kind]}, got {shown}"
    if kind == "enum":
        is_type = config_path(_parts(item["loc"])) == "task.type"
        return f"{shown} is " + ("no type of task" if is_type else f"not one of {item['ctx']['expected']}")
    message = str(item["msg"]).removeprefix("Value error, ")
    if kind in ("p2m", "value_error"):
        return message
    return f"{message[:1].lower()}{message[1:]}, got {shown}"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return short(text, 60)
