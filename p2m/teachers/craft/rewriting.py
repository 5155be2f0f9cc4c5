"""One row of a dataset as a row of the task, by a wish in words: a request each, where no query can do it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from p2m.teachers.chat import Ask, Turn
from p2m.teachers.craft.described import described, record, words
from p2m.teachers.craft.fence import fenced
from p2m.types import Task

_LENGTH = 8000  # characters of a value that is shown


def rewrite_ask(task: Task, wish: str, row: Mapping[str, Any]) -> Ask:
    """Asks for the task's fields by what `row` says."""
    shown = {name: str(value)[:_LENGTH] for name, value in row.items() if value not in (None, "")}
    data = {"task": described(task, task.labels), "wish": wish, "row": shown}
    text = {"type": "string"}
    inputs = record({each.name: text for each in task.inputs})
    asked = record({"fits": {"type": "boolean"}, "input": inputs, "output": text})
    return Ask(words("rewrite"), (Turn("user", fenced(data)),), asked, max_tokens=2048, temperature=0.0)
