"""What lies on the desk: the rows that people are asked about, in which order, and what they have decided.

A row is asked about once a pass. The first pass goes by rounds: of the rows that are left, those that tell
most (`Ranker`). A further pass goes through what earlier ones decided, without showing what that was: rows on
which they disagree first.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from p2m.answers.canonical import Unfit, canonical_of, is_shaped
from p2m.curation.decisions import (
    SOURCE,
    Entry,
    Key,
    agreement,
    answer_fault,
    key_of,
    standing,
    verdict,
)
from p2m.deploy.serving.feedback import now
from p2m.errors import UserError
from p2m.review.overlay import Overlay
from p2m.types import Example, Task

ACTIONS = ("accept", "edit", "label", "reject")


@dataclass(frozen=True, slots=True)
class Item:
    """A row to be asked about."""

    input: dict[str, str]
    was: str = ""  # its answer so far; "" where it has none
    votes: dict[str, float] = field(default_factory=dict)  # of a teacher
    source: str = ""

    @property
    def key(self) -> Key:
        return key_of(self.input)

    @property
    def id(self) -> str:
        """Of the input, for programs."""
        return hashlib.sha256(json.dumps(self.key).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Asked:
    """A row of a round, with why it is asked about."""

    item: Item
    why: str


class Ranker(Protocol):
    """Says which rows tell most."""

    def next(self, left: Sequence[Item], decided: Sequence[Example], number: int) -> list[Asked]:
        """At most so many of the rows that are left, the most telling first; `decided` are those answered."""

    def quality(self, decided: Sequence[Example]) -> dict[str, Any]:
        """How good a model of these answers is, and whether further ones pay; {} where none can tell."""


@dataclass
class Desk:
    """Rows, decisions and rounds of one pass; every method may be called from any thread."""

    task: Task
    items: Sequence[Item]
    overlay: Overlay
    ranker: Ranker
    turn: int = 1
    size: int = 20  # rows of a round
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def __post_init__(self) -> None:
        self.overlay.tidy()
        self._stand = standing(self.overlay.entries())
        self._rows = {item.id: item for item in self.items}
        for turns in self._stand.values():  # what was decided and is no longer there
            item = Item(next(iter(turns.values())).input)
            self._rows.setdefault(item.id, item)
        self._done: list[str] = []  # ids in this session, in order
        self._round: list[Asked] = []
        self._number = 0
        self._quality: dict[str, Any] = {}
        self._fill()

    # ------------------------------------------------------------------ what is asked

    def state(self) -> dict[str, Any]:
        """Everything that the page shows beside the rows."""
        with self._lock:
            decided = sum(self._decided(item) is not None for item in self._rows.values())
            return {
                "inputs": [each.name for each in self.task.inputs],
                "output": self.task.output.name,
                "is_labelled": self.is_choice,
                "labels": [
                    {"name": name, "means": self.task.descriptions.get(name, "")} for name in self.task.labels
                ],
                "instruction": self.task.instruction,
                "pass": self.turn,
                "round": self._number,
                "rows": len(self._rows),
                "decided": decided,
                "quality": self._quality,
                "agreement": agreement(self._stand),
                "file": self.overlay.path.name,
                "can_undo": bool(self._done),
            }

    def rows(self) -> list[dict[str, Any]]:
        """The rows of this round that are not decided yet, in their order."""
        with self._lock:
            return [self._shown(each) for each in self._round if self._decided(each.item) is None]

    @property
    def is_choice(self) -> bool:
        """Whether the answer is one of known labels."""
        return self.task.type.value == "text-classification" and bool(self.task.labels)

    # ------------------------------------------------------------------ what is decided

    def decide(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """Take a decision: {"id", "action", "output" of a label or an edit, "input" of an edit}.

        Raises:
            UserError: there is no such row, or the answer is none of the task's; nothing is decided then.
        """
        with self._lock:
            item = self._rows.get(str(told.get("id")))
            if item is None:
                raise UserError("there is no such row; load the page again")
            entry = self._entry(item, told)
            self.overlay.append(entry)
            self._keep(entry)
            self._done.append(item.id)
            self._fill()
            return {"id": item.id, "output": entry.output}

    def undo(self) -> dict[str, Any]:
        """Take the last decision of this session back; its row is asked about again, first.

        Raises:
            UserError: there is none.
        """
        with self._lock:
            if not self._done:
                raise UserError("there is nothing to undo in this session")
            item = self._rows[self._done[-1]]
            self.overlay.append(Entry(now(), item.input, turn=self.turn, undone=True))
            self._done.pop()
            self._stand.get(item.key, {}).pop(self.turn, None)
            self._round = [each for each in self._round if each.item.id != item.id]
            self._round.insert(0, Asked(item, "taken back"))
            return {"id": item.id}

    def close(self) -> None:
        """Sort the file."""
        with self._lock:
            self.overlay.tidy()

    # ------------------------------------------------------------------ within

    def _entry(self, item: Item, told: Mapping[str, Any]) -> Entry:
        action, output, values = told.get("action"), told.get("output"), told.get("input") or {}
        if action not in ACTIONS:
            raise UserError(f"{action!r} is no action; one of: {', '.join(ACTIONS)}")
        blank = Entry(now(), item.input, None, item.was, turn=self.turn)
        if action == "reject":
            return blank
        if action == "accept":
            if not item.was:
                raise UserError("this row has no answer that could be accepted: give it one")
            output = item.was
        if not isinstance(output, str) or not output.strip():
            raise UserError(f"give {self.task.output.name!r} an answer")
        if not isinstance(values, dict) or any(not isinstance(text, str) for text in values.values()):
            raise UserError("the input's fields are texts")
        if values and values.keys() != item.input.keys():
            raise UserError(f"give all of the input's fields: {', '.join(item.input)}")
        edited = values if values and key_of(values) != item.key else {}
        row = Example(edited or item.input, output, source=SOURCE)
        if action != "accept":
            row = replace(row, output=self._canonical(row))
        if fault := answer_fault(self.task, row):
            raise UserError(fault)
        return replace(blank, output=row.output, edited=edited)

    def _canonical(self, row: Example) -> str:
        """An answer as p2m spells it."""
        if not is_shaped(self.task):
            return row.output.strip()
        try:
            return canonical_of(self.task, [row.output]).write(row.output, row.input[self.task.context_field])
        except Unfit as error:
            raise UserError(str(error)) from None

    def _keep(self, entry: Entry) -> None:
        self._stand.setdefault(entry.key, {})[entry.turn] = entry

    def _decided(self, item: Item) -> Entry | None:
        return self._stand.get(item.key, {}).get(self.turn)

    def _fill(self) -> None:
        """A new round, where all rows of the last one are decided."""
        if any(self._decided(each.item) is None for each in self._round):
            return
        answered = self._answered()
        self._quality = self.ranker.quality(answered) if self.turn == 1 else {}
        self._round = self._again() if self.turn > 1 else self._next(answered)
        self._number += bool(self._round)

    def _next(self, answered: Sequence[Example]) -> list[Asked]:
        left = [item for item in self._rows.values() if not self._stand.get(item.key)]
        return self.ranker.next(left, answered, self.size) if left else []

    def _again(self) -> list[Asked]:
        """Rows that earlier passes decided and this one did not, those in dispute first."""
        found = []
        for item in self._rows.values():
            turns = self._stand.get(item.key, {})
            if any(turn < self.turn for turn in turns) and self.turn not in turns:
                is_torn = verdict(turns) is None
                found.append((not is_torn, item.id, Asked(item, "passes disagree" if is_torn else "again")))
        return [asked for _, _, asked in sorted(found, key=lambda each: each[:2])[: self.size]]

    def _answered(self) -> list[Example]:
        """The rows that have an answer of this pass."""
        found = []
        for turns in self._stand.values():
            entry = turns.get(self.turn)
            if entry is not None and entry.output is not None:
                found.append(Example(entry.input, entry.output, source=SOURCE))  # as it was ranked
        return found

    def _shown(self, asked: Asked) -> dict[str, Any]:
        item = asked.item
        return {
            "id": item.id, "input": item.input, "was": item.was, "votes": item.votes,
            "source": item.source, "why": asked.why,
        }  # fmt: skip
