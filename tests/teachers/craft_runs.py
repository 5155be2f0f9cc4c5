"""What a stage that asks a teacher is handed in tests, and the teacher that knows the shipped tickets."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from p2m.engine.handles import Device
from p2m.engine.recording.ledger import StepRecorder
from p2m.teachers.compatible import Compatible
from p2m.types import Example, Examples, Field, Task, TaskType
from tests.teachers.known_rows import KnownRows, Row, Slips

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


@dataclass
class CraftRun:
    """The Protocol `Run`, with the real ledger in `folder`."""

    folder: Path
    key: str = "k" * 64
    device: Device = field(default_factory=Device)
    lines: list[str] = field(default_factory=list)
    sums: Counter[str] = field(default_factory=Counter)

    @property
    def recorder(self) -> StepRecorder:
        return StepRecorder(self.folder / "ledger", self.key, {})

    def tally(self, name: str, amount: int) -> int:
        self.sums[name] += amount
        return self.sums[name]

    def progress(self, done: int, total: int, note: str = "") -> None: ...

    def say(self, line: str) -> None:
        self.lines.append(line)


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
