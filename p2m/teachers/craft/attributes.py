"""In which ways inputs differ, and what labels mean: asked of the teacher once, before anything else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from p2m.teachers.chat import Ask, Turn
from p2m.teachers.craft.described import described, record, words
from p2m.teachers.craft.fence import fenced
from p2m.types import Attribute, Task

_MOST = 8  # attributes
_VALUES = 16  # of one
_LENGTH = 80  # characters of a name or a value
_AT_ONCE = 40  # labels that one request explains
_RESERVED = ("label", "language", "answer")  # these are planned for by themselves


def attributes_ask(task: Task, labels: Sequence[str]) -> Ask:
    """Which attributes inputs have."""
    value = {"type": "array", "items": {"type": "string"}}
    one = record({"name": {"type": "string"}, "values": value})
    return _ask("attributes", {"task": described(task, labels)}, attributes={"type": "array", "items": one})


def read_attributes(value: Mapping[str, Any]) -> tuple[Attribute, ...]:
    """The attributes of a reply, each name and value once; those that leave no choice are left out."""
    found: dict[str, list[str]] = {}
    for each in value.get("attributes", ()):
        name = _plain(each["name"]).lower().replace(" ", "_")
        if name and name not in _RESERVED:
            found.setdefault(name, []).extend(each["values"])
    kept = (Attribute(name, distinct(values)[:_VALUES]) for name, values in found.items())
    return tuple(each for each in kept if len(each.values) > 1)[:_MOST]


def labels_asks(task: Task, labels: Sequence[str]) -> list[Ask]:
    """What labels mean that the recipe does not describe, some at a time."""
    dark = [label for label in labels if label not in task.descriptions]
    one = record({"label": {"type": "string", "enum": dark}, "meaning": {"type": "string"}})
    return [
        _ask(
            "labels",
            {"task": described(task, labels), "explain": dark[start : start + _AT_ONCE]},
            labels={"type": "array", "items": one},
        )
        for start in range(0, len(dark), _AT_ONCE)
    ]


def read_labels(value: Mapping[str, Any], labels: Sequence[str]) -> dict[str, str]:
    """Label -> its meaning, of those that the task has."""
    told = {each["label"]: " ".join(each["meaning"].split())[:300] for each in value.get("labels", ())}
    return {label: told[label] for label in labels if told.get(label)}


def distinct(values: Iterable[str]) -> tuple[str, ...]:
    """The values, each once, however it is capitalised or spaced; none that is blank or a text of its own."""
    found: dict[str, str] = {}
    for value in map(_plain, values):
        if value and len(value) <= _LENGTH:
            found.setdefault(value.casefold().strip(".,;:"), value)
    return tuple(found.values())


def _plain(text: str) -> str:
    return " ".join(text.split())


def _ask(name: str, data: dict[str, Any], **properties: Any) -> Ask:
    return Ask(
        words(name), (Turn("user", fenced(data)),), record(properties), max_tokens=4096, temperature=0.0
    )
