"""Which columns of a dataset are a task's fields: asked once a dataset, where rules are unsure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from p2m.teachers.chat import Ask, Turn
from p2m.teachers.craft.described import described, record, words
from p2m.teachers.craft.fence import fenced
from p2m.types import Card, Task

MOST = 40  # columns that are shown
_VALUES, _LENGTH = 3, 200  # of a column, characters of one


def columns_ask(task: Task, card: Card, columns: Mapping[str, Sequence[str]]) -> Ask:
    """Asks for the fields among `columns`, name -> values."""
    fields = [each.name for each in (*task.inputs, task.output)]
    shown = [
        {"column": name, "values": [text[:_LENGTH] for text in dict.fromkeys(values) if text][:_VALUES]}
        for name, values in list(columns.items())[:MOST]
    ]
    data = {
        "task": described(task, task.labels),
        "dataset": {"name": card.name, "description": card.description[:800]},
        "columns": shown,
    }
    one = record({"field": {"type": "string", "enum": fields}, "column": {"type": "string"}})
    asked = record(
        {"fits": {"type": "boolean"}, "why": {"type": "string"}, "fields": {"type": "array", "items": one}}
    )
    return Ask(words("columns"), (Turn("user", fenced(data)),), asked, max_tokens=1024, temperature=0.0)


def read_columns(value: Mapping[str, Any]) -> dict[str, str] | str:
    """Field -> column or template, as a reply has them; or why the dataset does not fit."""
    if not value.get("fits"):
        return " ".join(str(value.get("why") or "it does not fit").split())[:200]
    return {each["field"]: each["column"] for each in value.get("fields", ())}
