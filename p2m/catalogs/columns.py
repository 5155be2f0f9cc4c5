"""What a dataset's columns hold, seen in its rows: the facts that mapping decides by."""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from p2m.answers.labels import number_name
from p2m.catalogs.rows import RawRow

MAX_LABELS = 1000  # more distinct values than this are no labels
SAMPLE = 200  # values of a column that are kept to look at
_DATES = (datetime.date, datetime.time, datetime.timedelta)  # a datetime is a date


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `name` is dotted where it is a field of an object, e.g. `answers.text`."""

    name: str
    kind: str  # "text", "texts" (a list), "number", "date", "boolean", "label", "binary" or "other"
    rows: int = 0  # seen, of which `filled` were not empty
    filled: int = 0
    distinct: tuple[str, ...] | None = None  # its values where they are few, sorted; None where they are many
    words: float = 0.0  # a value's mean length in words
    questions: float = 0.0  # share of the values that end like a question, 0 to 1
    samples: tuple[str, ...] = ()  # of the same rows in every column, "" where empty


def flatten(values: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """A row's values by dotted names, two levels deep; the objects themselves do not come."""
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value and depth < 2:
            yield from flatten(value, f"{name}.", depth + 1)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping) and depth < 2:
            keys = dict.fromkeys(inner for item in value if isinstance(item, Mapping) for inner in item)
            for inner in keys:
                yield f"{name}.{inner}", [item.get(inner) for item in value if isinstance(item, Mapping)]
        else:
            yield name, value


def texts_of(value: Any) -> list[str]:
    """A value as texts: one of a scalar, all of a list; none of what is empty or no text.

    Numbers and dates have every digit that the file has: `1234567.0`, `0.12345678`, `2024-01-31 09:30:00`.
    """
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, str):
        return [value.strip()] if value.strip() else []
    if isinstance(value, (int, float, Decimal, *_DATES)):
        return [str(value)] if value == value else []
    if isinstance(value, list):
        return [text for item in value if not isinstance(item, (list, Mapping)) for text in texts_of(item)]
    return []


def text_of(flat: Mapping[str, Any], column: str) -> str:
    """One column's texts as one: tokens joined by blanks, others by line breaks; "" where there are none."""
    between = " " if column.rpartition(".")[2] in ("tokens", "words") else "\n"
    return between.join(texts_of(flat.get(column)))


class _Tally:
    """Counts of one column while rows stream by."""

    def __init__(self) -> None:
        self.kinds: dict[str, int] = {}
        self.filled = 0
        self.words = 0
        self.questions = 0
        self.distinct: set[str] | None = set()

    def add(self, value: Any) -> None:
        texts = texts_of(value)
        kind = _kind(value)
        self.kinds[kind] = self.kinds.get(kind, 0) + bool(texts or kind in ("texts", "binary"))
        if not texts:
            return
        self.filled += 1
        self.words += len(texts[0].split())
        self.questions += texts[0].endswith(("?", "？", "؟"))
        if self.distinct is not None and kind != "texts":
            self.distinct.add(texts[0])
            if len(self.distinct) > MAX_LABELS:
                self.distinct = None


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float, Decimal)):
        return "number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, _DATES):
        return "date"
    if isinstance(value, bytes):
        return "binary"
    flat = isinstance(value, list) and not any(isinstance(item, (list, Mapping, bytes)) for item in value)
    return "texts" if flat else "other"


def observe(
    records: Iterable[RawRow], label_names: Mapping[str, Mapping[str, str]] | None = None
) -> tuple[Column, ...]:
    """The columns of some rows. Every row is counted; a sample of them, the same at every call, is kept."""
    tallies: dict[str, _Tally] = {}
    kept: list[dict[str, str]] = []
    chance = random.Random(0)
    rows = 0
    for record in records:
        flat = dict(flatten(record.values))
        rows += 1
        for name, value in flat.items():
            if name not in tallies:
                tallies[name] = _Tally()
            tallies[name].add(value)
        place = rows - 1 if rows <= SAMPLE else chance.randrange(rows)
        if place < SAMPLE:
            texts = {name: (texts_of(value) or [""])[0] for name, value in flat.items()}
            kept[place : place + 1] = [texts]
    return tuple(_column(name, tally, rows, kept, label_names or {}) for name, tally in tallies.items())


def _column(
    name: str,
    tally: _Tally,
    rows: int,
    kept: list[dict[str, str]],
    label_names: Mapping[str, Mapping[str, str]],
) -> Column:
    kind = max(sorted(tally.kinds), key=lambda one: tally.kinds[one], default="other")
    distinct = tuple(sorted(tally.distinct)) if tally.distinct is not None and kind != "texts" else None
    if name in label_names and distinct is not None:
        named = {number_name(label_names[name], value) for value in distinct} - {None}
        kind, distinct = "label", tuple(sorted(map(str, named))) or distinct
    filled = max(tally.filled, 1)
    samples = tuple(row.get(name, "") for row in kept)
    return Column(
        name, kind, rows, tally.filled, distinct, tally.words / filled, tally.questions / filled, samples
    )
