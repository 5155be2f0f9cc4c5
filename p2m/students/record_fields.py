"""What rows tell of the fields of a record: labels, scales, and which numbers stand in their texts."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from statistics import median_low
from typing import Any

from p2m.deploy.serving.record_fields import RecordField, numbers_in
from p2m.deploy.serving.rows import joined
from p2m.deploy.serving.shapes import read_record
from p2m.types import Example, Task
from p2m.types import RecordField as Asked

_TIMES, _LIKELY, _LIFT = 3, 0.3, 6.0  # rows, share of a word's rows, and times the odds of a number at all
WRITTEN = 0.2  # share that must stand in digits for words to be looked for that say the others
_MANY = 5000  # rows that are looked at for them
READ = 0.8  # share of a field's numbers that must stand in their texts to be read out of them


def told_of(task: Task, rows: Sequence[Example]) -> tuple[str, ...]:
    """Of each field a JSON object of what the rows tell of it; what the task says itself is left out."""
    names = tuple(each.name for each in task.inputs)
    pairs = [(value, joined(row.input, names)) for row in rows if (value := _record(row.output)) is not None]
    return tuple(json.dumps(_told(field, pairs), ensure_ascii=False) for field in task.record)


def described(task: Task, told: Sequence[str]) -> tuple[RecordField, ...]:
    """The fields with what `told_of` found."""
    known = [json.loads(each) for each in told] or [{}] * len(task.record)
    return tuple(_described(*pair) for pair in zip(task.record, known, strict=True))


def plain_label(value: Any) -> str:
    """A label of a record as a text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _described(field: Asked, told: Mapping[str, Any]) -> RecordField:
    scale = told.get("scale")
    if field.scale is not None:
        scale = (field.scale.low, field.scale.high, field.scale.step)
    return RecordField(
        field.name, field.kind, field.labels or tuple(told.get("labels", ())), field.nullable,
        told.get("decimal", ""), tuple(scale) if scale else None, told.get("middle", 0.0),
        tuple((word, value) for word, value in told.get("words", ())), told.get("fractions", False),
    )  # fmt: skip


def _record(output: str) -> dict[str, Any] | None:
    try:
        return read_record(output)
    except ValueError:
        return None


def _stands(
    number: float, text: str, mark: str, fractions: bool, words: Sequence[tuple[str, float]] = ()
) -> bool:
    known = numbers_in(text, mark, words, fractions=fractions)
    return any(number == each for _, _, each in known)


def _odds(part: int, whole: int) -> float:
    return part / (whole - part) if part < whole else math.inf


def _words(pairs: Sequence[tuple[float, str]]) -> list[tuple[str, float]]:
    """Words that say a number (`four`, `vier`, `myself`), by rows whose number stands in no digits: each time
    the pair of a word and a number that explains most rows that are not explained yet, and is far oftener a
    pair than chance would have it.
    """
    pairs = pairs[:_MANY]
    rows = [(number, frozenset(re.findall(r"[^\W\d_]+", text.lower()))) for number, text in pairs]
    holding = Counter(word for _, words in rows for word in words)
    shares = Counter(number for number, _ in rows)
    found: list[tuple[str, float]] = []
    while rows:
        told = Counter((word, number) for number, words in rows for word in words)
        likely = [
            (times, pair)
            for pair, times in told.items()
            if times >= _TIMES
            and times >= _LIKELY * holding[pair[0]]
            and _odds(times, holding[pair[0]]) >= _LIFT * _odds(shares[pair[1]], len(pairs))
        ]
        if not likely:
            break
        _, (word, number) = max(likely, key=lambda each: (each[0], each[1]))
        found.append((word, number))
        rows = [(each, words) for each, words in rows if each != number or word not in words]
    return sorted(found)


def _told(field: Asked, pairs: Sequence[tuple[dict[str, Any], str]]) -> dict[str, Any]:
    given = [(value[field.name], text) for value, text in pairs if value.get(field.name) is not None]
    if field.kind in ("label", "labels") and not field.labels:
        said = (value if isinstance(value, list) else [value] for value, _ in given)
        return {"labels": sorted({plain_label(each) for values in said for each in values})}
    if field.kind != "number":
        return {}
    known = [(float(value), text) for value, text in given if isinstance(value, (int, float))]
    if not known:
        return {"decimal": "."}
    numbers = [number for number, _ in known]
    found: dict[str, Any] = {"middle": median_low(numbers)}
    ways = list(product((False, True), ".,"))
    hidden = {way[::-1]: [pair for pair in known if not _stands(*pair, *way[::-1])] for way in ways}
    way = min(hidden, key=lambda each: len(hidden[each]))  # of equals the point, and no fractions
    mark, fractions = way
    written = 1 - len(hidden[way]) / len(known)  # of what is never written in digits, words are no numbers
    words = _words(hidden[way]) if field.scale is None and written >= WRITTEN else []
    standing = sum(_stands(*pair, mark, fractions, words) for pair in known)
    if standing >= READ * len(known):
        found |= {"decimal": mark} | ({"words": words} if words else {})
        return found | ({"fractions": True} if fractions else {})
    whole = all(number == int(number) for number in numbers)
    return found | {"scale": [min(numbers), max(numbers), 1.0 if whole else 0.0]}
