"""A task as a prompt describes it: plain data, the same for every request of a step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from p2m.types import Field, Task


def described(
    task: Task, labels: Sequence[str] = (), meanings: Mapping[str, str] | None = None, *, turn: int = 0
) -> dict[str, Any]:
    """What a teacher needs to know of `task`; of another `turn` the labels stand in another order."""
    found: dict[str, Any] = {
        "instruction": task.instruction,
        "inputs": [_field(each) for each in task.inputs],
        "output": _field(task.output),
        "language": ", ".join(task.spoken),
    }
    if task.output_format:
        found["output_format"] = task.output_format
    if labels:
        known = {**(meanings or {}), **task.descriptions}
        found["labels"] = [
            {"label": label, "meaning": known[label]} if label in known else {"label": label}
            for label in turned(labels, turn)
        ]
    return found


def turned(items: Sequence[Any], turn: int) -> list[Any]:
    """The items in an order of their own for each turn; that of turn 0 is theirs."""
    found = list(items)
    if turn:
        Random(f"p2m.turn:{turn}").shuffle(found)
    return found


@cache
def words(name: str) -> str:
    """The instructions of a prompt, from the text file of that name beside this one."""
    return Path(__file__).with_name(f"{name}.txt").read_text(encoding="utf-8")


def record(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of an object with exactly these."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }


def _field(field: Field) -> dict[str, str]:
    return {"name": field.name} | ({"description": field.description} if field.description else {})
