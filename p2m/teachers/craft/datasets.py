"""Datasets that would suit a task as a teacher imagines them, and which of those found it says fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from p2m.teachers.chat import Ask, Turn
from p2m.teachers.craft.described import described, record, words
from p2m.teachers.craft.fence import fenced
from p2m.types import Card, Task

_IMAGINED = 600  # characters of a description that was imagined
_DESCRIPTION, _NAME = 500, 80  # characters of a card's description, of any of its names
_COLUMNS, _LABELS = 20, 12  # of a card that are shown


def imagine_ask(task: Task, number: int) -> Ask:
    """Asks for that many descriptions of datasets that would suit."""
    one = record({"name": {"type": "string"}, "description": {"type": "string"}})
    data = {"task": described(task, task.labels), "number": number}
    asked = record({"datasets": {"type": "array", "items": one}})
    return Ask(words("imagine"), (Turn("user", fenced(data)),), asked, 256 + 200 * number, temperature=0.0)


def read_imagined(value: Mapping[str, Any], number: int) -> tuple[str, ...]:
    """The descriptions of a reply, each once, as cards are read: the name, then the text."""
    texts = (_line(f"{each['name']}. {each['description']}", _IMAGINED) for each in value["datasets"])
    return tuple(islice(dict.fromkeys(text for text in texts if text != "."), number))


def fitting_ask(task: Task, cards: Sequence[Card]) -> Ask:
    """Asks which of the cards fit; they have the numbers from 1 in this order."""
    data = {
        "task": described(task, task.labels),
        "candidates": [{"number": number, **_shown(card)} for number, card in enumerate(cards, start=1)],
    }
    number = {"type": "integer", "enum": list(range(1, len(cards) + 1))}
    asked = record({"fits": {"type": "array", "items": number}})
    return Ask(words("fitting"), (Turn("user", fenced(data)),), asked, max_tokens=1024, temperature=0.0)


def read_fitting(value: Mapping[str, Any], cards: Sequence[Card]) -> frozenset[str]:
    """The names of the cards that a reply says fit."""
    return frozenset(cards[number - 1].name for number in value["fits"])


def _shown(card: Card) -> dict[str, Any]:
    """What a teacher sees of a card."""
    found: dict[str, Any] = {"name": card.name, "description": _line(card.description, _DESCRIPTION)}
    labels = dict.fromkeys(label for names in card.label_names.values() for label in names.values())
    for name, texts, most in (
        ("tasks", card.task_ids, _COLUMNS), ("languages", card.languages, _COLUMNS),
        ("columns", card.columns, _COLUMNS), ("labels", labels, _LABELS),
    ):  # fmt: skip
        if texts:
            found[name] = [_line(text, _NAME) for text in islice(texts, most)]
    return found


def _line(text: str, most: int) -> str:
    return " ".join(text.split())[:most]
