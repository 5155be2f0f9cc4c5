"""The query that makes a dataset over which suits a task nearly: one SELECT over its rows, asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from p2m.teachers.chat import Ask, Turn
from p2m.teachers.craft.columns import MOST
from p2m.teachers.craft.described import described, record, words
from p2m.teachers.craft.fence import fenced
from p2m.types import Card, Task

FEW = 20  # values of a column that are shown at most
_ROWS, _LENGTH = 4, 300  # rows, characters of a value


@dataclass(frozen=True, slots=True)
class Shown:
    """A column of the table, as it is shown."""

    name: str
    type: str  # DuckDB's
    values: tuple[str, ...]  # all of them where they are few


def query_ask(
    task: Task,
    card: Card,
    columns: Sequence[Shown],
    rows: Sequence[Mapping[str, Any]],
    faults: Sequence[tuple[str, str]] = (),
) -> Ask:
    """Asks for a query over the table; `faults`: queries that were tried, and what was wrong with each."""
    shown = columns[:MOST]
    names = {column.name for column in shown}
    data = {
        "task": described(task, task.labels),
        "dataset": {"name": card.name, "description": card.description[:800]},
        "columns": [
            {"column": one.name, "type": one.type, "values": [text[:_LENGTH] for text in one.values[:FEW]]}
            for one in shown
        ],
        "rows": [
            {name: str(value)[:_LENGTH] for name, value in row.items() if name in names}
            for row in rows[:_ROWS]
        ],
    }
    if faults:
        data["tried"] = [{"query": query[:4000], "wrong": fault[:1000]} for query, fault in faults]
    asked = record({"fits": {"type": "boolean"}, "why": {"type": "string"}, "query": {"type": "string"}})
    return Ask(words("query"), (Turn("user", fenced(data)),), asked, max_tokens=2048, temperature=0.0)
