"""Tasks, and a teacher that knows the shipped tickets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from known_rows import KnownRows, Row, Slips

from p2m.teachers.compatible import Compatible
from p2m.types import Example, Examples, Field, Task, TaskType

TICKETS = Path(__file__).parents[2] / "recipes/data/tickets"
LABELS = ("billing", "delivery", "returns", "account", "technical", "presales")
DESK = Task(
    TaskType.CLASSIFICATION, "Say which team answers a message.", (Field("text"),), Field("label"), LABELS
)
QA = Task(
    TaskType.QUESTION_ANSWERING,
    "Answer from the passage.",
    (Field("question"), Field("context")),
    Field("answer"),
)
SHOUT = Task(TaskType.TEXT_TO_TEXT, "Say it in capitals.", (Field("text"),), Field("loud"))


def tickets(part: str = "train") -> tuple[Row, ...]:
    lines = (TICKETS / f"{part}.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(({"text": row["text"]}, row["label"]) for row in map(json.loads, lines))


def as_examples(rows: tuple[Row, ...]) -> Examples:
    return Examples(tuple(Example(dict(values), answer, source="user") for values, answer in rows))


def desk(slips: Slips | None = None, **settings: Any) -> KnownRows:
    """A teacher that knows the training rows of the tickets, and keeps what it was asked."""
    return KnownRows(tickets(), slips or Slips(), keep=True, **settings)


def at(server: KnownRows, **settings: Any) -> Compatible:
    price = {"input": 0.0, "output": 0.0}
    return Compatible(model="known-rows", base_url=server.url, price=price, concurrency=16, **settings)


def users_words(body: dict[str, Any]) -> str:
    """What a request says to the model, all of it."""
    return "\n".join(str(message["content"]) for message in body["messages"])
